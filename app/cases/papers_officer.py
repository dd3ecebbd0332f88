"""A case's papers: tasking sheet, case file, attachments."""

from fastapi import APIRouter

router = APIRouter()
