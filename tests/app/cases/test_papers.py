"""The tasking sheet: what it says, which pictures are on it, and who may print it."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlmodel import select

from app.audit.models import Action
from app.cases import area_sketch, paper, tasking_sheet
from app.cases.models import Case, CaseState, CaseTask, CaseTip
from app.cases.paper import FONT_FILE, printable
from app.officers.models import Role
from app.photos.models import Rendition, RenditionKind
from app.records.models import Record
from tests.app.cases import papers
from tests.app.cases.desk import Desk
from tests.app.cases.papers import A4, blackness, text_of
from tests.conftest import Client

needs_font = pytest.mark.skipif(not FONT_FILE.exists(), reason="the font could not be fetched")


@pytest.fixture
def case(desk: Desk) -> Case:
    return papers.rich_case(desk)


def address(case: Case, query: str = "lang=en") -> str:
    return f"/console/cases/{case.id}/tasking-sheet.pdf?{query}"


class TestTaskingSheet:
    @pytest.mark.parametrize(("language", "title"), [("zh", "任务单"), ("en", "Taskingsheet")])
    def test_it_says_what_officers_need_on_a4(
        self, desk: Desk, client: Client, case: Case, language: str, title: str
    ) -> None:
        """Number, child, place, tasks, who printed it on every page; Chinese is Chinese in both languages."""
        answer = client.get(address(case, f"lang={language}"), as_=desk.investigator)
        text, sizes = text_of(answer.content)

        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["cache-control"] == "no-store"
        assert set(sizes) == {A4}
        assert len(sizes) >= 3
        assert title + case.number in text
        assert papers.NAME.replace(" ", "") in text
        assert "地铁站A出口" in text
        assert "22.54000114.05000" in text
        assert "8项：到现场走访并询问周边商户<b>&amp;" in text
        assert f"Suo({desk.supervisor.badge})" in text
        for page in range(1, len(sizes) + 1):
            foot = f"第{page}页，共{len(sizes)}页" if language == "zh" else f"page{page}of{len(sizes)}"
            assert foot in text
        assert text.count(f"Ines·{desk.investigator.badge}") == 3 * len(sizes)
        assert all(0.01 < share < 0.6 for share in blackness(answer.content))

    @needs_font
    def test_its_font_is_in_it(self, desk: Desk, client: Client, case: Case) -> None:
        """Any viewer shows the Chinese, and only the letters used are carried."""
        answer = client.get(address(case, "lang=zh"), as_=desk.investigator)

        assert b"/FontFile2" in answer.content
        assert len(answer.content) < 600_000

    def test_one_task_can_be_printed_alone(self, desk: Desk, client: Client, case: Case) -> None:
        """Only that task stands on the sheet; another case's task answers 404."""
        with desk.context.db.read() as session:
            task = session.exec(select(CaseTask).where(CaseTask.title.startswith("第3项"))).one()
        text, _ = text_of(client.get(address(case, f"task={task.id}"), as_=desk.investigator).content)
        (printed,) = desk.audited(Action.TASKING_SHEET_PRINTED)

        assert "Lookoutforvan3." in text
        assert "Lookoutforvan4." not in text
        assert printed.detail["task"] == str(task.id)
        assert client.get(address(case, f"task={uuid4()}")).status_code == 404
        assert client.get(address(case, "task=one")).status_code == 422

    def test_a_case_with_next_to_nothing_has_a_sheet_too(self, desk: Desk, client: Client) -> None:
        """No record, no coordinates, no task, no picture, no outline."""
        bare = desk.case(CaseState.OPEN, desk.triage_lead(desk.supervisor, desk.make.tip(photos=0)))
        text, sizes = text_of(client.get(address(bare), as_=desk.investigator).content)

        assert len(sizes) == 1
        assert "Notaskisopen." in text
        assert "Thereisnopicture." in text

    def test_signs_that_the_font_lacks_are_named(self, desk: Desk, client: Client, case: Case) -> None:
        """No empty boxes: a rare character of a name stands there as its number."""
        with desk.context.db.write() as session:
            record = session.exec(select(Record)).one()
            record.name = "𠮷小雨👧"
            session.add(record)
        text, _ = text_of(client.get(address(case), as_=desk.investigator).content)

        assert "[U+20BB7]小雨[U+1F467]" in text

    def test_texts_of_any_length_fit(self, desk: Desk, client: Client, case: Case) -> None:
        """A text longer than a page goes on on the next one, in tables too."""
        with desk.context.db.write() as session:
            record = session.exec(select(Record)).one()
            record.features = "左手腕有疤，" * 700 + "完毕"
            session.add(record)
            task = session.exec(select(CaseTask)).first()
            assert task is not None
            task.title, task.instructions = "长" * 200, "注意观察。" * 800 + "结束"
            session.add(task)
        text, sizes = text_of(client.get(address(case), as_=desk.investigator).content)

        assert "完毕" in text
        assert "结束" in text
        assert set(sizes) == {A4}

    def test_not_for_other_areas_or_roles(self, desk: Desk, client: Client, case: Case) -> None:
        """404 and 403, like the case itself, and nothing is said to be printed."""
        stranger = desk.make.officer(Role.INVESTIGATOR, area="442000")

        assert client.get(address(case), as_=stranger).status_code == 404
        assert client.get(address(case), as_=desk.make.officer()).status_code == 403
        assert client.get(address(case), as_=desk.make.officer(Role.AUDITOR)).status_code == 403
        assert desk.audited(Action.TASKING_SHEET_PRINTED) == []
        assert desk.audited(Action.PHOTO_VIEWED) == []

    def test_officers_print_at_the_same_time(self, desk: Desk, case: Case) -> None:
        """Four sheets drawn at once say the same as one drawn alone."""
        with desk.context.db.write() as session:
            sheet = tasking_sheet.prepare(session, desk.investigator, case.id, "zh")
        zone = desk.context.settings.zone

        with ThreadPoolExecutor(4) as pool:
            made = list(
                pool.map(lambda _: tasking_sheet.draw(sheet, desk.context.store, "zh", zone), range(4))
            )

        assert len({text_of(pdf)[0] for pdf in made}) == 1


class TestPictures:
    def test_only_approved_pictures_are_printed_and_each_is_logged(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """The compared faces, and scenes with faces hidden; never a whole scene."""
        client.get(address(case), as_=desk.investigator)

        kinds = sorted(row.detail["kind"] for row in desk.audited(Action.PHOTO_VIEWED))
        assert kinds == ["face", "face", "redacted"]
        assert [row.detail["pictures"] for row in desk.audited(Action.TASKING_SHEET_PRINTED)] == [3]

    def test_a_face_marked_as_the_child_is_printed(self, desk: Desk, client: Client) -> None:
        """A lead from triage has no candidate; its sheet shows whom an officer marked."""
        tip = desk.make.tip()
        case = desk.case(CaseState.OPEN, desk.triage_lead(desk.supervisor, tip))
        before, _ = text_of(client.get(address(case), as_=desk.investigator).content)
        papers.mark_child(desk, tip.id)
        after, _ = text_of(client.get(address(case)).content)

        assert "markedasthechild" not in before
        assert "FacefromtipA,markedasthechild" in after

    @pytest.mark.parametrize("fault", ["gone", "altered"])
    def test_a_picture_that_does_not_open_stops_no_sheet(
        self, desk: Desk, client: Client, case: Case, fault: str
    ) -> None:
        """The sheet says so instead."""
        with desk.context.db.write() as session:
            for rendition in session.exec(select(Rendition).where(Rendition.kind == RenditionKind.FACE)):
                if fault == "gone":
                    desk.context.store.delete(rendition.store_key)
                else:
                    rendition.sealed_key = desk.context.keys.seal(b"x" * 32)
                    session.add(rendition)
        answer = client.get(address(case), as_=desk.investigator)

        assert answer.status_code == 200
        assert text_of(answer.content)[0].count("Thepictureisgone.") == 2

    def test_many_tips_have_one_scene_each_picture_and_letters_of_their_own(
        self, desk: Desk, client: Client, case: Case
    ) -> None:
        """Copies are printed once; beyond twelve scenes the sheet says how many are left."""
        others = [desk.make.tip(latitude=22.5 + n / 400, longitude=114.05) for n in range(30)]
        desk.same_picture(others[0], *others[1:11])
        with desk.context.db.write() as session:
            session.add_all(CaseTip(case_id=case.id, tip_id=each.id) for each in others)
        text, _ = text_of(client.get(address(case), as_=desk.investigator).content)

        scenes = [row for row in desk.audited(Action.PHOTO_VIEWED) if row.detail["kind"] == "redacted"]
        assert len(scenes) == tasking_sheet.MOST_SCENES
        assert "9morescenesareintheconsole." in text
        assert "AEMetroexit" in text


class TestPaper:
    def test_letters_go_on_after_z(self) -> None:
        """Every place has a name of its own."""
        assert [area_sketch.letter(number) for number in (0, 25, 26, 51, 52, 701, 702)] == [
            "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA",
        ]  # fmt: skip

    @needs_font
    @pytest.mark.parametrize(
        ("text", "printed"),
        [
            ("林小雨 Lin\nXiaoyu", "林小雨 Lin\nXiaoyu"),
            ("7:44\u202fPM\u3000x", "7:44 PM\u3000x"),
            ("👩\u200d👧\ufe0f", "[U+1F469][U+1F467]"),
            ("e\u0301", "é"),
            ("ئۇ", "[U+0626][U+06C7]"),
            ("a\x00\x1bb", "a  b"),
        ],
    )
    def test_what_is_printable(self, text: str, printed: str) -> None:
        """Spaces are spaces, joiners go, and what the font lacks is named."""
        assert printable(text) == printed

    def test_without_the_font_file_chinese_is_still_there(
        self, desk: Desk, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The paper then names a font that readers' viewers bring."""
        monkeypatch.setattr(paper, "FONT_FILE", FONT_FILE.with_name("none.ttf"))
        paper.font.cache_clear()
        try:
            with desk.context.db.write() as session:
                sheet = tasking_sheet.prepare(session, desk.investigator, case.id, "zh")
            made = tasking_sheet.draw(sheet, desk.context.store, "zh", desk.context.settings.zone)
        finally:
            paper.font.cache_clear()

        assert b"STSong-Light" in made
        assert b"/FontFile2" not in made
        assert "任务单" in text_of(made)[0]
