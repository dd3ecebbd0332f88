"""The supervisor's page: clocks, load, what is late or undelivered."""

from fastapi import APIRouter

router = APIRouter()
