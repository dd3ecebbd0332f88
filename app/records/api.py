"""Records from police systems: create, update, close, erase."""

from fastapi import APIRouter

router = APIRouter(tags=["records"])
