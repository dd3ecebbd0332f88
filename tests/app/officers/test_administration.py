"""Promises about administering officers, and who may open which page."""

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import pytest
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotAllowed
from app.officers import service
from app.officers.models import Officer, OfficerSession, Role
from tests.conftest import Client
from tests.make import Make

FORM = {
    "username": "wang.li",
    "name": "王丽",
    "badge": "X-1",
    "jurisdiction_code": "440304",
    "roles": ["clerk", "reviewer"],
}


def password_in(page: httpx.Response) -> str | None:
    found = re.search(r'class="secret">([^<]+)<', page.text)
    return found.group(1) if found else None


def stored(context: Context, officer_id: UUID) -> Officer:
    with context.db.read() as session:
        return session.get_one(Officer, officer_id)


class TestRoles:
    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("/console/officers", {Role.ADMIN}),
            ("/console/officers/new", {Role.ADMIN}),
            ("/console/records", {Role.CLERK, Role.INVESTIGATOR, Role.SUPERVISOR}),
            ("/console/records/new", {Role.CLERK}),
            ("/console/audit", {Role.AUDITOR}),
            ("/console/account", set(Role)),
        ],
    )
    @pytest.mark.parametrize("role", list(Role))
    def test_a_page_opens_for_its_roles_only(
        self, client: Client, make: Make, path: str, allowed: set[Role], role: Role
    ) -> None:
        """An administrator sees no child, an auditor changes nothing, a clerk reads no log."""
        answer = client.get(path, as_=make.officer(role))

        assert answer.status_code == (200 if role in allowed else 403)


class TestAdding:
    def test_an_officer_is_added_and_their_password_shown_once(
        self, client: Client, make: Make, context: Context
    ) -> None:
        """The password is on one page, once; the new officer can sign in with it."""
        made = client.post("/console/officers", as_=make.officer(Role.ADMIN, area="CN"), data=FORM)
        assert made.status_code == 303

        password = password_in(client.get(made.headers["location"]))

        assert password is not None
        assert password_in(client.get(made.headers["location"])) is None
        client.cookies.clear()
        entered = client.post("/console/sign-in", data={"username": "wang.li", "password": password})
        assert entered.status_code == 303
        with context.db.read() as session:
            added = session.exec(select(AuditEvent).where(AuditEvent.action == Action.OFFICER_ADDED)).one()
        assert added.detail == {"roles": "reviewer clerk", "area": "440304"}

    def test_a_password_in_transit_opens_for_its_maker_only(self, client: Client, make: Make) -> None:
        """The cookie that carries it is bound to the administrator who made it."""
        made = client.post("/console/officers", as_=make.officer(Role.ADMIN, area="CN"), data=FORM)

        page = client.get(made.headers["location"], as_=make.officer(Role.ADMIN, area="CN"))

        assert page.status_code == 200
        assert password_in(page) is None

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("username", "a b"),
            ("username", "officer1"),
            ("username", "w\u0430ng.li"),
            ("username", "ｃｏｃo\u0441"),
            ("name", " "),
            ("name", "Wang \u202eiL"),
            ("name", "Wang\u200b Li"),
            ("badge", "44\u2060017"),
            ("badge", "B00001"),
            ("badge", "x" * 41),
            ("jurisdiction_code", "999999"),
            ("jurisdiction_code", "442000"),
            ("roles", []),
        ],
    )
    def test_a_bad_field_is_named_and_what_was_typed_stays(
        self, client: Client, make: Make, context: Context, field: str, value: str | list[str]
    ) -> None:
        """The reason stands beside its field; nobody types a form twice."""
        admin = make.officer(Role.ADMIN, area="440300")

        answer = client.post("/console/officers", as_=admin, data=FORM | {field: value})

        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert ("wang.li" in answer.text) == (field != "username")
        with context.db.read() as session:
            assert len(session.exec(select(Officer)).all()) == 1

    def test_the_command_line_adds_an_officer_with_a_password_of_choice(self, context: Context) -> None:
        """The first administrator has nobody to be added by."""
        with context.db.write() as session:
            added = service.add_officer(
                session,
                username="Chief",
                name="Chief",
                badge="1",
                password="four unrelated words",
                roles=[Role.ADMIN],
                jurisdiction_code="CN",
                actor=SYSTEM,
            )

        assert (added.username, added.roles) == ("chief", ["admin"])
        with pytest.raises(Invalid), context.db.write() as session:
            service.add_officer(
                session,
                username="other",
                name="Other",
                badge="2",
                password="short",
                roles=[Role.ADMIN],
                jurisdiction_code="CN",
                actor=SYSTEM,
            )


class TestChanging:
    def test_roles_and_area_change_at_once_and_are_on_record(
        self, client: Client, make: Make, context: Context
    ) -> None:
        """A role taken away is gone at the next click, not at the next sign-in."""
        officer = make.officer(Role.CLERK)
        client.get("/console/records", as_=officer)
        token = client.cookies["officer"]
        admin = make.officer(Role.ADMIN, area="CN")

        answer = client.post(
            f"/console/officers/{officer.id}",
            as_=admin,
            data={"name": "New Name", "roles": ["auditor"], "jurisdiction_code": "440303"},
        )

        assert answer.status_code == 303
        client.cookies.clear()
        client.cookies.set("officer", token)
        assert client.get("/console/records").status_code == 403
        with context.db.read() as session:
            row = session.exec(select(AuditEvent).where(AuditEvent.action == Action.OFFICER_CHANGED)).one()
        assert row.actor_id == str(admin.id)
        assert row.detail == {
            "change": "details",
            "roles_were": "clerk",
            "roles": "auditor",
            "area_was": "440304",
            "area": "440303",
        }

    def test_an_administrator_cannot_change_their_own_roles_or_area(
        self, client: Client, make: Make, context: Context
    ) -> None:
        """Who hands out roles does not help themselves to a look at children."""
        admin = make.officer(Role.ADMIN, area="440300")
        own = f"/console/officers/{admin.id}"
        changed = {"name": admin.name, "roles": ["admin", "reviewer"], "jurisdiction_code": "440300"}

        assert client.post(own, as_=admin, data=changed).status_code == 403
        changed |= {"roles": ["admin"], "jurisdiction_code": "440304"}
        assert client.post(own, data=changed).status_code == 403

        assert stored(context, admin.id).roles == ["admin"]
        assert client.post(f"{own}/password").status_code == 403

    @pytest.mark.parametrize("step", ["", "/disable", "/enable", "/password"])
    def test_officers_of_another_area_do_not_exist_here(
        self, client: Client, make: Make, context: Context, step: str
    ) -> None:
        """A district's administrator reaches neither the neighbours nor the province above."""
        admin = make.officer(Role.ADMIN, area="440304")
        for area in ("440303", "440300", "CN"):
            other = make.officer(area=area)

            address = f"/console/officers/{other.id}"
            data = {"name": "x", "roles": ["admin"], "jurisdiction_code": "440304"}
            answer = client.post(address + step, as_=admin, data=data)

            assert answer.status_code == 404
            assert client.get(address).status_code == 404
            assert stored(context, other.id) == other

    def test_an_officer_is_not_moved_into_somebody_elses_area(self, client: Client, make: Make) -> None:
        """An administrator gives no sight of places they do not answer for."""
        officer = make.officer()
        data = {"name": "x", "roles": ["reviewer"], "jurisdiction_code": "CN"}

        answer = client.post(
            f"/console/officers/{officer.id}", as_=make.officer(Role.ADMIN, area="440304"), data=data
        )

        assert answer.status_code == 422


class TestDisabling:
    def test_a_disabled_officer_is_out_at_once_and_back_when_enabled(
        self, client: Client, make: Make, context: Context
    ) -> None:
        """Disabling ends sessions; enabling does not bring them back."""
        officer, admin = make.officer(), make.officer(Role.ADMIN, area="CN")
        client.get("/console/account", as_=officer)
        token = client.cookies["officer"]

        client.post(f"/console/officers/{officer.id}/disable", as_=admin)
        disabled = stored(context, officer.id).active
        again = client.post(f"/console/officers/{officer.id}/disable", as_=admin).status_code
        client.post(f"/console/officers/{officer.id}/enable", as_=admin)

        assert (disabled, again, stored(context, officer.id).active) == (False, 409, True)
        client.cookies.clear()
        client.cookies.set("officer", token)
        assert client.get("/console/account").status_code == 303

    def test_the_last_administrator_stays(self, client: Client, make: Make, context: Context) -> None:
        """Somebody can always add officers."""
        admin = make.officer(Role.ADMIN, area="CN")

        answer = client.post(f"/console/officers/{admin.id}/disable", as_=admin)

        assert answer.status_code == 409
        assert stored(context, admin.id).active

    def test_two_administrators_cannot_disable_each_other(self, context: Context, make: Make) -> None:
        """Both act at the same moment; one of them stays."""
        pair = [make.officer(Role.ADMIN, area="CN"), make.officer(Role.ADMIN, area="CN")]

        def disable(number: int) -> bool:
            try:
                with context.db.write() as session:
                    service.set_active(session, pair[1 - number].id, active=False, by=pair[number])
            except (Conflict, NotAllowed):
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(disable, (0, 1)))

        assert sorted(done) == [False, True]
        assert sorted(stored(context, officer.id).active for officer in pair) == [False, True]

    def test_a_reset_password_is_shown_once_and_ends_sessions(
        self, client: Client, make: Make, context: Context
    ) -> None:
        """Whoever knew the old password, or held a session, is out."""
        officer, admin = make.officer(), make.officer(Role.ADMIN, area="CN")
        client.get("/console/account", as_=officer)
        answer = client.post(f"/console/officers/{officer.id}/password", as_=admin)

        password = password_in(client.get(answer.headers["location"]))

        assert password is not None
        with context.db.read() as session:
            held = session.exec(select(OfficerSession).where(OfficerSession.officer_id == officer.id)).one()
        assert held.ended_at is not None
        assert stored(context, officer.id).password_hash.startswith("one-time$")


class TestList:
    def test_officers_are_found_by_name_and_shown_by_fifty(self, client: Client, make: Make) -> None:
        """A long list is paged, and a sign with a meaning in SQL is a plain sign."""
        admin = make.officer(Role.ADMIN, area="440300")
        for _ in range(51):
            make.officer()
        make.officer(name="100%_sure", area="440303")
        make.officer(name="Elsewhere", area="442000")

        first = client.get("/console/officers", as_=admin).text
        last = client.get("/console/officers?page=99").text
        found = client.get("/console/officers?text=%25_").text

        assert "53 officers" in first
        assert "Page 1 of 2" in first
        assert "Page 2 of 2" in last
        assert "Elsewhere" not in first + last
        assert "100%_sure" in found
        assert "1 officer" in found
