"""The second factor: giving it, setting one up, recovery codes, proving anew who one is."""

from fastapi import APIRouter

router = APIRouter()
