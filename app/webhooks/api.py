"""A partner's own webhooks: endpoints, secrets, deliveries, test and replay."""

from fastapi import APIRouter

router = APIRouter(tags=["webhooks"])
