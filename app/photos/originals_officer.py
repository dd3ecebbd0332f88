"""Asking for a sealed original, allowing it, and opening it once."""

from fastapi import APIRouter

router = APIRouter()
