"""The review queue: filters, claims, skips, saved views, live updates."""

from fastapi import APIRouter

router = APIRouter()
