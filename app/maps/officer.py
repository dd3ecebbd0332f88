"""The map of an officer's own area."""

from fastapi import APIRouter

router = APIRouter()
