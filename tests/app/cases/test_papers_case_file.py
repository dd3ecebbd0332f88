"""The case file: what leaves, what never does, and that a reader can check it."""

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile

import pytest
import rfc8785
from sqlmodel import select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import checkpoints_path
from app.candidates import progress
from app.candidates.models import Candidate, CandidateState
from app.cases import attachments, case_file, merging
from app.cases.models import Case, CaseAttachment, CaseEntry, CaseEntryKind, CaseState
from app.officers.models import Role
from app.photos.models import Photo, Rendition
from app.tips.models import Author, Tip, TipMessage
from tests.app.cases import papers
from tests.app.cases.desk import Desk
from tests.app.cases.papers import PNG, text_of
from tests.conftest import Client

PURPOSE = "For the prosecutor of the district."
MESSAGE = "Call me at 139-1111-2222, I am Ms Zhou."


@pytest.fixture
def case(desk: Desk) -> Case:
    made = papers.rich_case(desk)
    with desk.context.db.write() as session:
        tip = session.exec(select(Tip)).first()
        assert tip is not None
        session.add(TipMessage(tip_id=tip.id, author=Author.TIPSTER, text=MESSAGE))
    return made


def attach(desk: Desk, case: Case, data: bytes, name: str, kind: str = "image/png") -> None:
    file = desk.context.store.put(data)
    with desk.context.db.write() as session:
        attachments.attach(session, desk.investigator, case.id, name, kind, file)


def taken(desk: Desk, client: Client, case: Case) -> dict[str, bytes]:
    """The files of a case file, in their order."""
    path = f"/console/cases/{case.id}/case-file"
    answer = client.post(path, data={"purpose": PURPOSE}, as_=desk.investigator)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {entry.date_time[0] for entry in archive.infolist()} != {1980}
        return {name: archive.read(name) for name in archive.namelist()}


class TestWhatIsInIt:
    def test_every_file_has_its_hash_and_its_place(self, desk: Desk, client: Client, case: Case) -> None:
        """The manifest names each file; the order is always the same."""
        attach(desk, case, PNG, "../../报告 1.png")
        files = taken(desk, client, case)
        lines = files["MANIFEST.txt"].decode().splitlines()
        manifest = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        others = {name: data for name, data in files.items() if name != "MANIFEST.txt"}

        assert manifest == {name: hashlib.sha256(data).hexdigest() for name, data in others.items()}
        assert list(files) == [
            "README.txt",
            "case.json",
            "timeline.csv",
            "tasking-sheet-zh.pdf",
            "tasking-sheet-en.pdf",
            "pictures/001-face.jpg",
            "pictures/002-face.jpg",
            "pictures/003-redacted.jpg",
            "attachments/001-报告 1.png",
            "audit/events.jsonl",
            "MANIFEST.txt",
        ]
        assert files["attachments/001-报告 1.png"] == PNG

    def test_its_papers_are_in_both_languages(self, desk: Desk, client: Client, case: Case) -> None:
        """A4, with the child's name."""
        files = taken(desk, client, case)

        for language, title in (("zh", "任务单"), ("en", "Taskingsheet")):
            text, sizes = text_of(files[f"tasking-sheet-{language}.pdf"])
            assert set(sizes) == {papers.A4}
            assert title + case.number in text
            assert "林小雨" in text

    def test_its_rows_tell_the_case(self, desk: Desk, client: Client, case: Case) -> None:
        """All tasks, entries, referrals, attachments; each picture says of what it is."""
        attach(desk, case, PNG, "a.png")
        attach(desk, case, PNG + b"2", "b.png")
        with desk.context.db.write() as session:
            row = session.exec(select(CaseAttachment).where(CaseAttachment.name == "a.png")).one()
            attachments.take_out(session, desk.investigator, case.id, row.id)
        files = taken(desk, client, case)
        tree = json.loads(files["case.json"])
        (own,) = tree["cases"]

        assert tree["case"]["number"] == case.number
        assert tree["record"]["name"] == papers.NAME
        assert tree["candidate"]["state"] == "agreed_same"
        assert len(own["tasks"]) == 10
        assert {entry["kind"] for entry in own["entries"]} >= {
            "opened",
            "task_added",
            "attachment",
            "exported",
        }
        assert [len(referral["events"]) for referral in own["referrals"]] == [1]
        assert [("removed_at" in each, each["name"]) for each in own["attachments"]] == [
            (True, "a.png"),
            (False, "b.png"),
        ]
        assert [each["file"] in files for each in tree["pictures"]] == [True, True, True]
        assert "attachments/001-b.png" in files
        assert "attachments/002-a.png" not in files

    def test_a_spreadsheet_takes_no_text_for_a_formula(self, desk: Desk, client: Client, case: Case) -> None:
        """The timeline opens as text, oldest entry first, with the purpose of this export last."""
        with desk.context.db.write() as session:
            session.add_all(
                CaseEntry(
                    case_id=case.id, officer_id=desk.investigator.id, kind=CaseEntryKind.NOTE, text=text
                )
                for text in ('=HYPERLINK("http://x")', "＝1+1", " @SUM(1)")
            )
        text = taken(desk, client, case)["timeline.csv"].decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))

        assert rows[0]["kind"] == "Case opened"
        assert rows[-1]["text"] == PURPOSE
        assert {'\'=HYPERLINK("http://x")', "'＝1+1", "' @SUM(1)"} <= {row["text"] for row in rows}

    def test_cases_that_rest_in_it_are_in_it(self, desk: Desk, client: Client, case: Case) -> None:
        """Their tasks, entries and attachments come along."""
        other = desk.case(CaseState.TASKED)
        attach(desk, other, PNG, "other.png")
        with desk.context.db.write() as session:
            merging.merge(session, desk.supervisor, other.id, case.number, "They are about one child.")
        files = taken(desk, client, case)

        assert [each["case"]["number"] for each in json.loads(files["case.json"])["cases"]] == [
            case.number,
            other.number,
        ]
        assert "attachments/001-other.png" in files
        assert other.number in files["timeline.csv"].decode()

    def test_what_does_not_open_is_named(self, desk: Desk, client: Client, case: Case) -> None:
        """The archive is whole all the same, and says what it lacks."""
        attach(desk, case, PNG, "gone.png")
        with desk.context.db.read() as session:
            row = session.exec(select(CaseAttachment)).one()
        desk.context.store.delete(row.store_key)
        files = taken(desk, client, case)

        assert files["MISSING.txt"].decode() == "attachments/001-gone.png\n"
        assert "MISSING.txt" in files["MANIFEST.txt"].decode()


class TestAuditExtract:
    def test_each_row_can_be_checked_without_this_software(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """The README's rule gives every row's hash; consecutive rows follow each other."""
        context = desk.context
        with context.db.write() as session:
            audit.write_checkpoint(session, checkpoints_path(context.settings), context.keys.signing)
        files = taken(desk, client, case)
        rows = [json.loads(line) for line in files["audit/events.jsonl"].splitlines()]
        hashes: dict[int, str] = {}
        for row in rows:
            seq, previous, given = row.pop("seq"), row.pop("previous_hash"), row.pop("hash")
            assert hashlib.sha256(previous.encode() + rfc8785.dumps(row)).hexdigest() == given
            assert hashes.get(seq - 1, previous) == previous
            hashes[seq] = given

        assert list(hashes) == sorted(hashes)
        assert {"case_opened", "referral_sent", "photo_viewed", "case_exported"} <= {
            row["action"] for row in rows
        }
        assert set(json.loads(files["audit/checkpoint.json"])) == {"seq", "hash", "at", "signature"}

    def test_a_candidate_reviewed_anew_is_left_out(self, desk: Desk, client: Client, case: Case) -> None:
        """Who looks at it again shall not read here what others concluded."""
        with desk.context.db.write() as session:
            candidate = session.exec(select(Candidate)).one()
            audit.record(
                session,
                audit.officer_actor(desk.supervisor.id),
                Action.REVIEW_DECIDED,
                "candidate",
                candidate.id,
                conclusion="same",
            )
        agreed = taken(desk, client, case)["audit/events.jsonl"]
        with desk.context.db.write() as session:
            progress.move(session, session.exec(select(Candidate)).one(), CandidateState.PROPOSED)
        reopened = taken(desk, client, case)["audit/events.jsonl"]

        assert b"review_decided" in agreed
        assert b"review_decided" not in reopened


class TestWhatNeverLeaves:
    def test_no_way_to_a_tipster_no_key_and_no_score(self, desk: Desk, client: Client, case: Case) -> None:
        """Neither in the rows, nor in the log, nor on paper."""
        attach(desk, case, PNG, "a.png")
        files = taken(desk, client, case)
        with desk.context.db.read() as session:
            tips = session.exec(select(Tip)).all()
            keys = [row.store_key for row in session.exec(select(Photo))]
            keys += [row.store_key for row in session.exec(select(Rendition))]
            keys += [row.store_key for row in session.exec(select(CaseAttachment))]
            candidate = session.exec(select(Candidate)).one()
        secrets = [papers.CONTACT, MESSAGE.encode(), b"139-1111-2222", b"contact_sealed", b"receipt_lookup"]
        secrets += [key.encode() for key in keys]
        secrets += [tip.receipt_lookup for tip in tips] + [tip.receipt_lookup.hex().encode() for tip in tips]
        secrets += [b"sealed_key", b"log10_lr", str(candidate.score).encode(), b"127.0.0.1", b"testclient"]
        texts = {name: text_of(data)[0].encode() for name, data in files.items() if name.endswith(".pdf")}
        found = [
            (name, secret)
            for name, data in [*files.items(), *texts.items()]
            for secret in secrets
            if secret in data
        ]

        assert found == []

    def test_originals_and_whole_scenes_stay(self, desk: Desk, client: Client, case: Case) -> None:
        """Only face crops and scenes with faces hidden are opened for it."""
        taken(desk, client, case)

        kinds = {row.detail["kind"] for row in desk.audited(Action.PHOTO_VIEWED)}
        assert kinds == {"face", "redacted"}


class TestTakingItOut:
    def test_it_is_logged_with_counts_and_stands_in_the_timeline(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """Who, for what, and how much."""
        attach(desk, case, PNG, "a.png")
        taken(desk, client, case)
        (row,) = desk.audited(Action.CASE_EXPORTED)
        with desk.context.db.read() as session:
            entry = session.exec(select(CaseEntry).where(CaseEntry.kind == CaseEntryKind.EXPORTED)).one()

        assert row.detail == {"pictures": 3, "attachments": 1, "tips": 1}
        assert len(desk.audited(Action.ATTACHMENT_OPENED)) == 1
        assert entry.text == PURPOSE

    def test_without_a_purpose_nothing_leaves(self, desk: Desk, client: Client, case: Case) -> None:
        """Refused with the page; no entry, no audit row."""
        path = f"/console/cases/{case.id}/case-file"
        answer = client.post(path, data={"purpose": "x"}, as_=desk.investigator)

        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/html")
        assert desk.audited(Action.CASE_EXPORTED) == []
        assert desk.audited(Action.PHOTO_VIEWED) == []

    def test_not_for_other_areas_or_roles(self, desk: Desk, client: Client, case: Case) -> None:
        """404 and 403, like the case itself."""
        path = f"/console/cases/{case.id}/case-file"
        stranger = desk.make.officer(Role.INVESTIGATOR, area="442000")

        assert client.post(path, data={"purpose": PURPOSE}, as_=stranger).status_code == 404
        assert client.post(path, data={"purpose": PURPOSE}, as_=desk.make.officer()).status_code == 403
        assert client.get(path, as_=desk.investigator).status_code == 405

    def test_memory_holds_one_attachment_at_a_time(self, desk: Desk, case: Case) -> None:
        """Ten times as many attachments take no more of it, and nothing is written to disk."""
        size = 2 * 2**20
        for number in range(10):
            attach(desk, case, b"%PDF-" + bytes([number]) * size, f"{number}.pdf", "application/pdf")
        with desk.context.db.write() as session:
            made = case_file.prepare(session, desk.context, desk.investigator, case.id, PURPOSE)
        folder = desk.context.settings.data_dir.parent
        before = sorted(path for path in folder.rglob("*") if path.is_file())
        only = [item for item in made.files if item[0].startswith("attachments/")]
        tracemalloc.start()
        sent = sum(
            len(piece)
            for piece in case_file.stream(
                case_file.CaseFile(made.number, tuple(only), made.at), desk.context.store
            )
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert len(only) == 10
        assert sent > 10 * size
        assert peak < 6 * size
        assert sorted(path for path in folder.rglob("*") if path.is_file()) == before
