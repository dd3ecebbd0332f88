"""Writing bulletins: previewed, published once, corrected, withdrawn; by supervisors of the area alone."""

from concurrent.futures import ThreadPoolExecutor
from html import unescape
from uuid import uuid4

import pytest
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.bulletins.models import Bulletin, BulletinText
from app.core.context import Context
from app.core.errors import Conflict, Refusal
from app.officers.models import Officer, Role
from tests.app.bulletins.conftest import BODY, TITLE, Desk
from tests.conftest import Client
from tests.make import Make


def rows(context: Context) -> list[Bulletin]:
    """All bulletins."""
    with context.db.read() as session:
        return list(session.exec(select(Bulletin)))


class TestWriting:
    def test_the_preview_saves_nothing(self, desk: Desk, client: Client, context: Context) -> None:
        """A supervisor sees what everybody will read before anybody does."""
        answer = desk.send(client, step="preview")

        assert answer.status_code == 200
        assert TITLE in answer.text
        assert "福田区公安局" in answer.text
        assert rows(context) == []

    def test_back_to_the_form_nothing_is_lost(self, desk: Desk, client: Client) -> None:
        """What was typed stands in its fields."""
        answer = desk.send(client, step="change", title_zh="车站照片")

        assert "车站照片" in answer.text
        assert BODY in unescape(answer.text)

    def test_published_twice_it_is_one(self, desk: Desk, client: Client, context: Context) -> None:
        """A double click publishes once and leads to the same page."""
        form = desk.form(title_zh="车站照片", body_zh="孩子平安。")

        first, second = (client.post("/console/bulletins", data=form, as_=desk.officer) for _ in range(2))

        (row,) = rows(context)
        assert first.status_code == second.status_code == 303
        assert first.headers["location"] == second.headers["location"] == f"/console/bulletins/{row.id}"
        assert (row.jurisdiction_code, row.written_by) == ("440304", desk.officer.id)
        with context.db.read() as session:
            texts = {text.language: text.title for text in session.exec(select(BulletinText))}
            event = session.exec(
                select(AuditEvent).where(AuditEvent.action == Action.BULLETIN_PUBLISHED)
            ).one()
        assert texts == {"en": TITLE, "zh": "车站照片"}
        assert event.detail == {"area": "440304", "corrects": None}

    @pytest.mark.parametrize(
        ("typed", "field"),
        [
            ({"title_en": "", "body_en": ""}, "title_"),
            ({"title_en": ""}, "title_en"),
            ({"title_en": "\u200b\u200b"}, "title_en"),
            ({"body_en": "  "}, "body_en"),
            ({"title_zh": "只有标题"}, "body_zh"),
            ({"body_zh": "只有正文"}, "title_zh"),
            ({"title_en": "x" * 121}, "title_en"),
            ({"title_en": "two\nlines"}, "title_en"),
            ({"body_en": "x" * 10_001}, "body_en"),
            ({"title_en": "left\u202eright"}, "title_en"),
            ({"body_en": "no\ufffechar"}, "body_en"),
            ({"body_en": "bell\x07"}, "body_en"),
            ({"area": ""}, "area"),
            ({"area": "440303"}, "area"),
            ({"area": "440300"}, "area"),
            ({"area": "'; DROP TABLE bulletin; --"}, "area"),
        ],
    )
    @pytest.mark.parametrize("step", ["preview", "publish"])
    def test_a_mistake_is_named_beside_its_field(
        self, desk: Desk, client: Client, context: Context, typed: dict[str, str], field: str, step: str
    ) -> None:
        """The form comes back with what was typed, and nothing is saved."""
        answer = desk.send(client, step=step, **typed)

        assert answer.status_code == 422
        assert f'id="{field}' in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert rows(context) == []

    @pytest.mark.parametrize("typed", [{"id": ""}, {"id": "x"}, {"corrects": "x"}])
    def test_a_broken_form_is_refused(self, desk: Desk, client: Client, typed: dict[str, str]) -> None:
        """Fields that nobody types are checked, too."""
        assert desk.send(client, **typed).status_code == 422

    def test_another_officers_form_is_no_door(
        self, desk: Desk, client: Client, make: Make, context: Context
    ) -> None:
        """An id that is taken belongs to whoever took it."""
        taken = desk.publish()
        other = make.officer(Role.SUPERVISOR)

        answer = client.post("/console/bulletins", data=desk.form(id=str(taken)), as_=other)

        assert answer.status_code == 409
        assert len(rows(context)) == 1

    def test_markup_is_text(self, desk: Desk, client: Client) -> None:
        """What is typed is shown as it was typed."""
        bulletin = desk.publish("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")

        for path in (f"/bulletins/{bulletin}", "/bulletins", f"/console/bulletins/{bulletin}"):
            answer = client.get(path, as_=desk.officer)
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text


class TestCorrecting:
    def test_both_stay_and_name_each_other(self, desk: Desk, client: Client) -> None:
        """Whoever has the old link finds the new text, and the other way round."""
        wrong = desk.publish("Wrong")
        form = client.get(f"/console/bulletins/{wrong}/correct", as_=desk.officer)
        right = desk.send(client, corrects=str(wrong), title_en="Right").headers["location"].split("/")[-1]

        old, new = client.get(f"/bulletins/{wrong}").text, client.get(f"/bulletins/{right}").text

        assert "Wrong" in form.text
        assert "Wrong" in old
        assert f"/bulletins/{right}" in old
        assert f"/bulletins/{wrong}" in new

    def test_only_the_newest_is_corrected(self, desk: Desk) -> None:
        """Corrections form one line, also when two supervisors write at once."""
        wrong = desk.publish("Wrong")

        def correct(number: int) -> bool:
            try:
                desk.publish(f"Right {number}", corrects=wrong)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(correct, range(4))) == 1

    def test_what_may_not_be_corrected(self, desk: Desk, client: Client, make: Make) -> None:
        """Not a withdrawn one, not for another authority, not another area's, not what is not there."""
        withdrawn, mine = desk.publish(), desk.publish()
        desk.withdraw(withdrawn)
        luohu = Desk(desk.context, make.officer(Role.SUPERVISOR, area="440303"))
        city = Desk(desk.context, make.officer(Role.SUPERVISOR, area="440300"))

        assert desk.send(client, corrects=str(withdrawn)).status_code == 409
        assert city.send(client, corrects=str(mine), area="440303").status_code == 409
        assert luohu.send(client, corrects=str(mine), area="440303").status_code == 404
        assert desk.send(client, corrects=str(uuid4())).status_code == 404
        assert city.send(client, corrects=str(mine)).status_code == 303


class TestWithdrawing:
    def test_only_the_fact_stays(self, desk: Desk, client: Client, context: Context) -> None:
        """The public reads that there was one; officers read what it said, and why it is gone."""
        bulletin = desk.publish()

        answer = client.post(
            f"/console/bulletins/{bulletin}/withdraw", data={"reason": "It named a street."}, as_=desk.officer
        )
        public, inside = client.get(f"/bulletins/{bulletin}"), client.get(f"/console/bulletins/{bulletin}")

        assert answer.status_code == 303
        assert public.status_code == 200
        assert "This bulletin was withdrawn." in public.text
        for page in (public.text, client.get("/bulletins").text, client.get("/bulletins/feed.atom").text):
            assert TITLE not in page
            assert "stop sharing the photo" not in page
            assert "street" not in page
        assert TITLE in inside.text
        assert "It named a street." in inside.text
        with context.db.read() as session:
            event = session.exec(
                select(AuditEvent).where(AuditEvent.action == Action.BULLETIN_WITHDRAWN)
            ).one()
        assert event.detail == {}

    @pytest.mark.parametrize("reason", ["", "    ", "no", "x" * 501])
    def test_a_reason_is_needed(self, desk: Desk, client: Client, context: Context, reason: str) -> None:
        """In words; what was typed comes back."""
        bulletin = desk.publish()

        answer = client.post(
            f"/console/bulletins/{bulletin}/withdraw", data={"reason": reason}, as_=desk.officer
        )

        assert answer.status_code == 422
        assert 'id="reason-error"' in answer.text
        assert rows(context)[0].withdrawn_at is None

    def test_twice_the_first_reason_stands(self, desk: Desk, context: Context) -> None:
        """Withdrawn again, nothing more happens."""
        bulletin = desk.publish()
        desk.withdraw(bulletin, "The first reason.")
        desk.withdraw(bulletin, "Another reason.")

        assert rows(context)[0].withdrawal_reason == "The first reason."


class TestWhoMay:
    @pytest.mark.parametrize(
        "role", [Role.REVIEWER, Role.INVESTIGATOR, Role.CLERK, Role.AUDITOR, Role.ADMIN, Role.CUSTODIAN]
    )
    def test_nobody_but_supervisors(self, desk: Desk, client: Client, make: Make, role: Role) -> None:
        """Speaking for the police is a supervisor's duty."""
        bulletin, officer = desk.publish(), make.officer(role)
        for path in ("", "/new", f"/{bulletin}", f"/{bulletin}/correct"):
            assert client.get(f"/console/bulletins{path}", as_=officer).status_code == 403
        for path in ("", f"/{bulletin}/withdraw"):
            assert client.post(f"/console/bulletins{path}", data={}, as_=officer).status_code == 403

    def test_another_areas_look_like_none(self, desk: Desk, client: Client, make: Make) -> None:
        """A supervisor of Luohu finds nothing of Futian's; the city's does."""
        bulletin = desk.publish()

        def seen(officer: Officer) -> list[int]:
            return [
                client.get(f"/console/bulletins/{bulletin}", as_=officer).status_code,
                client.get(f"/console/bulletins/{bulletin}/correct", as_=officer).status_code,
                client.post(
                    f"/console/bulletins/{bulletin}/withdraw", data={"reason": "Not mine."}, as_=officer
                ).status_code,
            ]

        assert seen(make.officer(Role.SUPERVISOR, area="440303")) == [404, 404, 404]
        assert seen(make.officer(Role.SUPERVISOR, area="440300")) == [200, 200, 303]

    def test_a_list_for_each_area(self, desk: Desk, client: Client, make: Make) -> None:
        """The console lists what an officer looks after."""
        desk.publish()

        near = client.get("/console/bulletins", as_=desk.officer)
        far = client.get("/console/bulletins", as_=make.officer(Role.SUPERVISOR, area="442000"))

        assert TITLE in near.text
        assert TITLE not in far.text

    def test_an_area_without_an_authority_says_nothing(self, desk: Desk, context: Context) -> None:
        """Only an authority speaks."""
        with context.db.write() as session:
            session.connection().exec_driver_sql("UPDATE jurisdiction SET authority=NULL WHERE code='440304'")

        with pytest.raises(Refusal):
            desk.publish()
