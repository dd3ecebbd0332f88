"""Bulletins as the public reads them: pages and an Atom feed."""

from fastapi import APIRouter

router = APIRouter()
