"""Many tips in one request."""

from fastapi import APIRouter

router = APIRouter(tags=["tips"])
