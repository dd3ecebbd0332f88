"""Records as PFIF 1.4: import and export."""

from fastapi import APIRouter

router = APIRouter(tags=["records"])
