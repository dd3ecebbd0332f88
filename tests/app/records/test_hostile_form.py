"""The record form and bodies that no browser sends."""

import pytest
from sqlmodel import select

from app.core.context import Context
from app.officers.models import Role
from app.records.models import Record
from tests.conftest import Client
from tests.make import Make


class TestCharsets:
    @pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", "utf-16", "latin-1"])
    def test_a_form_in_another_encoding_is_refused(
        self, context: Context, client: Client, make: Make, charset: str
    ) -> None:
        """A clear refusal, never a fault, and nothing changes."""
        body = b'--b\r\nContent-Disposition: form-data; name="number"\r\n\r\n\\ud800\r\n--b--\r\n'

        answer = client.post(
            "/console/records",
            as_=make.officer(Role.CLERK),
            headers={"Content-Type": f"multipart/form-data; charset={charset}; boundary=b"},
            content=body,
        )

        assert answer.status_code == 400
        with context.db.read() as session:
            assert session.exec(select(Record)).first() is None
