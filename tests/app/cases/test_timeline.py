"""The timeline: everything that happened to a case and to those that rest in it."""

import re
from itertools import pairwise

from app.cases import page_queries, referring, service
from app.cases.models import Case, CaseEntryKind, CaseState
from app.cases.timeline import ShownEntry
from app.referrals import service as referrals
from app.referrals.models import Agency, ReferralOutcome, ReferralState
from tests.app.cases.desk import Desk
from tests.app.cases.test_merging import merge, undo
from tests.app.cases.test_removal import REQUEST, complete
from tests.conftest import Client

DECLINED = "They only take children under three years of age."


def shown(desk: Desk, case: Case) -> list[ShownEntry]:
    with desk.context.db.read() as session:
        return page_queries.case_page(session, desk.investigator, case.id).timeline


def refer(desk: Desk, case: Case) -> None:
    """A referral that is declined, and one that is completed."""
    with desk.context.db.write() as session:
        first, second = (
            referring.send(session, desk.investigator, case.id, agency, "Futian", REQUEST)
            for agency in (Agency.HOSPITAL, Agency.CIVIL_AFFAIRS)
        )
        referrals.answer(
            session,
            desk.supervisor,
            first.id,
            ReferralState.DECLINED,
            informant="Dr Hu",
            text=DECLINED,
        )
    complete(desk, desk.investigator, second)


def test_what_agencies_answered_stands_in_it(desk: Desk) -> None:
    """With who said so, who wrote it down and what was reported; each step once."""
    case = desk.case(CaseState.TASKED)
    refer(desk, case)

    said = [item for item in shown(desk, case) if item.entry.kind == CaseEntryKind.REFERRAL]

    assert [(item.agency, item.answer) for item in reversed(said)] == [
        (Agency.HOSPITAL, None),
        (Agency.CIVIL_AFFAIRS, None),
        (Agency.HOSPITAL, ReferralState.DECLINED),
        (Agency.CIVIL_AFFAIRS, ReferralState.COMPLETED),
    ]
    assert said[1].entry.detail["informant"] == "Dr Hu"
    assert said[1].officer.id == desk.supervisor.id
    assert said[0].outcome == ReferralOutcome.TAKEN_INTO_CARE


def test_a_merged_cases_entries_and_tasks_are_shown_in_the_other(desk: Desk) -> None:
    """With its number, in one order, and no longer once the merge is undone."""
    case, into = desk.case(CaseState.TASKED), desk.case(CaseState.TASKED)
    refer(desk, case)
    alone = shown(desk, into)
    merge(desk, case, into)

    together = shown(desk, into)
    with desk.context.db.read() as session:
        tasks = page_queries.case_page(session, desk.investigator, into.id).rested_tasks
    undo(desk, case)

    assert {item.number for item in together} == {None, case.number}
    assert {item.entry.id for item in shown(desk, case)} - {item.entry.id for item in together} == {
        shown(desk, case)[0].entry.id
    }
    assert all(later.entry.at >= earlier.entry.at for later, earlier in pairwise(together))
    assert [len(each) for each in tasks.values()] == [1]
    assert len(shown(desk, into)) == len(alone) + 2


def test_the_page_shows_one_kind_or_all(client: Client, desk: Desk) -> None:
    """An unknown kind shows everything."""
    case = desk.case(CaseState.TASKED)
    refer(desk, case)
    with desk.context.db.write() as session:
        service.add_note(session, desk.investigator, case.id, "Only a note.")

    def words(query: str) -> str:
        text = client.get(f"/console/cases/{case.id}{query}", as_=desk.investigator).text
        found = re.search(r'<ol class="timeline">.*?</ol>', text, re.DOTALL)
        assert found is not None
        return found[0]

    assert "Only a note." in words("")
    assert DECLINED in words("")
    assert "Only a note." in words("?kind=note")
    assert DECLINED not in words("?kind=note")
    assert DECLINED in words("?kind=referral")
    assert "Dr Hu" in words("?kind=referral")
    assert "Only a note." not in words("?kind=referral")
    assert words("?kind=nonsense") == words("")
