"""Waves of tips, and what came in them."""

from fastapi import APIRouter

router = APIRouter()
