"""The whole way: a citizen's photo, two blind reviews, a case, the answer under the receipt code.

Real pages, real worker, real encoder, real files; nobody looks into the database on the way.
"""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.main import create_app
from app.officers import passwords
from app.officers.models import Officer, Role
from app.reviews.checklist import COMPONENTS
from app.worker import Worker
from tests.conftest import Client
from tests.make import Make

PICTURES = Path(__file__).parents[2] / "app" / "demo" / "pictures"
AGREEING = {f"feature_{component.code}": "same" for component in COMPONENTS}
REASON = "Brows, ears and the shape of the chin agree."
PASSWORD = "tulip-harbour-93-lamp"


class Person(Client):
    """Somebody with a browser of their own; officers sign in by the page."""

    def signed_in(self, officer: Officer) -> "Person":
        answer = self.post("/console/sign-in", data={"username": officer.username, "password": PASSWORD})
        assert answer.status_code == 303
        return self

    def form(self, address: str, **fields: str) -> httpx.Response:
        answer = self.post(address, data=fields)
        assert answer.status_code == 303, answer.text
        return answer


@pytest.fixture
def person(context: Context) -> Callable[[], Person]:
    """Makes people."""
    app = create_app(context)
    return lambda: Person(app, context)


def send(citizen: Person, picture: str) -> tuple[str, str]:
    """Send a tip; the receipt page's address and the code."""
    answer = citizen.post(
        "/tip",
        data={"place_text": "福田区华强北", "description": "A boy asks for money."},
        files=[("photos", (picture, (PICTURES / picture).read_bytes(), "image/jpeg"))],
    )
    assert answer.status_code == 303
    page = citizen.get(answer.headers["location"])
    code = re.search(r"(?:\d{4}\s){3}\d{4}", page.text)
    assert code is not None
    return str(answer.headers["location"]), code.group()


def read(citizen: Person, code: str) -> str:
    """What stands under a receipt code."""
    answer = citizen.post("/receipt", data={"code": code})
    assert answer.status_code == 303
    return citizen.get(answer.headers["location"]).text


def test_a_photo_becomes_a_case_and_its_sender_reads_the_answer(
    context: Context,
    make: Make,
    worker: Worker,
    person: Callable[[], Person],
) -> None:
    """The product's main job."""
    # Given a record, and officers of the place
    hashed = passwords.hash_new(PASSWORD)
    ada = make.officer(name="Ada", password_hash=hashed)
    bob = make.officer(name="Bob", password_hash=hashed)
    ines = make.officer(Role.INVESTIGATOR, name="Ines", password_hash=hashed)
    sun = make.officer(Role.SUPERVISOR, name="Sun", area="440300", password_hash=hashed)
    record = make.sent_record((PICTURES / "p0007-portrait0.jpg").read_bytes())
    worker.run_until_idle()

    # When a citizen sends a photo, and the worker looks into it
    citizen = person()
    _address, code = send(citizen, "p0007-tip0.jpg")
    worker.run_until_idle()
    before = read(citizen, code)

    # and two officers decide, each alone
    for officer in (ada, bob):
        desk = person().signed_in(officer)
        review = desk.form("/console/reviews/next").headers["location"]
        page = desk.get(review)
        assert record.name in page.text
        desk.form(f"{review}/decision", conclusion="support_same", reason=REASON, **AGREEING)

    # Then there is a lead, and its sender reads what they read before
    during = read(citizen, code)
    desk = person().signed_in(ines)
    lead = re.search(r"/console/leads/[0-9a-f-]+/case", desk.get("/console/cases").text)
    assert lead is not None

    # When the case is opened, worked on and closed
    case = desk.form(lead.group()).headers["location"]
    assert (
        desk.post(f"{case}/family-contact", data={"contact": "Called the mother at noon."}).status_code == 409
    )
    desk.form(f"{case}/tasks", title="Look at the metro exit in the morning")
    desk.form(f"{case}/field-check", finding="Met the boy and the man who says he is his uncle.")
    chief = person().signed_in(sun)
    chief.form(f"{case}/identity", evidence="dna", reference="LAB-2026-0815")
    desk.form(f"{case}/family-contact", contact="The mother was told in person.")
    desk.form(f"{case}/outcome", outcome="reunited", account="Handed over at the station.")
    task = re.search(rf"{case}/tasks/[0-9a-f-]+/done", desk.get(case).text)
    if task is not None:
        desk.form(task.group(), result="Done; he was there.")
    chief.form(f"{case}/close")

    # Then the answer stands under the receipt code, and never that anybody resembled anyone
    after = read(citizen, code)
    own = r'/receipt/[\w-]+|value="[0-9a-f]{32}"'  # The page's address, and the key of its form.
    assert re.sub(own, "", before) == re.sub(own, "", during)
    assert "The police" in after
    assert "closed" in after.lower() or "finished" in after.lower()
    for read_page in (before, during, after):
        assert record.name not in read_page
        assert record.number not in read_page
        for word in ("match", "candidate", "lead", "reunited", "0."):
            assert word not in re.sub(r"<[^>]+>", " ", read_page).lower().replace("leading", "")

    # and the audit log tells who did what, and is whole
    with context.db.read() as session:
        done = set(session.exec(select(AuditEvent.action)))
        verdict = audit.verify(session, audit.checkpoints_path(context.settings), context.keys.signing)
    assert done >= {
        Action.TIP_ACCEPTED, Action.PHOTO_EXAMINED, Action.GALLERY_SEARCHED, Action.REVIEW_DECIDED,
        Action.CANDIDATE_SETTLED, Action.LEAD_MADE, Action.CASE_OPENED, Action.IDENTITY_CONFIRMED,
        Action.FAMILY_CONTACTED, Action.CASE_CLOSED, Action.TIP_DISPOSED, Action.SIGNED_IN,
    }  # fmt: skip
    assert verdict.problems == ()


def test_a_person_without_a_record_reaches_triage_and_gets_an_answer(
    make: Make, worker: Worker, person: Callable[[], Person]
) -> None:
    """No lead comes of it, and nothing is dropped."""
    hashed = passwords.hash_new(PASSWORD)
    ada = make.officer(name="Ada", password_hash=hashed)
    make.sent_record((PICTURES / "p0007-portrait0.jpg").read_bytes())
    citizen = person()
    _address, code = send(citizen, "p0052-tip0.jpg")
    worker.run_until_idle()

    desk = person().signed_in(ada)
    assert desk.form("/console/reviews/next").headers["location"] == "/console/reviews"
    tip = re.search(r"/console/tips/[0-9a-f-]+", desk.get("/console/triage").text)
    assert tip is not None
    assert "A boy asks for money." in desk.get(tip.group()).text
    desk.form(
        f"{tip.group()}/disposition",
        disposition="with_family_no_concern",
        reason="Known family, seen at the school.",
    )

    answer = read(citizen, code)
    assert "with family" in answer
    assert "Known family" not in answer


def test_a_question_is_answered_in_the_thread(
    make: Make, worker: Worker, person: Callable[[], Person]
) -> None:
    """Two ways: the officer asks, the citizen answers under the code."""
    ada = make.officer(name="Ada", password_hash=passwords.hash_new(PASSWORD))
    citizen = person()
    address, code = send(citizen, "p0052-tip0.jpg")
    worker.run_until_idle()
    desk = person().signed_in(ada)
    tip = re.search(r"/console/tips/[0-9a-f-]+", desk.get("/console/triage").text)
    assert tip is not None

    desk.form(f"{tip.group()}/messages", text="Which exit was it?", ask="true")
    assert "Which exit was it?" in read(citizen, code)
    citizen.form(f"{address}/messages", text="Exit C, beside the shop.")

    assert "Exit C, beside the shop." in desk.get(tip.group()).text
    assert "Ada" not in read(citizen, code)
