"""Promises to clerks about the pages of imports."""

from pathlib import Path

from sqlmodel import select

from app.core.context import Context
from app.officers.models import Role
from app.records.importing import import_folder
from app.records.models import ImportRun
from tests.app.records.test_importing import GOOD, write
from tests.app.records.test_importing import folder as folder  # noqa: PLC0414 - a fixture
from tests.conftest import Client
from tests.make import Make


class TestImportPages:
    def test_a_clerk_reads_what_became_of_a_list(
        self, context: Context, client: Client, make: Make, folder: Path
    ) -> None:
        """The list of imports leads to the refused lines with their reasons; a reviewer sees neither."""
        import_folder(context, write(folder, GOOD, "B1,x,,,soon,,,440304,"))
        with context.db.read() as session:
            run = session.exec(select(ImportRun)).one()
        clerk = make.officer(Role.CLERK)

        listed = client.get("/console/records/imports", as_=clerk)
        shown = client.get(f"/console/records/imports/{run.id}", as_=clerk)

        assert "records.csv" in listed.text
        assert "Write the date as year-month-day" in shown.text
        assert client.get("/console/records/imports", as_=make.officer()).status_code == 403
