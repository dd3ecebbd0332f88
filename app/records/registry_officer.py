"""The console pages of imports: progress, summary, refused lines, export."""

from fastapi import APIRouter

router = APIRouter()
