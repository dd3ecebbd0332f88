"""A deployment with an encoder to compare faces with."""

import pytest

from app.audit.service import SYSTEM
from app.core.context import Context
from app.encoders import service as encoders
from tests.app.sightings.scene import KEY, Scene
from tests.make import Make


@pytest.fixture
def scene(context: Context, make: Make) -> Scene:
    """Makes tips and suggestions."""
    with context.db.write() as session:
        encoders.ensure_active(session, KEY, SYSTEM)
    return Scene(context, make)
