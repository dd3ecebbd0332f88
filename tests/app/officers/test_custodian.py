"""Promises about a tipster's contact."""

import pytest
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.officers.models import Role
from app.tips.models import Tip
from tests.conftest import Client
from tests.make import Make

CONTACT = "WeChat: friendly_neighbour"
REQUEST = {"asked_by": "Wang Li, B0001", "reason": "Needed as a witness, letter 17 of the court."}


@pytest.fixture
def tip(context: Context, make: Make) -> Tip:
    """A tip whose sender left a contact."""
    made = make.tip()
    with context.db.write() as session:
        session.get_one(Tip, made.id).contact_sealed = context.keys.seal(CONTACT.encode())
    return made


def openings(context: Context) -> list[AuditEvent]:
    with context.db.read() as session:
        return list(session.exec(select(AuditEvent).where(AuditEvent.action == Action.CONTACT_OPENED)))


class TestContact:
    def test_a_written_request_opens_it_once_and_stays_on_record(
        self, client: Client, context: Context, make: Make, tip: Tip
    ) -> None:
        """The contact is shown once; who asked and why can be judged later, sealed until then."""
        custodian = make.officer(Role.CUSTODIAN)
        address = client.get(f"/console/contacts?tip={tip.id}", as_=custodian).headers["location"]
        assert CONTACT not in client.get(address).text

        answer = client.post(f"{address}/open", data=REQUEST)

        assert (answer.status_code, answer.headers["location"]) == (303, address)
        assert "friendly_neighbour" not in str(answer.headers)
        assert CONTACT in client.get(address).text
        assert CONTACT not in client.get(address).text
        row = openings(context)[0]
        assert (row.actor_id, row.subject_id) == (str(custodian.id), str(tip.id))
        assert REQUEST["reason"] not in str(row.detail)
        log = client.get("/console/audit?action=contact_opened", as_=make.officer(Role.AUDITOR)).text
        assert REQUEST["reason"] in log
        assert REQUEST["asked_by"] in log
        assert CONTACT not in log

    @pytest.mark.parametrize(
        ("field", "value"), [("reason", "too short"), ("reason", " " * 30), ("asked_by", " ")]
    )
    def test_without_a_proper_request_it_stays_shut(
        self, client: Client, context: Context, make: Make, tip: Tip, field: str, value: str
    ) -> None:
        """A custodian who cannot say who asks and why opens nothing."""
        answer = client.post(
            f"/console/contacts/{tip.id}/open",
            as_=make.officer(Role.CUSTODIAN),
            data=REQUEST | {field: value},
        )

        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert openings(context) == []

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.CUSTODIAN])
    def test_no_other_role_opens_it(
        self, client: Client, context: Context, make: Make, tip: Tip, role: Role
    ) -> None:
        """Not even an administrator or a supervisor."""
        officer = make.officer(role, area="CN")

        answer = client.post(f"/console/contacts/{tip.id}/open", as_=officer, data=REQUEST)

        assert answer.status_code == 403
        assert client.get(f"/console/contacts/{tip.id}").status_code == 403
        assert openings(context) == []

    def test_another_areas_tip_does_not_exist_here(
        self, client: Client, context: Context, make: Make, tip: Tip
    ) -> None:
        """A custodian answers for their own area."""
        custodian = make.officer(Role.CUSTODIAN, area="440303")

        answer = client.post(f"/console/contacts/{tip.id}/open", as_=custodian, data=REQUEST)

        assert answer.status_code == 404
        assert client.get(f"/console/contacts/{tip.id}").status_code == 404
        assert client.get(f"/console/contacts?tip={tip.id}").status_code == 404
        assert openings(context) == []

    def test_a_tip_without_a_contact_says_so(self, client: Client, context: Context, make: Make) -> None:
        """An empty answer is told from a hidden one, and nothing is logged as opened."""
        bare = make.tip()

        answer = client.post(
            f"/console/contacts/{bare.id}/open", as_=make.officer(Role.CUSTODIAN), data=REQUEST
        )

        assert answer.status_code == 409
        assert "came without a contact" in answer.text
        assert openings(context) == []

    def test_what_is_no_id_is_told_so(self, client: Client, make: Make) -> None:
        """A receipt code typed here by mistake finds nobody."""
        answer = client.get("/console/contacts?tip=AB12-CD34", as_=make.officer(Role.CUSTODIAN))

        assert answer.status_code == 422
        assert "no tip id" in answer.text
