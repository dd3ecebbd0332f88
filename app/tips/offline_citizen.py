"""What the tip form needs beside its page: the service worker, and a draft that is sent later."""

from fastapi import APIRouter

router = APIRouter()
