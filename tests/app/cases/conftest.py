"""Fixtures of leads and cases."""

import pytest

from app.core.context import Context
from tests.app.cases.desk import Desk
from tests.make import Make


@pytest.fixture
def desk(context: Context, make: Make) -> Desk:
    """Leads and cases of this test's deployment."""
    return Desk(context, make)
