"""Open311 GeoReport v2: services, their definition, requests."""

from fastapi import APIRouter

router = APIRouter(tags=["open311"])
