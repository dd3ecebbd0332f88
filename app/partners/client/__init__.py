"""A client of the partner API. It needs httpx and nothing else of this project, so it may be copied out."""

from app.partners.client.answers import BatchResult, Message, Receipt, Tip
from app.partners.client.errors import Problem, QuotaUsedUp
from app.partners.client.homeward import Homeward
from app.partners.client.tips import NewTip, Photo

__all__ = [
    "BatchResult",
    "Homeward",
    "Message",
    "NewTip",
    "Photo",
    "Problem",
    "QuotaUsedUp",
    "Receipt",
    "Tip",
]
