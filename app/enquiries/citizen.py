"""The public page that says whether a picture has been checked."""

from fastapi import APIRouter

router = APIRouter()
