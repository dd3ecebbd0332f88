"""Promises about PFIF 1.4: what goes out comes in again, and hostile documents do nothing."""

import pytest
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.records import pfif, registry
from app.records.fields import fields_of
from app.records.models import Record
from tests.app.records.test_api import BODY, made_key, put
from tests.conftest import Client
from tests.make import jpeg

HOSTILE = {
    "entities": b'<!DOCTYPE p [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><p>&b;</p>',
    "outside": b'<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><p>&a;</p>',
    "encoding": b'<?xml version="1.0" encoding="klingon"?><p/>',
    "text": b"no XML at all",
    "other": b"<pfif/>",
    "deep": b"<a>" * 100_000,
}


class TestPfif:
    def test_what_goes_out_comes_in_again(self, client: Client, context: Context) -> None:
        """Export, erase nothing, import into another registry's empty numbers: the same words and photos."""
        key = made_key(context)
        put(client, key, born_on="2018-03-01", sex="male", features="右眉有疤\n<&>", missing_place="北站")
        for colour in (1, 90):
            photo = {"photo": ("a.jpg", jpeg((colour, 2, 3)), "image/jpeg")}
            client.post("/api/v1/records/A1/photos", headers=key, files=photo)
        client.post("/api/v1/records/A1/close", headers=key, json={"reason": "Found at home"})

        sent = client.get("/api/v1/pfif/records?photos=true", headers=key)
        moved = sent.content.replace(b"/A1", b"/B1")
        answer = client.post("/api/v1/pfif/records?jurisdiction_code=440304", headers=key, content=moved)

        assert answer.json()["counts"] == {"added": 1}
        with context.db.read() as session:
            first, second = session.exec(select(Record).order_by(Record.number)).all()
            assert vars(fields_of(first)) | {"number": "B1"} == vars(fields_of(second))
            assert (second.state, second.closing_reason) == (first.state, "Found at home")
            audited = session.exec(select(AuditEvent).where(AuditEvent.action == Action.RECORDS_EXPORTED))
            assert audited.one().detail["photos"] == 2
        photos = [client.get(f"/api/v1/records/{n}", headers=key).json()["photos"] for n in ("A1", "B1")]
        assert [one["sha256"] for one in photos[0]] == [one["sha256"] for one in photos[1]]
        again = client.post("/api/v1/pfif/records?jurisdiction_code=440304", headers=key, content=moved)
        assert again.json()["counts"] == {"unchanged": 1}

    def test_an_expired_record_goes_out_as_a_placeholder(self, client: Client, context: Context) -> None:
        """After its day nothing of a record leaves but its id and dates."""
        key = made_key(context)
        put(client, key, expires_on="2024-04-01")
        registry.close_expired(context)

        sent = client.get("/api/v1/pfif/records", headers=key).text

        assert "expiry_date>2024-04-01" in sent
        assert BODY["name"] not in sent

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_documents_are_refused(self, client: Client, context: Context, name: str) -> None:
        """Entities, outside files and nonsense end in one sentence."""
        answer = client.post("/api/v1/pfif/records", headers=made_key(context), content=HOSTILE[name])

        assert answer.status_code == 422

    def test_addresses_of_photos_are_left_alone(self) -> None:
        """Nothing is fetched for a stranger."""
        body = (
            f'<p:pfif xmlns:p="{pfif.NAMESPACE}"><p:person><p:person_record_id>x/A1</p:person_record_id>'
            "<p:photo_url>http://127.0.0.1/a.jpg</p:photo_url></p:person></p:pfif>"
        )

        [row] = pfif.rows(body.encode(), "440304")

        assert row.photos == ()
