"""The pages that a receipt code opens: the thread, more photos, notices, taking a tip back."""

from fastapi import APIRouter

router = APIRouter()
