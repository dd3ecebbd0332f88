"""A picture and all its copies: merge, take apart, mark faces."""

from fastapi import APIRouter

router = APIRouter()
