"""Partners' keys: what each may do, how one is replaced, and what is known of them afterwards."""

import json
from datetime import timedelta

import pytest
import time_machine
from sqlmodel import select

from app.audit.models import AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.partners import keys
from app.partners.models import PartnerKey, Scope
from app.tips.models import ChannelKind
from tests.app.partners.calls import TIPS, bearing, make_key, send, tips
from tests.conftest import Client


def rotate(context: Context, key_id: str, overlap: timedelta) -> keys.NewKey:
    with context.db.write() as session:
        return keys.rotate_key(session, context.keys, key_id, overlap=overlap)


class TestScopes:
    def test_a_key_does_only_what_it_was_made_for(self, context: Context, client: Client) -> None:
        """A machine that sends need not be able to read, and nothing is kept of what it may not do."""
        sends = make_key(context, scopes=[Scope.TIPS_SEND]).key
        reads = make_key(context, scopes=[Scope.TIPS_READ]).key

        refused = send(client, reads)

        assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
        assert tips(context) == []
        tip_id = send(client, sends).json()["id"]
        assert client.get(TIPS, headers=bearing(sends)).status_code == 403
        assert client.get(f"{TIPS}/{tip_id}", headers=bearing(sends)).status_code == 403
        assert client.get(f"{TIPS}/{tip_id}", headers=bearing(reads)).status_code == 200
        assert client.post(f"{TIPS}/{tip_id}/withdraw", headers=bearing(reads)).status_code == 403
        assert client.get("/api/v1/webhooks", headers=bearing(reads)).status_code == 403

    def test_a_key_for_webhooks_alone_sees_no_tips(self, context: Context, client: Client) -> None:
        """Each scope stands for itself."""
        key = make_key(context, scopes=[Scope.WEBHOOKS]).key

        assert client.get("/api/v1/webhooks", headers=bearing(key)).status_code == 200
        assert client.get(TIPS, headers=bearing(key)).status_code == 403

    def test_a_registrys_key_reaches_records_and_nothing_else(self, context: Context, client: Client) -> None:
        """A police system sends no tips, and a partner no records."""
        registry = make_key(context, "City registry", ChannelKind.REGISTRY).key
        partner = make_key(context).key

        assert registry.startswith("hw1reg_")
        assert client.get("/api/v1/records", headers=bearing(registry)).status_code == 200
        assert send(client, registry).status_code == 403
        assert client.get(TIPS, headers=bearing(registry)).status_code == 403
        assert client.get("/api/v1/records", headers=bearing(partner)).status_code == 403

    @pytest.mark.parametrize(
        ("kind", "scope"),
        [
            (ChannelKind.PARTNER, Scope.RECORDS),
            (ChannelKind.SANDBOX, Scope.RECORDS),
            (ChannelKind.REGISTRY, Scope.TIPS_SEND),
        ],
    )
    def test_no_key_is_made_beyond_its_kind_of_channel(
        self, context: Context, kind: ChannelKind, scope: Scope
    ) -> None:
        """Not even by the operator's mistake."""
        with pytest.raises(Invalid) as refusal:
            make_key(context, "Any", kind, scopes=[scope])

        assert refusal.value.field == "scopes"

    def test_a_channel_keeps_its_kind_and_area(self, context: Context) -> None:
        """A name does not become a police system's by a second call, and a registry has an area."""
        make_key(context, "Street watch")

        with pytest.raises(Conflict):
            make_key(context, "Street watch", ChannelKind.SANDBOX)
        with pytest.raises(Invalid), context.db.write() as session:
            keys.add_channel(session, "Other", ChannelKind.REGISTRY)
        with pytest.raises(Invalid), context.db.write() as session:
            keys.add_channel(session, "Other", ChannelKind.REGISTRY, jurisdiction_code="999999")
        with pytest.raises(Conflict), context.db.write() as session:
            keys.add_channel(session, "Other", ChannelKind.WEB)

    def test_a_trials_key_is_known_by_its_beginning(self, context: Context, client: Client) -> None:
        """Nobody takes the sandbox for the real thing."""
        key = make_key(context, "Trial", ChannelKind.SANDBOX).key

        assert key.startswith("hw1test_")
        assert send(client, key).status_code == 201
        assert client.get(TIPS, headers=bearing(key.replace("hw1test", "hw1"))).status_code == 401


class TestRotation:
    def test_both_work_for_the_overlap_then_the_new_one_alone(self, context: Context, client: Client) -> None:
        """A partner changes over without a gap, and the new key may do just the same."""
        old = make_key(context, scopes=[Scope.TIPS_READ], label="Night shift", signed=False)
        new = rotate(context, old.key_id, timedelta(hours=2))

        for key in (old.key, new.key):
            assert client.get(TIPS, headers=bearing(key)).status_code == 200
            assert send(client, key).status_code == 403
        with time_machine.travel(now() + timedelta(hours=2, seconds=1), tick=False):
            assert client.get(TIPS, headers=bearing(old.key)).status_code == 401
            assert client.get(TIPS, headers=bearing(new.key)).status_code == 200
        with context.db.read() as session:
            assert keys.get_key(session, new.key_id).label == "Night shift"

    def test_without_overlap_the_old_one_ends_at_once(self, context: Context, client: Client) -> None:
        """A leaked key is replaced without a grace."""
        old = make_key(context)
        new = rotate(context, old.key_id, timedelta())

        assert client.get(TIPS, headers=bearing(old.key)).status_code == 401
        assert client.get(TIPS, headers=bearing(new.key)).status_code == 200

    def test_an_overlap_prolongs_no_key(self, context: Context) -> None:
        """A key that ends tomorrow ends tomorrow."""
        old = make_key(context, days=1)
        rotate(context, old.key_id, timedelta(days=30))

        with context.db.read() as session:
            assert keys.get_key(session, old.key_id).expires_at == old.expires_at

    def test_a_signed_key_stays_signed_with_a_secret_of_its_own(self, context: Context) -> None:
        """Rotation does not take the signature off, nor reuse its secret."""
        old = make_key(context, signed=True)
        new = rotate(context, old.key_id, timedelta(hours=1))

        assert new.signing_secret is not None
        assert new.signing_secret != old.signing_secret

    def test_dead_and_unknown_keys_are_not_replaced(self, context: Context) -> None:
        """A revoked or expired key does not come back as another."""
        revoked, expired = make_key(context), make_key(context, days=1)
        with context.db.write() as session:
            keys.revoke_key(session, revoked.key_id)

        with pytest.raises(Conflict):
            rotate(context, revoked.key_id, timedelta())
        with time_machine.travel(now() + timedelta(days=2)), pytest.raises(Conflict):
            rotate(context, expired.key_id, timedelta())
        with pytest.raises(NotFound):
            rotate(context, "000000000000", timedelta())

    @pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=30, seconds=1)])
    def test_the_overlap_has_bounds(self, context: Context, overlap: timedelta) -> None:
        """From nothing to thirty days."""
        key = make_key(context)

        with pytest.raises(Invalid):
            rotate(context, key.key_id, overlap)


class TestWhatIsKnownAfterwards:
    def test_an_expired_key_is_refused_like_an_unknown_one(self, context: Context, client: Client) -> None:
        """Nobody learns that a key was once good."""
        key = make_key(context, days=2).key
        with time_machine.travel(now() + timedelta(days=2, seconds=1)):
            expired = client.get(TIPS, headers=bearing(key))
        unknown = client.get(TIPS, headers=bearing("hw1_000000000000_x"))

        assert expired.status_code == unknown.status_code == 401
        assert expired.content == unknown.content

    def test_a_label_is_kept_tidy(self, context: Context) -> None:
        """One line of at most sixty characters."""
        key = make_key(context, label="  Night \n shift ")

        with context.db.read() as session:
            assert keys.get_key(session, key.key_id).label == "Night shift"
        for label in ("x" * 61, "a\x00b"):
            with pytest.raises(Invalid) as refusal:
                make_key(context, label=label)
            assert refusal.value.field == "label"

    def test_no_row_holds_a_secret(self, context: Context) -> None:
        """Neither the key's row nor the audit log gives away what signs or opens."""
        first = make_key(context, signed=True)
        second = rotate(context, first.key_id, timedelta(hours=1))
        with context.db.write() as session:
            keys.revoke_key(session, first.key_id)

        with context.db.read() as session:
            rows = [repr(row.model_dump()) for row in session.exec(select(PartnerKey))]
            rows += [json.dumps(row.model_dump(mode="json")) for row in session.exec(select(AuditEvent))]
        text = "\n".join(rows)
        for made in (first, second):
            assert made.signing_secret is not None
            assert made.key.split("_", 2)[2] not in text
            assert made.signing_secret not in text
            assert made.signing_secret.removeprefix("hws_") not in text
            assert made.key_id in text

    def test_keys_are_listed_newest_first_and_by_channel(self, context: Context) -> None:
        """An operator sees whose keys there are."""
        first, second = make_key(context), make_key(context)
        make_key(context, "Another")

        with context.db.read() as session:
            listed = keys.keys_of(session)
            own = keys.keys_of(session, listed[-1][1].id)
        assert len(listed) == 3
        assert {row.key_id for row, _ in own} == {first.key_id, second.key_id}
