"""Promises about importing a folder of records."""

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Invalid, Refusal
from app.core.jobs import Job
from app.records import importing, queries, service
from app.records.fields import RecordFields, fields_of
from app.records.import_file import read_list
from app.records.importing import ImportReport, import_folder
from app.records.lines import Outcome
from app.records.models import Record, Sex
from tests.make import jpeg
from tests.stored import files as stored_files

HEAD = "number,name,sex,born_on,missing_since,missing_place,features,jurisdiction_code,photos"
GOOD = "A1,李小明,male,2018-03-01,2024-03-01,北站,右眉有疤,440304,a.jpg|2023-03-01;b.jpg|age=4.5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two photos and no list yet."""
    made = tmp_path / "import"
    made.mkdir()
    (made / "a.jpg").write_bytes(jpeg((10, 20, 30)))
    (made / "b.jpg").write_bytes(jpeg((90, 20, 30)))
    return made


def write(folder: Path, *lines: str) -> Path:
    (folder / "records.csv").write_text("\n".join((HEAD, *lines)) + "\n", encoding="utf-8")
    return folder


def outcomes(report: ImportReport) -> list[tuple[int, str, Outcome]]:
    return [(line.line, line.number, line.outcome) for line in report.lines]


def records(context: Context) -> list[RecordFields]:
    with context.db.read() as session:
        return [fields_of(record) for record in session.exec(select(Record).order_by(Record.number))]


def ages(context: Context, number: str) -> list[float | None]:
    with context.db.read() as session:
        record = queries.by_number(session, number)
        assert record is not None
        return [reference.age_years for reference, _ in queries.references_of(session, record.id)]


class TestImport:
    def test_a_folder_becomes_records_with_photos_and_their_jobs(
        self, context: Context, folder: Path
    ) -> None:
        """Everything the list says arrives, and what came of it is on record."""
        report = import_folder(context, write(folder, GOOD))

        assert outcomes(report) == [(2, "A1", Outcome.ADDED)]
        assert records(context)[0].sex == Sex.MALE
        assert ages(context, "A1") == [5.0, 4.5]
        with context.db.read() as session:
            assert [job.kind for job in session.exec(select(Job))] == ["examine_reference"] * 2
            row = session.exec(select(AuditEvent).where(AuditEvent.action == Action.RECORDS_IMPORTED)).one()
        assert row.detail == {outcome.value: int(outcome == Outcome.ADDED) for outcome in Outcome}

    def test_the_same_folder_again_changes_nothing(self, context: Context, folder: Path) -> None:
        """An import that was cut off is simply started again."""
        import_folder(context, write(folder, GOOD))
        with context.db.read() as session:
            before = session.exec(select(Record)).one()

        report = import_folder(context, folder)

        assert outcomes(report) == [(2, "A1", Outcome.UNCHANGED)]
        with context.db.read() as session:
            assert session.exec(select(Record)).one() == before
            assert len(session.exec(select(Job)).all()) == 2

    def test_a_changed_line_updates_its_record_and_adds_what_is_new(
        self, context: Context, folder: Path
    ) -> None:
        """Photos are known by their bytes, whatever the file is called now."""
        import_folder(context, write(folder, GOOD))
        (folder / "renamed.jpg").write_bytes((folder / "a.jpg").read_bytes())
        (folder / "c.jpg").write_bytes(jpeg((1, 200, 30)))
        changed = GOOD.replace("李小明", "李晓明").replace("a.jpg|2023-03-01", "renamed.jpg|2022-03-01;c.jpg")

        report = import_folder(context, write(folder, changed))

        assert outcomes(report) == [(2, "A1", Outcome.CHANGED)]
        assert records(context)[0].name == "李晓明"
        assert ages(context, "A1") == [4.0, 4.5, None]
        assert outcomes(import_folder(context, folder)) == [(2, "A1", Outcome.UNCHANGED)]

    def test_a_photo_that_a_clerk_removed_does_not_come_back(self, context: Context, folder: Path) -> None:
        """What was taken out on purpose is not put back by a list that does not know of it."""
        import_folder(context, write(folder, GOOD))
        with context.db.write() as session:
            record = session.exec(select(Record)).one()
            first = queries.references_of(session, record.id)[0][0]
            service.change_record(
                session,
                context.store,
                context.keys,
                record.id,
                fields_of(record),
                SYSTEM,
                revision=1,
                removed=[first.id],
            )

        report = import_folder(context, folder)

        assert outcomes(report) == [(2, "A1", Outcome.UNCHANGED)]
        assert ages(context, "A1") == [4.5]

    def test_a_dry_run_says_the_same_and_stores_nothing(self, context: Context, folder: Path) -> None:
        """An operator sees every refusal before anything is written."""
        write(folder, GOOD, GOOD.replace("A1", "A2").replace("a.jpg", "missing.jpg"))

        told = import_folder(context, folder, dry_run=True)

        assert records(context) == []
        assert stored_files(context) == []
        with context.db.read() as session:
            assert session.exec(select(AuditEvent)).all() == []
        assert outcomes(import_folder(context, folder)) == outcomes(told)

    def test_a_bad_line_stops_no_other_and_leaves_nothing_of_itself(
        self, context: Context, folder: Path
    ) -> None:
        """Each line stands for itself, with its number and its reason in words."""
        (folder / "text.jpg").write_text("no picture")
        (folder / "folder.jpg").mkdir()
        (folder / "huge.jpg").write_bytes(b"\xff\xd8\xff" + bytes(20 * 2**20))
        outside = folder.parent / "outside.jpg"
        outside.write_bytes(jpeg())
        (folder / "link.jpg").symlink_to(outside)
        (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
        bad = {
            ",x,,,2024-03-01,,,440304,": "number: This field is needed.",
            "B1,,,,2024-03-01,,,440304,": "name: This field is needed.",
            "B2,x,,,,,,440304,": "missing_since: This field is needed.",
            "B3,x,,,01/03/2024,,,440304,": "missing_since: Write the date as year-month-day",
            "B4,x,,2025-01-01,2024-03-01,,,440304,": "born_on: A child is born before",
            "B5,x,girl,,2024-03-01,,,440304,": "sex: Sex is female, male or unknown.",
            "B6,x,,,2024-03-01,,,999999,": "jurisdiction_code: Choose an area",
            "B7,x,,,2024-03-01,,,440304,a.jpg;none.jpg": "photos: Photo 2 is not in the folder.",
            "B8,x,,,2024-03-01,,,440304,../outside.jpg": "photos: The path of photo 1 leaves the folder.",
            "B9,x,,,2024-03-01,,,440304,/etc/hostname": "photos: The path of photo 1 leaves the folder.",
            "C1,x,,,2024-03-01,,,440304,link.jpg": "photos: The path of photo 1 leaves the folder.",
            "C2,x,,,2024-03-01,,,440304,loop.jpg": "photos: Photo 1",
            "C3,x,,,2024-03-01,,,440304,folder.jpg": "photos: Photo 1 is no file.",
            "C4,x,,,2024-03-01,,,440304,text.jpg": "photos: A file is no photo we can read.",
            "C5,x,,,2024-03-01,,,440304,huge.jpg": "photos: A photo is larger than 20 MB.",
            "C6,x,,,2024-03-01,,,440304,a.jpg|soon": "photos: Write the date",
            "C7,x,,,2024-03-01,,,440304,a.jpg|age=old": "photos: Write an age",
            "C8,x,,,2024-03-01,,,440304,a.jpg|age=-3": "photos: An age lies between",
            "C9,x,,,2024-03-01,,,440304,|2023-01-01": "photos: A photo's file name is missing.",
            "D1,x,,,2024-03-01,,,440304": "The line has another number of columns",
            "A1,x,,,2024-03-01,,,440304,": "number: The number stands already in line 2.",
        }

        report = import_folder(context, write(folder, GOOD, *bad, GOOD.replace("A1", "Z9")))

        assert [line.line for line in report.lines] == list(range(2, len(bad) + 4))
        for line, reason in zip(report.lines[1:-1], bad.values(), strict=True):
            assert line.outcome == Outcome.REFUSED
            assert line.reason().startswith(reason), line
        assert [one.number for one in records(context)] == ["A1", "Z9"]
        assert len(stored_files(context)) == 4

    def test_a_quote_left_open_is_told_from_where_it_stands(self, context: Context, folder: Path) -> None:
        """What follows cannot be trusted; what came before is in."""
        report = import_folder(context, write(folder, GOOD, 'B1,"x,,,2024-03-01,,,440304,', "B2,x,,,,,,,"))

        assert outcomes(report) == [(2, "A1", Outcome.ADDED), (3, "", Outcome.REFUSED)]
        assert "no CSV" in report.lines[1].reason()

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    def test_files_as_spreadsheets_save_them_are_read(
        self, context: Context, folder: Path, encoding: str, ending: str
    ) -> None:
        """A byte order mark, Windows line ends and Chinese encodings are everyday."""
        text = ending.join((HEAD, GOOD.replace("右眉有疤", f'"右眉有疤{ending}怕狗"'), ""))
        (folder / "records.csv").write_bytes(text.encode(encoding))

        report = import_folder(context, folder)

        assert outcomes(report) == [(2, "A1", Outcome.ADDED)]
        assert report.encoding == encoding.removesuffix("-sig")
        assert (records(context)[0].name, records(context)[0].features) == ("李小明", "右眉有疤\n怕狗")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "lacks the column number"),
            (HEAD.replace("name", "nmae").encode(), "lacks the column name"),
            ((HEAD + ",phone").encode(), "unknown column"),
            ((HEAD + ",name").encode(), "twice"),
            (HEAD.encode("utf-16"), "UTF-16"),
            (HEAD.encode() + b"\n\xff\xff", "neither UTF-8 nor GB 18030"),
            (HEAD.encode() + b"\nA\x001", "zero bytes"),
        ],
    )
    def test_a_list_that_cannot_be_read_is_refused_as_a_whole(
        self, context: Context, folder: Path, content: bytes, reason: str
    ) -> None:
        """A misspelt column is not silently left out of sixty thousand records."""
        (folder / "records.csv").write_bytes(content)

        with pytest.raises(Invalid) as refused:
            import_folder(context, folder)

        assert reason in refused.value.message % refused.value.values
        assert records(context) == []

    def test_no_list_or_two_lists_are_no_import(self, context: Context, folder: Path) -> None:
        """Which of two is meant is not guessed."""
        with pytest.raises(Invalid, match="neither"):
            import_folder(context, folder)
        (write(folder, GOOD) / "records.jsonl").touch()

        with pytest.raises(Invalid, match="both"):
            import_folder(context, folder)

    def test_json_lines_are_read_alike(self, context: Context, folder: Path) -> None:
        """A program writes JSON; a bad line is as alone as in a table."""
        good = {
            "number": "A1",
            "name": "李小明\u2028",
            "sex": None,
            "missing_since": "2024-03-01",
            "jurisdiction_code": "440304",
            "photos": ["a.jpg|age=5", "b.jpg"],
        }
        lines = [
            json.dumps(good, ensure_ascii=False),
            "",
            "{not json",
            "[1, 2]",
            json.dumps(good | {"number": 7}),
            json.dumps(good | {"number": "A2", "phone": "1"}),
            json.dumps(good | {"number": "A3", "name": "\ud800"}),
            "[" * 100_000,
            json.dumps(good | {"number": "A4", "photos": "a.jpg"}),
        ]
        (folder / "records.jsonl").write_text("\n".join(lines), encoding="utf-8")

        report = import_folder(context, folder)

        assert [(line.line, line.outcome.value, line.reason()) for line in report.lines] == [
            (1, "added", ""),
            (3, "refused", "The line is not JSON."),
            (4, "refused", "The line is no JSON object."),
            (5, "refused", "Every value is a text in quotes; photos may be a list of texts."),
            (6, "refused", report.lines[4].reason()),
            (7, "refused", "name: There are signs here that belong in no text."),
            (8, "refused", "The line is not JSON."),
            (9, "added", ""),
        ]
        assert "unknown field" in report.lines[4].reason()
        assert ages(context, "A1") == [5.0, None]

    def test_a_named_pipe_does_not_hold_the_import_up(self, context: Context, folder: Path) -> None:
        """Only plain files are opened."""
        os.mkfifo(folder / "pipe.jpg")

        report = import_folder(context, write(folder, "B1,x,,,2024-03-01,,,440304,pipe.jpg"))

        assert report.lines[0].reason() == "photos: Photo 1 is no file."


class TestReport:
    def test_progress_is_told(self, context: Context, folder: Path) -> None:
        """An operator sees how far an import has come."""
        told: list[tuple[int, int]] = []

        import_folder(
            context, write(folder, GOOD, "bad"), on_progress=lambda done, total: told.append((done, total))
        )

        assert told == [(2, 2)]

    def test_the_printed_report_names_refused_lines_and_takes_no_markup(
        self, context: Context, folder: Path
    ) -> None:
        """A number that looks like markup is printed as it is."""
        console = Console(file=io.StringIO(), width=200)
        with importing.progress_bar(Console(file=io.StringIO())) as tell:
            report = import_folder(
                context, write(folder, GOOD, "[red]B1,x,,,soon,,,440304,"), on_progress=tell
            )

        importing.print_report(report, console)
        importing.print_report(report, console, "zh")

        printed = console.file.getvalue()  # type: ignore[attr-defined]
        assert "1 added, 0 changed, 0 unchanged, 0 closed, 0 reopened, 0 erased, 1 refused" in printed
        assert "[red]B1" in printed
        assert "Write the date as year-month-day" in printed
        assert "请按“年-月-日”填写日期" in printed


class TestReading:
    @given(content=st.binary(max_size=300))
    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_file_breaks_the_reader(self, tmp_path: Path, content: bytes) -> None:
        """Whatever the bytes, the answer is rows or a refusal."""
        for name, start in (("records.csv", HEAD.encode() + b"\n"), ("records.jsonl", b"")):
            path = tmp_path / name
            path.write_bytes(start + content)

            try:
                found = list(read_list(tmp_path).rows())
            except Refusal:
                continue
            finally:
                path.unlink()

            lines = [row.line for row in found]
            assert lines == sorted(set(lines))


class TestResuming:
    def test_an_import_that_was_cut_off_goes_on(
        self, context: Context, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Settled lines are not done again, a number of theirs is still taken, and nothing is lost."""
        monkeypatch.setattr(importing, "BATCH", 2)
        lines = [f"B{number},x,,,2024-03-01,,,440304," for number in range(5)]
        write(folder, *lines, "B0,x,,,2024-03-01,,,440304,")

        def cut(done: int, _total: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            import_folder(context, folder, on_progress=cut)
        report = import_folder(context, folder)

        assert report.resumed == 4
        assert [line.outcome for line in report.lines] == [Outcome.ADDED, Outcome.REFUSED]
        assert len(records(context)) == 5

    def test_a_list_closes_reopens_and_erases(self, context: Context, folder: Path) -> None:
        """States in a list are followed; the same list again changes nothing."""
        head = f"{HEAD},state,reason,expires_on"
        line = "A1,x,,,2024-03-01,,,440304,"

        def sent(state: str) -> Outcome:
            (folder / "records.csv").write_text(f"{head}\n{line},{state},2199-01-01\n", encoding="utf-8")
            [result] = import_folder(context, folder).lines
            return result.outcome

        assert sent("open,") == Outcome.ADDED
        assert sent("closed,Found at home") == Outcome.CLOSED
        assert sent("closed,Found at home") == Outcome.UNCHANGED
        assert sent("open,") == Outcome.REOPENED
        assert sent("erased,nonsense") == Outcome.REFUSED
        assert sent("erased,law") == Outcome.ERASED
        assert sent("erased,law") == Outcome.UNCHANGED
        assert sent("open,") == Outcome.REFUSED
