"""What has expired, what the last nights erased, and a night that asks first."""

from fastapi import APIRouter

router = APIRouter()
