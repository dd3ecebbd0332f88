"""Referrals to other agencies."""

from fastapi import APIRouter

router = APIRouter()
