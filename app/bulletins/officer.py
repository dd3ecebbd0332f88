"""Writing, correcting and withdrawing bulletins."""

from fastapi import APIRouter

router = APIRouter()
