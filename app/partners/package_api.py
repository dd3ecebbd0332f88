"""Tips in steps: open a package, add files, finish or retract it."""

from fastapi import APIRouter

router = APIRouter(tags=["packages"])
