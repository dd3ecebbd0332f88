"""Who looked at this child, what an officer opened, what is unusual, and the export."""

from fastapi import APIRouter

router = APIRouter()
