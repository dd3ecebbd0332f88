"""Promises about the pages of channels: who may open them, what they show, what their forms do."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import event
from sqlmodel import select
from starlette.routing import BaseRoute

from app.audit.models import Action, AuditEvent
from app.channels import officer
from app.channels.models import ChannelVoid
from app.channels.service import PauseReason
from app.core.clock import now
from app.core.context import Context
from app.core.errors import NotSignedIn
from app.officers.models import Officer, Role
from app.partners import service as partners
from app.partners.models import ChannelDay, PartnerKey, Scope
from app.tips.models import Channel, ChannelKind, Disposition, Tip, TipState
from app.webhooks.models import (
    DeliveryState,
    EventType,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookMessage,
)
from tests.app.channels.conftest import REASON, Desk
from tests.conftest import Client

KEY = re.compile(r'class="secret">\s*([^<\s]+)\s*<')


class Console:
    """The console in the hands of an officer."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self.desk, self.client, self.context = desk, client, desk.context
        self.path = f"/console/channels/{desk.channel.id}"

    def get(self, path: str = "", as_: Officer | None = None) -> Any:
        """Open a page below the channel's."""
        return self.client.get(self.path + path, as_=as_ or self.desk.keeper)

    def post(self, path: str = "", as_: Officer | None = None, **data: Any) -> Any:
        """Send a form of the channel's pages."""
        return self.client.post(self.path + path, as_=as_ or self.desk.keeper, data=data)

    def channel(self) -> Channel:
        """The channel as it stands."""
        with self.context.db.read() as session:
            return session.get_one(Channel, self.desk.channel.id)

    def key(self, **more: Any) -> str:
        """Make a key by the form; what the page shows."""
        answer = self.post("/keys", **{"days": "90", **more})
        assert answer.status_code == 200
        return str(KEY.findall(answer.text)[0])

    def opens(self, key: str, scope: Scope = Scope.TIPS_SEND) -> bool:
        """Whether a key opens the API."""
        with self.context.db.read() as session:
            try:
                partners.authenticate(session, f"Bearer {key}", scope)
            except NotSignedIn:
                return False
            return True

    def add(self, *rows: Any) -> None:
        """Write rows."""
        with self.context.db.write() as session:
            for row in rows:
                session.add(row)
                session.flush()


@pytest.fixture
def console(desk: Desk, client: Client) -> Console:
    """A console of this test's own."""
    return Console(desk, client)


def _routes(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """The pages among routes, and among those that these stand for."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)


READERS, KEEPERS, VOIDERS = {Role.ADMIN, Role.SUPERVISOR}, {Role.ADMIN}, {Role.SUPERVISOR}
ROUTES = [
    ("GET", "/console/channels", READERS),
    ("GET", "/console/channels/new", KEEPERS),
    ("POST", "/console/channels/new", KEEPERS),
    ("GET", "{channel}", READERS),
    ("POST", "{channel}", KEEPERS),
    ("POST", "{channel}/pause", KEEPERS),
    ("POST", "{channel}/resume", KEEPERS),
    ("POST", "{channel}/keys", KEEPERS),
    ("GET", "{channel}/keys/{key}", KEEPERS),
    ("POST", "{channel}/keys/{key}/rotate", KEEPERS),
    ("POST", "{channel}/keys/{key}/revoke", KEEPERS),
    ("GET", "{channel}/void", VOIDERS),
    ("POST", "{channel}/void", VOIDERS),
    ("GET", "{channel}/voids/{void}", READERS),
    ("POST", "{channel}/voids/{void}/undo", VOIDERS),
    ("POST", "{channel}/voids/{void}/tips/{tip}/back", VOIDERS),
    ("POST", "{channel}/webhooks", KEEPERS),
    ("POST", "{channel}/webhooks/{endpoint}/rotate", KEEPERS),
    ("POST", "{channel}/webhooks/{endpoint}/test", KEEPERS),
    ("POST", "{channel}/webhooks/{endpoint}/remove", KEEPERS),
    ("POST", "{channel}/deliveries/{delivery}/replay", KEEPERS),
]


class TestWho:
    @pytest.mark.parametrize(("method", "path", "allowed"), ROUTES)
    def test_every_route_is_for_the_nations_officers_of_its_role(
        self, console: Console, method: str, path: str, allowed: set[Role]
    ) -> None:
        """Others get 403, whatever the address names; so do the same roles in a province; strangers 401."""
        ids = {name: uuid4() for name in ("key", "void", "tip", "endpoint", "delivery")}
        url = path.format(channel=console.path, **ids)
        make, client = console.desk.make, console.client

        def ask(officer: Officer | None) -> int:
            return client.request(method, url, as_=officer).status_code

        assert ask(None) in {303, 401}
        for role in Role:
            assert (ask(make.officer(role, area="CN")) != 403) == (role in allowed), role
            assert ask(make.officer(role, area="440000")) == 403, role

    def test_no_route_is_missing_above(self) -> None:
        """A page of channels that is added later is tested here, too."""
        known = {(method, re.sub(r"{\w+}", "{}", path.replace("{channel}", "/console/channels/{}"))) for
                 method, path, _ in ROUTES}  # fmt: skip
        found = {
            (method, "/console" + re.sub(r"{\w+}", "{}", route.path))
            for route in _routes(officer.router.routes)
            for method in route.methods or ()
        }

        generic = ("POST", "/console/channels/{}/webhooks/{}/{}")
        assert found - {generic} <= known
        assert found

    def test_what_is_not_there_answers_so(self, console: Console) -> None:
        """Unknown and golden channels, and another channel's keys and voidings, all read alike."""
        desk = console.desk
        golden = desk.new_channel("Known", ChannelKind.GOLDEN)
        other = desk.new_channel("Other")
        desk.tip()
        void = desk.void()
        key = console.key().split("_")[1]
        foreign = f"/console/channels/{other.id}"

        for keeper, path in (
            (desk.keeper, f"/console/channels/{uuid4()}"),
            (desk.keeper, f"/console/channels/{golden.id}"),
            (desk.keeper, f"{foreign}/keys/{key}"),
            (desk.voider, f"{foreign}/voids/{void.id}"),
            (desk.voider, f"/console/channels/{golden.id}/void"),
        ):
            assert console.client.get(path, as_=keeper).status_code == 404, path
        for path in ("/pause", "/keys", "/webhooks"):
            answer = console.client.post(f"/console/channels/{golden.id}{path}", as_=desk.keeper)
            assert answer.status_code in {404, 422}, path
        assert console.client.post(f"{foreign}/keys/{key}/revoke", as_=desk.keeper).status_code == 404


class TestList:
    def test_it_shows_every_channel_but_known_answers(self, console: Console) -> None:
        """Kind, owner, numbers; none of a golden channel."""
        desk = console.desk
        desk.new_channel("Known answers of ours", ChannelKind.GOLDEN)
        desk.new_channel("Trial", ChannelKind.SANDBOX, owner="Mei, 010-555")
        desk.make.tip()

        text = console.client.get("/console/channels", as_=desk.voider).text

        assert all(name in text for name in ("Street watch", "Trial", "web", "Mei, 010-555"))
        assert "Known answers of ours" not in text

    def test_an_empty_deployment_says_so(self, client: Client, context: Context) -> None:
        """No table without rows."""
        with context.db.write() as session:
            officer = Officer(
                username="root",
                name="Root",
                badge="R1",
                password_hash="unusable",
                roles=["admin"],
                jurisdiction_code="CN",
            )
            session.add(officer)

        text = client.get("/console/channels", as_=officer).text

        assert "There is no channel yet" in text
        assert "<table" not in text

    def test_what_needs_somebody_stands_first_and_filters_narrow_it(self, console: Console) -> None:
        """Faults before a missing owner, that before nothing; each filter leaves its own."""
        desk = console.desk
        fine = desk.new_channel("Aaa fine", owner="Wu")
        failing = desk.new_channel("Zzz failing", owner="Wu")
        paused = desk.new_channel("Mmm paused", owner="Wu", paused_at=now())
        console.add(ChannelDay(channel_id=failing.id, day=now().date(), failed=2, last_refusal="invalid"))

        def names(query: str = "") -> list[str]:
            text = console.client.get(f"/console/channels{query}", as_=desk.keeper).text
            return re.findall(r'<a href="/console/channels/[0-9a-f-]{36}">([^<]+)</a>', text)

        assert names() == [failing.name, paused.name, desk.channel.name, fine.name]
        assert names("?text=AAA") == [fine.name]
        assert names("?state=paused") == [paused.name]
        assert names("?need=failed") == [failing.name]
        assert names("?need=any") == [failing.name, paused.name, desk.channel.name]
        assert names("?kind=registry") == []
        assert names("?kind=nonsense&need=nonsense&state=x") == names()

    def test_keys_that_end_soon_are_marked(self, console: Console) -> None:
        """Within thirty days; a newer key in hand makes the end of the old one a change-over."""
        console.key(days="29")

        first = console.client.get("/console/channels", as_=console.desk.keeper).text
        console.key(days="200")
        second = console.client.get("/console/channels", as_=console.desk.keeper).text

        assert "A key expires soon" in re.sub(r"<option[^>]*>[^<]*", "", first)
        assert "A key expires soon" not in re.sub(r"<option[^>]*>[^<]*", "", second)
        assert "expires soon" in second

    def test_questions_to_the_database_do_not_grow_with_channels(self, console: Console) -> None:
        """Fifty channels with keys, days and tips take as many statements as one."""
        desk = console.desk

        def statements() -> int:
            seen: list[str] = []

            def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
                seen.append(statement)

            event.listen(desk.context.db.engine, "before_cursor_execute", note)
            try:
                answer = console.client.get("/console/channels", as_=desk.keeper)
            finally:
                event.remove(desk.context.db.engine, "before_cursor_execute", note)
            assert answer.status_code == 200
            return len([statement for statement in seen if "FROM" in statement])

        desk.make.tip()
        before = statements()
        for number in range(50):
            channel = desk.new_channel(f"Partner {number}")
            console.add(
                PartnerKey(
                    channel_id=channel.id,
                    key_id=f"k{number}",
                    key_sha256="0",
                    expires_at=now() + timedelta(days=9),
                ),
                ChannelDay(channel_id=channel.id, day=now().date(), accepted=3),
                WebhookEndpoint(channel_id=channel.id, url="https://a.example", secret_sealed=b""),
            )

        assert statements() == before
        assert before <= 14

    def test_volume_and_quality_count_what_they_say(self, console: Console) -> None:
        """Days of the key's channel, tips of the form; a share from thirty answered tips on."""
        desk = console.desk
        today = now().date()
        console.add(
            *(
                ChannelDay(channel_id=desk.channel.id, day=today - timedelta(days=back), accepted=count)
                for back, count in ((0, 4), (6, 30), (7, 200), (29, 1000), (30, 50_000))
            )
        )
        for number in range(30):
            tip = desk.tip()
            with desk.write() as session:
                kept = session.get_one(Tip, tip.id)
                kept.state, kept.disposed_at = TipState.DISPOSED, now()
                kept.disposition = (
                    Disposition.NOT_A_CHILD if number < 12 else Disposition.WITH_FAMILY_NO_CONCERN
                )

        text = console.get().text

        assert "4 today, 34 in 7 days, 1234 in 30 days" in text
        assert "60 % of 30" in text

    def test_hostile_names_stay_text(self, console: Console) -> None:
        """A name with markup is shown as it was typed, on the list and on its page."""
        bad = console.desk.new_channel("<script>alert(1)</script>", owner="<img src=x>")

        for path in ("/console/channels", f"/console/channels/{bad.id}"):
            text = console.client.get(path, as_=console.desk.keeper).text
            assert "<script>alert" not in text
            assert "<img src=x>" not in text
            assert "&lt;script&gt;alert(1)" in text


class TestNew:
    @pytest.mark.parametrize("kind", [ChannelKind.PARTNER, ChannelKind.SANDBOX, ChannelKind.REGISTRY])
    def test_each_kind_is_added_with_its_owner(self, console: Console, kind: ChannelKind) -> None:
        """A registry with its area, the others without; the page of the new channel follows."""
        area = "440300" if kind == ChannelKind.REGISTRY else ""
        answer = console.client.post(
            "/console/channels/new",
            as_=console.desk.keeper,
            data={"name": " New  one ", "kind": kind, "owner": "Li, 12345", "area": area},
        )

        assert answer.status_code == 303
        with console.context.db.read() as session:
            made = session.get_one(Channel, UUID(answer.headers["location"].rsplit("/", 1)[1]))
        assert (made.name, made.kind, made.owner) == ("New one", kind, "Li, 12345")
        assert made.jurisdiction_code == (area or None)
        [row] = console.desk.audited(Action.CHANNEL_CHANGED)
        assert row.actor_id == str(console.desk.keeper.id)
        assert "Li" not in str(row.detail)

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"name": ""}, 422),
            ({"name": "Street watch"}, 409),
            ({"name": " Street   watch "}, 409),
            ({"kind": "golden"}, 422),
            ({"kind": "web"}, 422),
            ({"owner": ""}, 422),
            ({"owner": "x" * 301}, 422),
            ({"area": "440300"}, 422),
            ({"kind": "registry"}, 422),
            ({"kind": "registry", "area": "999999"}, 422),
        ],
    )
    def test_mistakes_come_back_with_what_was_typed(
        self, console: Console, change: dict[str, str], status: int
    ) -> None:
        """Nothing is added."""
        data = {"name": "Fresh", "kind": "partner", "owner": "Sun", "area": ""} | change

        answer = console.client.post("/console/channels/new", as_=console.desk.keeper, data=data)

        assert answer.status_code == status
        assert 'role="alert"' in answer.text
        with console.context.db.read() as session:
            assert session.exec(select(Channel).where(Channel.name == "Fresh")).all() == []


class TestKeys:
    def test_a_key_is_shown_once_and_kept_nowhere(
        self, console: Console, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """It opens the API; no later page, no audit row and no line of the log has it."""
        answer = console.post("/keys", days="30", label="Node 1", scopes=["tips:read"])
        key = KEY.findall(answer.text)[0]

        later = console.get().text
        with console.context.db.read() as session:
            details = str([row.model_dump() for row in session.exec(select(AuditEvent))])
            stored = session.exec(select(PartnerKey)).one()
        secret = key.split("_", 2)[2]
        written = capfd.readouterr()

        assert answer.headers["cache-control"] == "no-store"
        assert console.opens(key, Scope.TIPS_READ)
        assert stored.scopes == ["tips:read"]
        assert stored.label == "Node 1"
        assert all(secret not in text for text in (later, details, written.out, written.err))
        assert console.desk.audited(Action.PARTNER_KEY_MADE)[0].actor_id == str(console.desk.keeper.id)

    def test_a_signed_key_comes_with_its_secret(self, console: Console) -> None:
        """Both stand on the one page."""
        answer = console.post("/keys", days="30", signed="true")

        assert len(KEY.findall(answer.text)) == 2

    @pytest.mark.parametrize(
        "data",
        [
            {"days": "0"},
            {"days": "366"},
            {"days": "x"},
            {"days": "9" * 10},
            {"scopes": ["records"]},
            {"scopes": ["all"]},
            {"label": "x" * 61},
        ],
    )
    def test_mistakes_make_no_key(self, console: Console, data: dict[str, Any]) -> None:
        """The page comes back with the reason beside the field."""
        answer = console.post("/keys", **{"days": "30", **data})

        assert answer.status_code == 422
        assert 'class="error"' in answer.text
        with console.context.db.read() as session:
            assert session.exec(select(PartnerKey)).all() == []

    def test_replacing_lets_both_work_for_a_while(self, console: Console) -> None:
        """The new one is shown once; the old one ends after the overlap, or at once."""
        first = console.key()
        answer = console.post(f"/keys/{first.split('_')[1]}/rotate", overlap="24")
        second = KEY.findall(answer.text)[0]

        assert console.opens(first)
        assert console.opens(second)
        answer = console.post(f"/keys/{second.split('_')[1]}/rotate", overlap="0")
        assert not console.opens(second)
        assert console.opens(KEY.findall(answer.text)[0])

    def test_an_overlap_out_of_range_changes_nothing(self, console: Console) -> None:
        """The page of the key comes back."""
        key = console.key()

        for overlap in ("721", "-1", "soon"):
            answer = console.post(f"/keys/{key.split('_')[1]}/rotate", overlap=overlap)
            assert answer.status_code == 422
        assert console.opens(key)
        with console.context.db.read() as session:
            assert len(session.exec(select(PartnerKey)).all()) == 1

    def test_revoking_is_asked_for_on_a_page_of_its_own(self, console: Console) -> None:
        """The channel's page only leads there; then the key is refused at once."""
        key = console.key()
        key_id = key.split("_")[1]

        assert "revoke" not in console.get().text.lower().split("<h2", 1)[1].split("make a key", 1)[0]
        asked = console.get(f"/keys/{key_id}")
        done = console.post(f"/keys/{key_id}/revoke")

        assert "cannot be taken back" in asked.text
        assert done.status_code == 303
        assert not console.opens(key)
        assert console.post(f"/keys/{key_id}/rotate", overlap="24").status_code == 409
        assert "Revoke the key for good" not in console.get(f"/keys/{key_id}").text

    def test_supervisors_see_keys_and_change_none(self, console: Console) -> None:
        """No form of the page is theirs but voiding."""
        key = console.key()

        text = console.get(as_=console.desk.voider).text

        assert key.split("_")[1] in text
        assert "Make the key" not in text
        assert "/void" in text
        assert "/void" not in console.get().text


class TestSettings:
    def test_owner_and_quota_are_kept(self, console: Console) -> None:
        """Empty takes the deployment's; unchanged writes no row."""
        console.post(owner=" Zhou  Min, 010 ", minute_quota="7", day_quota="")
        console.post(owner="Zhou Min, 010", minute_quota="7", day_quota="")

        kept = console.channel()
        assert (kept.owner, kept.minute_quota, kept.day_quota) == ("Zhou Min, 010", 7, None)
        [row] = console.desk.audited(Action.CHANNEL_CHANGED)
        assert row.detail == {"owner": True, "minute_quota": 7, "day_quota": None}

    @pytest.mark.parametrize("quota", ["0", "-1", "1.5", "x", "٣", "10000001", "9" * 400])
    def test_a_quota_is_a_whole_number(self, console: Console, quota: str) -> None:
        """Anything else changes nothing."""
        answer = console.post(owner="Zhou", minute_quota=quota)

        assert answer.status_code == 422
        assert console.channel().owner == ""
        assert 'id="minute_quota-error"' in answer.text

    def test_pausing_needs_a_reason_and_resuming_undoes_it(self, console: Console) -> None:
        """The reason is a code in the log and words on the page; twice is refused."""
        assert console.post("/pause").status_code == 422
        assert console.post("/pause", reason="because").status_code == 422
        assert console.channel().paused_at is None

        assert console.post("/pause", reason="false_tips").status_code == 303
        assert "It sends false tips" in console.get().text
        assert console.post("/pause", reason="flood").status_code == 409
        assert [row.detail for row in console.desk.audited(Action.CHANNEL_PAUSED)] == [
            {"reason": PauseReason.FALSE_TIPS.value}
        ]
        assert console.post("/resume").status_code == 303
        assert console.post("/resume").status_code == 409
        assert console.channel().paused_at is None
        assert len(console.desk.audited(Action.CHANNEL_RESUMED)) == 1

    def test_the_citizens_form_cannot_be_paused(self, console: Console) -> None:
        """Whoever sees a child finds it open."""
        web = console.desk.make.tip().channel_id

        answer = console.client.post(
            f"/console/channels/{web}/pause", as_=console.desk.keeper, data={"reason": "flood"}
        )

        assert answer.status_code == 409


class TestVoidPages:
    def test_preview_confirm_look_take_one_back_undo(self, console: Console) -> None:
        """The whole way, without a script."""
        desk = console.desk
        tips = [desk.tip(place_text=f"Gate {number}") for number in range(3)]
        urgent = desk.tip(place_text="Bridge", danger_now=True)
        shown = console.get("/void?since=2020-01-01T00:00&until=", as_=desk.voider)
        form = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', shown.text))

        assert "3 tips would be set aside." in shown.text
        assert "Bridge" in shown.text
        done = console.post("/void", as_=desk.voider, **form, reason=REASON)
        assert done.status_code == 303
        path = done.headers["location"].removeprefix(console.path)
        listed = console.get(path, as_=desk.voider).text
        assert all(f"Gate {number}" in listed for number in range(3))
        assert REASON in listed
        assert not desk.aside(urgent)
        assert console.post(f"{path}/tips/{tips[0].id}/back", as_=desk.voider).status_code == 303
        assert [desk.aside(tip) for tip in tips] == [False, True, True]
        assert console.post(f"{path}/undo", as_=desk.voider).status_code == 303
        assert not any(desk.aside(tip) for tip in tips)
        assert "Undone on" in console.get(path, as_=desk.voider).text
        assert console.post(f"{path}/undo", as_=desk.voider).status_code == 409

    def test_a_ticked_tip_in_danger_goes_too(self, console: Console) -> None:
        """Its tick is its id."""
        desk = console.desk
        urgent, other = desk.tip(danger_now=True), desk.tip(danger_now=True)
        shown = console.get("/void?since=2020-01-01T00:00", as_=desk.voider)
        form = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', shown.text))

        console.post("/void", as_=desk.voider, **form, reason=REASON, danger=str(urgent.id))

        assert desk.aside(urgent)
        assert not desk.aside(other)

    def test_what_came_in_since_the_preview_is_not_taken(self, console: Console) -> None:
        """The span ends when the preview was made, however late its form is sent."""
        desk = console.desk
        before = desk.tip()
        shown = console.get("/void?since=2020-01-01T00:00", as_=desk.voider)
        form = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', shown.text))
        after = desk.tip()

        console.post("/void", as_=desk.voider, **form, reason=REASON)

        assert desk.aside(before)
        assert not desk.aside(after)

    def test_a_refused_form_comes_back_as_it_was(self, console: Console) -> None:
        """Reason and ticks stand there again, and nothing is set aside."""
        desk = console.desk
        tip = desk.tip()
        urgent = desk.tip(danger_now=True)
        shown = console.get("/void?since=2020-01-01T00:00&unopened=true", as_=desk.voider)
        form = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', shown.text))

        answer = console.post("/void", as_=desk.voider, **form, reason="bad", danger=str(urgent.id))

        assert answer.status_code == 422
        assert ">bad</textarea>" in answer.text
        assert re.search(rf'value="{urgent.id}"\s+checked', answer.text)
        assert 'name="unopened" value="true"' in answer.text
        assert not desk.aside(tip)

    @pytest.mark.parametrize(
        "query",
        [
            "?since=yesterday",
            "?since=2999-01-01T00:00",
            "?since=2026-01-02T00:00&until=2026-01-01T00:00",
            "?since=2026-01-02T00:00&until=x",
        ],
    )
    def test_a_span_that_makes_no_sense_says_so(self, console: Console, query: str) -> None:
        """Beside its field, with no preview."""
        answer = console.get(f"/void{query}", as_=console.desk.voider)

        assert answer.status_code == 422
        assert 'class="error"' in answer.text
        assert "What would happen" not in answer.text

    @pytest.mark.parametrize("moment", ["", "x", "2026-01-01T00:00", "0001-01-01T00:00+23:59"])
    def test_a_forged_span_is_refused(self, console: Console, moment: str) -> None:
        """The exact moments of a preview, or nothing."""
        tip = console.desk.tip()

        answer = console.post(
            "/void", as_=console.desk.voider, since=moment, until=moment, reason=REASON, shown="9"
        )

        assert answer.status_code in {409, 422}
        assert not console.desk.aside(tip)

    def test_administrators_read_no_words_of_senders(self, console: Console) -> None:
        """They see that tips are held, where and when; what was written is for supervisors."""
        desk = console.desk
        desk.tip(place_text="Under the old bridge", description="A girl in red.")
        void = desk.void()

        text = console.get(f"/voids/{void.id}").text

        assert "Futian" in text
        assert "old bridge" not in text
        assert "girl in red" not in text
        assert "Take this one back" not in text

    def test_long_voidings_are_read_page_by_page(self, console: Console) -> None:
        """Fifty rows each."""
        desk = console.desk
        for _ in range(51):
            desk.make.tip(channel_id=desk.channel.id, photos=0)
        void = desk.void()

        first = console.get(f"/voids/{void.id}", as_=desk.voider).text
        second = console.get(f"/voids/{void.id}?page=2", as_=desk.voider).text

        assert (first.count("Take this one back:"), second.count("Take this one back:")) == (50, 1)
        assert "Page 2 of 2" in second

    def test_other_kinds_have_nothing_to_void(self, console: Console) -> None:
        """A registry's page offers none, and the address refuses."""
        registry = console.desk.new_channel("Reg", ChannelKind.REGISTRY, jurisdiction_code="440300")
        path = f"/console/channels/{registry.id}"

        assert "/void" not in console.client.get(path, as_=console.desk.voider).text
        answer = console.client.get(f"{path}/void?since=2026-01-01T00:00", as_=console.desk.voider)
        assert answer.status_code == 409

    def test_the_channels_page_lists_its_voidings(self, console: Console) -> None:
        """Each with its number of tips and where it stands."""
        desk = console.desk
        desk.tip()
        void = desk.void()

        assert "can be undone until" in console.get().text
        desk.undo(void)
        assert "undone" in console.get().text
        with console.context.db.write() as session:
            kept = session.get_one(ChannelVoid, void.id)
            kept.undone_at, kept.closed_at = None, now()
        assert "closed as false" in console.get().text


class TestWebhooks:
    def test_an_endpoint_from_the_first_test_to_its_end(self, console: Console) -> None:
        """Added with a secret shown once, tried out, paused, resumed, renewed, removed."""
        answer = console.post("/webhooks", url="https://hooks.example.org/in")
        secret = KEY.findall(answer.text)[0]
        with console.context.db.read() as session:
            endpoint = session.exec(select(WebhookEndpoint)).one()
        path = f"/webhooks/{endpoint.id}"

        assert answer.status_code == 200
        assert secret not in console.get().text
        assert console.post(f"{path}/test").status_code == 303
        assert console.post(f"{path}/test").status_code == 409
        for step in ("pause", "resume"):
            assert console.post(f"{path}/{step}").status_code == 303
        assert KEY.findall(console.post(f"{path}/rotate").text)[0] != secret
        assert console.post(f"{path}/explode").status_code == 404
        assert console.post(f"{path}/remove").status_code == 303
        assert console.post(f"{path}/test").status_code == 404
        assert "hooks.example.org" not in console.get().text
        actors = {row.actor_id for row in console.desk.audited(Action.WEBHOOK_CHANGED)}
        assert actors == {str(console.desk.keeper.id)}

    @pytest.mark.parametrize("url", ["", "x", "http://127.0.0.1/", "https://user:pass@example.org/"])
    def test_a_bad_address_comes_back(self, console: Console, url: str) -> None:
        """Beside its field; nothing is added."""
        answer = console.post("/webhooks", url=url)

        assert answer.status_code == 422
        with console.context.db.read() as session:
            assert session.exec(select(WebhookEndpoint)).all() == []

    def test_dead_letters_are_sent_again(self, console: Console) -> None:
        """One, or all of an endpoint; somebody is said to be needed. Another channel's are not there."""
        channel = console.desk.channel
        endpoint = WebhookEndpoint(channel_id=channel.id, url="https://a.example", secret_sealed=b"")
        console.add(endpoint)
        messages = [
            WebhookMessage(channel_id=channel.id, type=EventType.PING, body={"n": n}) for n in range(2)
        ]
        console.add(*messages)
        dead = [
            WebhookDelivery(
                message_id=message.id,
                endpoint_id=endpoint.id,
                state=DeliveryState.DEAD,
                tries=9,
                last_status=500,
            )
            for message in messages
        ]
        console.add(*dead)

        def states() -> set[str]:
            with console.context.db.read() as session:
                return {row.state.value for row in session.exec(select(WebhookDelivery))}

        assert "Webhooks were given up" in console.get().text
        other = console.desk.new_channel("Other")
        foreign = f"/console/channels/{other.id}/deliveries/{dead[0].id}/replay"
        assert console.client.post(foreign, as_=console.desk.keeper).status_code == 404
        assert console.post(f"/deliveries/{dead[0].id}/replay").status_code == 303
        assert states() == {"dead", "waiting"}
        assert console.post(f"/webhooks/{endpoint.id}/replay").status_code == 303
        assert states() == {"waiting"}

    def test_a_registry_has_none(self, console: Console) -> None:
        """It sends records, and there is nothing to tell it."""
        registry = console.desk.new_channel("Reg", ChannelKind.REGISTRY, jurisdiction_code="440300")
        path = f"/console/channels/{registry.id}"

        answer = console.client.post(
            f"{path}/webhooks", as_=console.desk.keeper, data={"url": "https://a.example/"}
        )

        assert answer.status_code == 409
        assert "Add a webhook" not in console.client.get(path, as_=console.desk.keeper).text
