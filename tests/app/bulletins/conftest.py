"""A desk of supervisors who write bulletins."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.bulletins import service
from app.bulletins.service import Draft
from app.core.columns import new_id
from app.core.context import Context
from app.officers.models import Officer, Role
from tests.conftest import Client
from tests.make import Make

TITLE, BODY = "The photo from the station", "The child is safe.\n\nPlease stop sharing the photo."


@dataclass
class Desk:
    """One supervisor of Futian and what they publish."""

    context: Context
    officer: Officer

    def publish(
        self, title: str = TITLE, body: str = BODY, *, corrects: UUID | None = None, **more: Any
    ) -> UUID:
        """A bulletin in English, or as `texts` says."""
        texts = more.pop("texts", {"en": (title, body)})
        draft = Draft(new_id(), more.pop("area", "440304"), texts, corrects)
        with self.context.db.write() as session:
            return service.publish(session, more.pop("officer", self.officer), draft).id

    def withdraw(self, bulletin_id: UUID, reason: str = "It named a street.") -> None:
        """Withdraw one."""
        with self.context.db.write() as session:
            service.withdraw(session, self.officer, bulletin_id, reason)

    def form(self, **typed: str) -> dict[str, str]:
        """A filled form."""
        return {
            "id": str(new_id()),
            "area": "440304",
            "corrects": "",
            "title_en": TITLE,
            "body_en": BODY,
            "title_zh": "",
            "body_zh": "",
            "step": "publish",
        } | typed

    def send(self, client: Client, **typed: str) -> httpx.Response:
        """Press a button of the form."""
        return client.post("/console/bulletins", data=self.form(**typed), as_=self.officer)


@pytest.fixture
def desk(context: Context, make: Make) -> Desk:
    """The desk of Futian."""
    return Desk(context, make.officer(Role.SUPERVISOR, name="Zhao Planted"))
