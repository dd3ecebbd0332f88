"""What citizens read about how long what is kept."""

from fastapi import APIRouter

router = APIRouter()
