"""Sightings: suggestions to decide, and tracks."""

from fastapi import APIRouter

router = APIRouter()
