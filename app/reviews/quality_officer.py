"""Appeals, and the quality of reviews for supervisors."""

from fastapi import APIRouter

router = APIRouter()
