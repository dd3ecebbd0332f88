"""The outlines of areas, for the pin on the tip form."""

from fastapi import APIRouter

router = APIRouter()
