"""The console pages of channels."""

from fastapi import APIRouter

router = APIRouter()
