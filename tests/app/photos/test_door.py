"""The one door to a picture: role, area, and the audit row before the first byte."""

from uuid import uuid4

import pytest
from sqlmodel import select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.officers.models import Role
from app.photos.models import Photo, Rendition
from app.records.models import Record, Reference
from app.tips.models import Tip
from tests.conftest import Client
from tests.make import Make


def photo_of(context: Context, owner: Tip | Record) -> Photo:
    with context.db.read() as session:
        if isinstance(owner, Tip):
            return session.exec(select(Photo).where(Photo.tip_id == owner.id)).one()
        return session.exec(select(Photo).join(Reference).where(Reference.record_id == owner.id)).one()


def views(context: Context) -> list[AuditEvent]:
    with context.db.read() as session:
        return list(session.exec(select(AuditEvent).where(AuditEvent.action == Action.PHOTO_VIEWED)))


class TestPicture:
    @pytest.mark.parametrize(
        ("role", "tip_status", "reference_status"),
        [
            (Role.REVIEWER, 200, 200),
            (Role.INVESTIGATOR, 200, 200),
            (Role.SUPERVISOR, 200, 200),
            (Role.CLERK, 404, 200),
            (Role.AUDITOR, 404, 404),
            (Role.CUSTODIAN, 404, 404),
            (Role.ADMIN, 404, 404),
        ],
    )
    def test_each_role_sees_what_it_needs(
        self, context: Context, client: Client, make: Make, role: Role, tip_status: int, reference_status: int
    ) -> None:
        """An auditor proves who looked without looking."""
        tip, record, officer = make.tip(), make.record(), make.officer(role)

        seen = client.get(f"/console/photos/{photo_of(context, tip).id}/scene", as_=officer)
        reference = client.get(f"/console/photos/{photo_of(context, record).id}/scene", as_=officer)

        assert (seen.status_code, reference.status_code) == (tip_status, reference_status)

    def test_another_areas_tip_looks_like_no_tip(self, context: Context, client: Client, make: Make) -> None:
        """Foreign and missing answer alike."""
        photo, officer = photo_of(context, make.tip(area="442000")), make.officer(area="440304")

        foreign = client.get(f"/console/photos/{photo.id}/scene", as_=officer)
        missing = client.get(f"/console/photos/{uuid4()}/scene", as_=officer)

        assert foreign.status_code == missing.status_code == 404
        assert foreign.content == missing.content

    @pytest.mark.parametrize("kind", ["original", "scene2", ""])
    def test_originals_have_no_door(self, context: Context, client: Client, make: Make, kind: str) -> None:
        """What people look at is always derived."""
        photo = photo_of(context, make.tip())

        assert client.get(f"/console/photos/{photo.id}/{kind}", as_=make.officer()).status_code == 404

    def test_without_a_session_there_is_no_picture(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Photos are for signed-in officers."""
        answer = client.get(f"/console/photos/{photo_of(context, make.tip()).id}/scene")

        assert answer.status_code == 303
        assert answer.content == b""

    def test_every_view_is_in_the_audit_log(self, context: Context, client: Client, make: Make) -> None:
        """Who saw this child is known for good."""
        photo, officer = photo_of(context, make.tip()), make.officer()

        answer = client.get(f"/console/photos/{photo.id}/face?face=0", as_=officer)

        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        assert [(event.actor_id, event.subject_id) for event in views(context)] == [
            (str(officer.id), str(photo.id))
        ]

    def test_a_picture_erased_meanwhile_is_not_there(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Its sender may have taken it back between the page and the picture."""
        photo, officer = photo_of(context, make.tip()), make.officer()
        with context.db.read() as session:
            kept = session.exec(select(Rendition).where(Rendition.photo_id == photo.id)).all()
        for rendition in kept:
            context.store.delete(rendition.store_key)

        answer = client.get(f"/console/photos/{photo.id}/scene", as_=officer)

        assert kept
        assert answer.status_code == 404
        assert views(context) == []

    def test_no_audit_row_no_picture(
        self, context: Context, client: Client, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If the view cannot be written down, it does not happen."""
        photo, officer = photo_of(context, make.tip()), make.officer()

        def fail(*_args: object, **_kwargs: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(audit, "record", fail)

        answer = client.get(f"/console/photos/{photo.id}/scene", as_=officer)

        assert answer.status_code == 500
        assert b"\xff\xd8" not in answer.content
