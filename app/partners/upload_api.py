"""Files that arrive in pieces: the tus protocol."""

from fastapi import APIRouter

router = APIRouter(tags=["uploads"])
