"""Signing in through the force's own directory (OpenID Connect)."""

from fastapi import APIRouter

router = APIRouter()
