"""Areas as GeoJSON."""

from fastapi import APIRouter

router = APIRouter(tags=["areas"])
