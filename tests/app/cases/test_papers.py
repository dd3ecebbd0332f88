"""Papers of a case: what is printed, what leaves in the case file, and what is attached."""

import hashlib
import io
import json
import zipfile

import pypdfium2
import pytest
from sqlmodel import select

from app.audit.models import Action
from app.cases import referring, tasks
from app.cases.models import Case, CaseAttachment, CaseState
from app.cases.paper import FONT_FILE
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Role
from app.photos.models import Photo, Rendition, RenditionKind
from app.referrals.models import Agency
from tests.app.cases.desk import Desk
from tests.conftest import Client

SQUARE = {"type": "Polygon", "coordinates": [[[114.0, 22.5], [114.1, 22.5], [114.1, 22.6], [114.0, 22.5]]]}
PLACE = "福田区华强北地铁站A出口" * 4
CONTACT = b"138-0013-8000"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
A4 = (595, 842)


@pytest.fixture
def case(desk: Desk) -> Case:
    """A case in Futian with a place, tasks, a referral and a tipster who left a contact."""
    sealed = desk.context.keys.seal(CONTACT)
    tip = desk.make.tip(place_text=PLACE, latitude=22.54, longitude=114.05, contact_sealed=sealed)
    made = desk.case(CaseState.TASKED, desk.agreed_lead(tip))
    with desk.context.db.write() as session:
        area = session.get_one(Jurisdiction, "440304")
        area.shape = json.dumps(SQUARE)
        session.add(area)
        for number in range(9):
            title = f"第{number}项：到现场走访并询问周边商户 <b>&amp;"
            tasks.add(
                session,
                desk.investigator,
                made.id,
                title=title,
                assignee_id=None,
                due_at=None,
                instructions="Look out for the grey van. " * 9,
            )
        request = "Please see what the family needs."
        referring.send(session, desk.investigator, made.id, Agency.CIVIL_AFFAIRS, "福田区民政局", request)
    return made


def text_of(pdf: bytes) -> tuple[str, list[tuple[int, int]]]:
    document = pypdfium2.PdfDocument(pdf)
    texts, sizes = [], []
    for page in document:
        view = page.get_textpage()
        texts.append(view.get_text_bounded())
        view.close()
        width, height = page.get_size()
        sizes.append((round(width), round(height)))
        page.close()
    document.close()
    return "".join("".join(texts).split()), sizes


class TestTaskingSheet:
    @pytest.mark.parametrize(("language", "title"), [("zh", "任务单"), ("en", "Taskingsheet")])
    def test_it_says_what_officers_need_on_a4(
        self, desk: Desk, client: Client, case: Case, language: str, title: str
    ) -> None:
        """Number, place, tasks, who printed it; Chinese is Chinese in both languages."""
        path = f"/console/cases/{case.id}/tasking-sheet.pdf?sheet={language}"
        answer = client.get(path, as_=desk.investigator)
        text, sizes = text_of(answer.content)

        assert answer.headers["content-type"] == "application/pdf"
        assert set(sizes) == {A4}
        assert len(sizes) >= 2
        assert title + case.number in text
        assert "地铁站A出口" in text
        assert "第8项：到现场走访并询问周边商户<b>&amp;" in text
        assert text.count(desk.investigator.badge) == len(sizes)

    @pytest.mark.skipif(not FONT_FILE.exists(), reason="the font could not be fetched")
    def test_its_font_is_in_it(self, desk: Desk, client: Client, case: Case) -> None:
        """Any viewer shows the Chinese, and only the letters used are carried."""
        answer = client.get(f"/console/cases/{case.id}/tasking-sheet.pdf?sheet=zh", as_=desk.investigator)

        assert b"/FontFile2" in answer.content
        assert len(answer.content) < 600_000

    def test_only_approved_pictures_are_printed_and_each_is_logged(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """The compared faces, and scenes with faces hidden."""
        client.get(f"/console/cases/{case.id}/tasking-sheet.pdf", as_=desk.investigator)

        kinds = sorted(row.detail["kind"] for row in desk.audited(Action.PHOTO_VIEWED))
        assert kinds == ["face", "face", "redacted"]
        assert len(desk.audited(Action.TASKING_SHEET_PRINTED)) == 1

    def test_a_picture_that_is_gone_stops_no_sheet(self, desk: Desk, client: Client, case: Case) -> None:
        """The sheet says so instead."""
        with desk.context.db.read() as session:
            for rendition in session.exec(select(Rendition).where(Rendition.kind == RenditionKind.FACE)):
                desk.context.store.delete(rendition.store_key)
        path = f"/console/cases/{case.id}/tasking-sheet.pdf?sheet=en"
        answer = client.get(path, as_=desk.investigator)

        assert answer.status_code == 200
        assert "Thepictureisgone." in text_of(answer.content)[0]

    def test_not_for_other_areas_or_roles(self, desk: Desk, client: Client, case: Case) -> None:
        """404 and 403, like the case itself."""
        path = f"/console/cases/{case.id}/tasking-sheet.pdf"
        stranger = desk.make.officer(Role.INVESTIGATOR, area="442000")

        assert client.get(path, as_=stranger).status_code == 404
        assert client.get(path, as_=desk.make.officer()).status_code == 403


class TestCaseFile:
    def test_every_file_has_its_hash_and_no_contact_is_in_it(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """What leaves can be checked, and does not betray the tipster."""
        client.post(
            f"/console/cases/{case.id}/attachments",
            files={"attachment": ("../../报告 1.png", PNG, "text/html")},
            as_=desk.investigator,
        )
        answer = client.post(f"/console/cases/{case.id}/case-file", data={"purpose": "For the court."})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        lines = files.pop("MANIFEST.txt").decode().splitlines()
        manifest = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}

        assert manifest == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        assert files["attachments/01-报告 1.png"] == PNG
        assert {
            "case.json",
            "timeline.csv",
            "audit.jsonl",
            "tasking-sheet-zh.pdf",
            "tasking-sheet-en.pdf",
        } < set(files)
        assert json.loads(files["case.json"])["case"]["number"] == case.number
        assert len(json.loads(files["case.json"])["tasks"]) == 10
        with desk.context.db.read() as session:
            photo = session.exec(select(Photo)).first()
            assert photo is not None
            secrets = (CONTACT, b"contact_sealed", b"receipt_lookup", photo.store_key.encode())
        assert not [name for name, data in files.items() for secret in secrets if secret in data]
        rows = [json.loads(line) for line in files["audit.jsonl"].splitlines()]
        assert {"case_opened", "referral_sent", "photo_viewed"} <= {row["action"] for row in rows}
        assert len(desk.audited(Action.CASE_EXPORTED)) == 1

    def test_without_a_purpose_nothing_leaves(self, desk: Desk, client: Client, case: Case) -> None:
        """Refused with the page; no entry, no audit row."""
        answer = client.post(
            f"/console/cases/{case.id}/case-file", data={"purpose": "x"}, as_=desk.investigator
        )

        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/html")
        assert desk.audited(Action.CASE_EXPORTED) == []


class TestAttachments:
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"%PDF-1.7 ...", 303),
            ("一份说明".encode(), 303),
            (b"", 422),
            (b"MZ\x90\x00", 422),
            (b"a" * (20 * 2**20 + 1), 413),
        ],
    )
    def test_only_known_kinds_are_taken(
        self, desk: Desk, client: Client, case: Case, data: bytes, status: int
    ) -> None:
        """By their bytes, not by their names; what is refused is not kept."""
        files = {"attachment": ("report.pdf", data, "application/pdf")}
        answer = client.post(f"/console/cases/{case.id}/attachments", files=files, as_=desk.investigator)
        with desk.context.db.read() as session:
            kept = session.exec(select(CaseAttachment)).all()

        assert answer.status_code == status
        assert len(kept) == (1 if status == 303 else 0)

    def test_it_comes_back_as_a_download_and_can_be_taken_out(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """Never shown by the browser; every opening is logged; taken out it answers 404."""
        files = {"attachment": ("a.png", PNG, "image/png")}
        client.post(f"/console/cases/{case.id}/attachments", files=files, as_=desk.investigator)
        with desk.context.db.read() as session:
            row = session.exec(select(CaseAttachment)).one()
        path = f"/console/cases/{case.id}/attachments/{row.id}"
        answer = client.get(path)

        assert answer.content == PNG
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert len(desk.audited(Action.ATTACHMENT_OPENED)) == 1
        assert client.get(path, as_=desk.make.officer(Role.INVESTIGATOR, area="442000")).status_code == 404
        assert client.post(f"{path}/remove", as_=desk.investigator).status_code == 303
        assert client.get(path).status_code == 404
