"""The proof of submission: downloading it, and the public page that checks one."""

from fastapi import APIRouter

router = APIRouter()
