"""Files that officers put into a case: what is taken, how it comes back, and how it is taken out."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.audit.models import Action
from app.cases import attachments, merging
from app.cases.models import Case, CaseAttachment, CaseEntry, CaseEntryKind, CaseState
from app.core.errors import Conflict
from app.officers.models import Role
from tests.app.cases.desk import Desk
from tests.app.cases.papers import PNG
from tests.conftest import Client
from tests.make import jpeg
from tests.stored import files as stored_files


@pytest.fixture
def case(desk: Desk) -> Case:
    return desk.case(CaseState.TASKED)


def send(
    desk: Desk, client: Client, case: Case, data: bytes = PNG, name: str = "a.png", kind: str = "image/png"
) -> int:
    """Attach a file as a browser does; the status of the answer."""
    files = {"attachment": (name, data, kind)}
    path = f"/console/cases/{case.id}/attachments"
    return client.post(path, files=files, as_=desk.investigator).status_code


def rows(desk: Desk) -> list[CaseAttachment]:
    with desk.context.db.read() as session:
        return list(session.exec(select(CaseAttachment)))


def kept(desk: Desk) -> int:
    """Files in the store."""
    return len(stored_files(desk.context))


class TestTaking:
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"%PDF-1.7 ...", 303),
            (b"\xff\xd8\xff\xe0 jfif", 303),
            ("一份说明".encode(), 303),
            ("一份说明".encode("gb18030"), 303),
            (b"", 422),
            (b"   \n", 422),
            (b"MZ\x90\x00", 422),
            (b"PK\x03\x04 docx", 422),
            (b"\x1bc\x1b[2J", 422),
            (b"a" * (20 * 2**20 + 1), 413),
        ],
    )
    def test_only_known_kinds_are_taken(
        self, desk: Desk, client: Client, case: Case, data: bytes, status: int
    ) -> None:
        """By their bytes, not by their names; what is refused is not kept."""
        before = kept(desk)

        assert send(desk, client, case, data, "report.pdf", "application/pdf") == status
        assert len(rows(desk)) == (1 if status == 303 else 0)
        assert kept(desk) - before == (1 if status == 303 else 0)

    def test_what_is_kept_is_sealed(self, desk: Desk, client: Client, case: Case, tmp_path: Path) -> None:
        """Its bytes are nowhere in the deployment's folder."""
        marked = b"%PDF-" + b"never in the clear " * 200_000
        send(desk, client, case, marked, "big.pdf")

        assert len(rows(desk)) == 1
        assert not [
            path
            for path in tmp_path.rglob("*")
            if path.is_file() and b"never in the clear " in path.read_bytes()
        ]

    @pytest.mark.parametrize(
        "sent",
        [
            {"files": [("attachment", ("a.png", PNG)), ("attachment", ("b.png", PNG))]},
            {"files": {"other": ("a.png", PNG)}},
            {"files": {"attachment": ("a.png", PNG)}, "data": {"name": "x"}},
        ],
    )
    def test_one_file_at_a_time_and_nothing_beside_it(
        self, desk: Desk, client: Client, case: Case, sent: dict[str, object]
    ) -> None:
        """Parts that the form does not have are refused."""
        path = f"/console/cases/{case.id}/attachments"

        assert client.post(path, as_=desk.investigator, **sent).status_code == 422
        assert client.post(path, data={"attachment": "text"}).status_code == 415
        assert rows(desk) == []

    def test_the_same_file_stands_once(self, desk: Desk, client: Client, case: Case) -> None:
        """A form sent twice attaches nothing twice, and leaves nothing in the store."""
        assert send(desk, client, case) == 303
        before = kept(desk)

        assert send(desk, client, case, name="again.png") == 409
        assert len(rows(desk)) == 1
        assert kept(desk) == before

    def test_two_at_once_never_pass_the_limit(
        self, desk: Desk, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Eight officers attach at the same time; the case takes three."""
        monkeypatch.setattr(attachments, "MOST", 3)
        files = [desk.context.store.put(PNG + bytes([number])) for number in range(8)]

        def one(number: int) -> bool:
            try:
                with desk.context.db.write() as session:
                    attachments.attach(
                        session, desk.investigator, case.id, f"{number}.png", "image/png", files[number]
                    )
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(one, range(8))) == 3
        assert len(rows(desk)) == 3

    def test_a_closed_case_takes_files_and_gives_none_away(self, desk: Desk, client: Client) -> None:
        """What arrives later belongs to it, as notes do; nothing is taken out of it any more."""
        closed = desk.case(CaseState.CLOSED)

        assert send(desk, client, closed) == 303
        (row,) = rows(desk)
        path = f"/console/cases/{closed.id}/attachments/{row.id}"
        assert client.post(f"{path}/remove", as_=desk.investigator).status_code == 409
        assert rows(desk)[0].removed_at is None

    def test_a_case_that_rests_in_another_takes_none(self, desk: Desk, client: Client, case: Case) -> None:
        """Work goes on in the other, whose page lists what the resting one holds."""
        into = desk.case(CaseState.TASKED)
        send(desk, client, case)
        with desk.context.db.write() as session:
            merging.merge(session, desk.supervisor, case.id, into.number, "They are about one child.")

        assert send(desk, client, case, PNG + b"2") == 409
        page = client.get(f"/console/cases/{into.id}", as_=desk.investigator).text
        assert f"/console/cases/{case.id}/attachments/{rows(desk)[0].id}" in page


class TestComingBack:
    def test_it_comes_back_as_a_download(self, desk: Desk, client: Client, case: Case) -> None:
        """Never shown by the browser; every opening is logged."""
        send(desk, client, case, b"%PDF-1.7", "现场 <1>.pdf", "text/html")
        (row,) = rows(desk)
        answer = client.get(f"/console/cases/{case.id}/attachments/{row.id}")

        assert answer.content == b"%PDF-1.7"
        assert answer.headers["content-disposition"] == (
            "attachment; filename*=UTF-8''%E7%8E%B0%E5%9C%BA%20_1_.pdf"
        )
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert len(desk.audited(Action.ATTACHMENT_OPENED)) == 1

    def test_a_picture_comes_back_marked_or_not_at_all(self, desk: Desk, client: Client, case: Case) -> None:
        """A JPEG with who saved it in its pixels; a file that is no picture after all is not handed out."""
        picture = jpeg((200, 200, 200), (300, 200))
        send(desk, client, case, picture, "a.jpeg")
        send(desk, client, case, PNG, "b.png")
        whole, broken = (f"/console/cases/{case.id}/attachments/{row.id}" for row in rows(desk))

        marked, refused = client.get(whole), client.get(broken)

        assert marked.content[:3] == b"\xff\xd8\xff"
        assert marked.content != picture
        assert marked.headers["content-disposition"].endswith("''a.jpg")
        assert refused.status_code == 503
        assert PNG not in refused.content

    def test_not_for_other_areas_roles_or_cases(self, desk: Desk, client: Client, case: Case) -> None:
        """404 and 403; an attachment is found in its own case only."""
        send(desk, client, case)
        (row,) = rows(desk)
        other = desk.case(CaseState.OPEN)
        path = f"/console/cases/{case.id}/attachments/{row.id}"
        stranger = desk.make.officer(Role.INVESTIGATOR, area="442000")

        assert client.get(path, as_=stranger).status_code == 404
        assert client.post(f"{path}/remove", as_=stranger).status_code == 404
        assert client.get(path, as_=desk.make.officer()).status_code == 403
        assert (
            client.get(f"/console/cases/{other.id}/attachments/{row.id}", as_=desk.investigator).status_code
            == 404
        )
        before = kept(desk)
        files = {"attachment": ("a.png", PNG, "image/png")}
        assert (
            client.post(f"/console/cases/{case.id}/attachments", files=files, as_=stranger).status_code == 404
        )
        assert kept(desk) == before
        assert desk.audited(Action.ATTACHMENT_OPENED) == []

    def test_a_file_that_is_gone_is_said_to_be(self, desk: Desk, client: Client, case: Case) -> None:
        """In plain words, not with a fault."""
        send(desk, client, case)
        (row,) = rows(desk)
        desk.context.store.delete(row.store_key)
        answer = client.get(f"/console/cases/{case.id}/attachments/{row.id}", as_=desk.investigator)

        assert answer.status_code == 404
        assert "The file is gone." in answer.text


class TestTakingOut:
    def test_it_can_be_put_back(self, desk: Desk, client: Client, case: Case) -> None:
        """The row and the sealed file stay; each step stands in the timeline and in the log."""
        send(desk, client, case, b"%PDF-1.7", "a.pdf")
        (row,) = rows(desk)
        path = f"/console/cases/{case.id}/attachments/{row.id}"
        page = f"/console/cases/{case.id}"

        assert client.post(f"{path}/restore", as_=desk.investigator).status_code == 404
        assert client.post(f"{path}/remove").status_code == 303
        assert client.get(path).status_code == 404
        assert "Attachment taken out" in client.get(page).text
        assert client.post(f"{path}/remove").status_code == 404
        assert client.post(f"{path}/restore").status_code == 303
        assert client.get(path).content == b"%PDF-1.7"
        with desk.context.db.read() as session:
            told = session.exec(select(CaseEntry).where(CaseEntry.kind == CaseEntryKind.ATTACHMENT)).all()
        assert [entry.detail.get("step") for entry in told] == [None, "taken_out", "put_back"]
        assert len(desk.audited(Action.ATTACHMENT_ADDED)) == 2
        assert len(desk.audited(Action.ATTACHMENT_REMOVED)) == 1

    def test_it_is_not_put_back_beside_its_copy(self, desk: Desk, client: Client, case: Case) -> None:
        """The same file attached again meanwhile stays alone."""
        send(desk, client, case)
        (row,) = rows(desk)
        path = f"/console/cases/{case.id}/attachments/{row.id}"
        client.post(f"{path}/remove", as_=desk.investigator)
        send(desk, client, case)

        assert client.post(f"{path}/restore").status_code == 409


class TestNames:
    @pytest.mark.parametrize(
        ("name", "kind", "tidied"),
        [
            ("../../etc/passwd", "text/plain", "passwd.txt"),
            ("C:\\files\\report.PDF", "application/pdf", "report.PDF"),
            ("report.pdf.exe", "application/pdf", "report.pdf.exe.pdf"),
            ("page.html", "text/plain", "page.html.txt"),
            ("fdp\u202efdp.jpg", "image/jpeg", "fdpfdp.jpg"),
            ("a:b*c?.png", "image/png", "a_b_c_.png"),
            ("", "image/png", "file.png"),
            (".png", "image/png", "png.png"),
            ("照片\n1.jpeg", "image/jpeg", "照片1.jpeg"),
        ],
    )
    def test_names_mislead_nobody(self, name: str, kind: str, tidied: str) -> None:
        """No folders, no hidden signs, and the ending of what the file is."""
        assert attachments.tidy(name, kind) == tidied

    @settings(deadline=None)
    @given(st.text(max_size=400), st.sampled_from(sorted(attachments.ENDINGS)))
    def test_every_name_can_be_written_anywhere(self, name: str, kind: str) -> None:
        """Short enough in bytes, without separators, tidy when tidied again."""
        tidied = attachments.tidy(name, kind)

        assert 4 < len(tidied.encode()) <= attachments.LONGEST_NAME + 5
        assert not set(tidied) & set('/\\<>:"|?*\x00')
        assert tidied.lower().endswith(attachments.ENDINGS[kind])
        assert attachments.tidy(tidied, kind) == tidied
