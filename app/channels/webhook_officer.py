"""A channel's webhooks, as administrators look after them."""

from fastapi import APIRouter

router = APIRouter()
