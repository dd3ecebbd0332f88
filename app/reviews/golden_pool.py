"""The pool of known answers: adding a folder of pairs, and retiring one. Synthetic people only."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Actor
from app.candidates import progress as candidates
from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.core.files import StoredFile
from app.jurisdictions.models import Jurisdiction
from app.photos.models import Photo
from app.records import references
from app.records.fields import PhotoAge, ReferenceFile, check_photos
from app.records.form import read_age, read_sex
from app.records.import_file import read_photo
from app.records.models import Record, RecordState, Sex
from app.reviews import golden_queries, golden_texts
from app.reviews.models import GoldenItem, GoldenTruth
from app.tips.queries import NATION
from matching.formats import sniff

LIST = "golden.csv"
NEEDED = ("name", "probe", "reference", "truth", "age_probe", "age_reference")
OPTIONAL = ("child", "sex", "missing_place", "features")
NUMBER = "KNOWN-ANSWER "
"""Start of the record's number; no page that reviewers see shows a number."""
DAYS_IN_YEAR = 365.2425
SHORTEST_ABSENCE_DAYS = 20
OLDEST_YEARS = 25.0


@dataclass(frozen=True)
class NewItem:
    """One line of the list, with its pictures read.

    Attributes:
        name: what operators call it; no officer sees it.
        truth: whether the two show the same person.
        probe: the picture that is to be the tip's.
        reference: the picture that is to be the record's.
        age_probe: years in the tip's picture.
        age_reference: years in the record's picture.
        child: name in the record; one is drawn if empty.
        sex: sex in the record.
        missing_place: where from, in the record.
        features: marks, in the record.
    """

    name: str
    truth: GoldenTruth
    probe: bytes
    reference: bytes
    age_probe: float
    age_reference: float
    child: str
    sex: Sex
    missing_place: str
    features: str


def add_folder(context: Context, folder: Path, actor: Actor = SYSTEM) -> tuple[int, int]:
    """Add the pairs of a folder with `golden.csv` and pictures beside it; workers then examine them.

    Columns: name, probe, reference, truth (same or different), age_probe, age_reference; and, to make records
    look like those of the registry, child, sex, missing_place, features.

    Args:
        context: the open deployment; its areas are loaded.
        folder: the folder; paths of pictures may not leave it.
        actor: who adds them.

    Returns:
        Pairs added, and pairs whose name was known already and that were left as they are.

    Raises:
        Invalid: a line that cannot be read, or no areas; nothing was added.
    """
    items = list(_read(folder))
    added = 0
    for item in items:
        with context.db.write() as session:
            known = golden_queries.by_name(session, item.name) is not None
            added += 0 if known else _add(session, context, item, actor)
    return added, len(items) - added


def retire(session: Session, name: str, actor: Actor = SYSTEM) -> None:
    """Take a pair out of the pool; where it waits for reviewers it is withdrawn. Decided uses keep counting.

    Raises:
        NotFound: no such pair.
        Conflict: it was retired already.
    """
    item = golden_queries.by_name(session, name)
    if item is None:
        raise NotFound("No known answer has this name.")
    if item.retired_at is not None:
        raise Conflict("This known answer was retired already.")
    item.retired_at = now()
    session.add(item)
    candidates.withdraw(session, golden_queries.open_uses(session, item.id), "golden_retired")
    audit.record(session, actor, Action.GOLDEN_RETIRED, "golden_item", item.id)


def _read(folder: Path) -> Iterator[NewItem]:
    path = folder / LIST
    if not path.is_file():
        raise Invalid("The folder holds no golden.csv.")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("The list is not UTF-8.") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = set(rows.fieldnames or ())
    if not set(NEEDED) <= columns <= {*NEEDED, *OPTIONAL}:
        raise Invalid("The list's columns are: %(columns)s.", columns=", ".join((*NEEDED, *OPTIONAL)))
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        try:
            item = _item(folder, row)
        except (Invalid, ValueError) as error:
            raise Invalid("Line %(line)s of golden.csv cannot be read.", line=line) from error
        if item.name in seen:
            raise Invalid("Line %(line)s of golden.csv repeats a name.", line=line)
        seen.add(item.name)
        yield item


def _item(folder: Path, row: dict[str, str]) -> NewItem:
    probe, reference = (
        read_photo(folder, row[column].strip(), place)
        for place, column in enumerate(("probe", "reference"), start=1)
    )
    check_photos([ReferenceFile(probe)])
    check_photos([ReferenceFile(reference)])
    name = row["name"].strip()
    age_probe, age_reference = (read_age(row[column], column) for column in ("age_probe", "age_reference"))
    if not name or age_probe is None or age_reference is None:
        raise Invalid("This field is needed.")
    if not 0 <= age_reference <= age_probe <= OLDEST_YEARS:
        raise Invalid("The tip's picture is the later one.")
    return NewItem(
        name=name,
        truth=GoldenTruth(row["truth"].strip()),
        probe=probe,
        reference=reference,
        age_probe=age_probe,
        age_reference=age_reference,
        child=(row.get("child") or "").strip(),
        sex=read_sex((row.get("sex") or "").strip()),
        missing_place=(row.get("missing_place") or "").strip(),
        features=(row.get("features") or "").strip(),
    )


def _add(session: Session, context: Context, item: NewItem, actor: Actor) -> bool:
    if session.get(Jurisdiction, NATION) is None:
        raise Invalid("Load the areas first: homeward jurisdictions import-china.")
    files = [ReferenceFile(item.reference, PhotoAge(age_years=item.age_reference)), ReferenceFile(item.probe)]
    with references.kept(context.store, files) as ((reference, reference_file), (probe, probe_file)):
        record = _record(item)
        session.add(record)
        session.flush()
        references.add(session, record, [(reference, reference_file)])
        photo = _photo(probe.content, probe_file)
        session.add(photo)
        session.flush()
        golden = GoldenItem(name=item.name, truth=item.truth, photo_id=photo.id, record_id=record.id)
        session.add(golden)
        session.flush()
        jobs.enqueue(session, "examine_golden", f"examine_golden:{golden.id}", photo_id=str(photo.id))
        audit.record(session, actor, Action.GOLDEN_ADDED, "golden_item", golden.id, truth=item.truth.value)
    return True


def _record(item: NewItem) -> Record:
    """A closed record that makes the ages in the pictures come true at the time of the tip."""
    today = now().date()
    absent = max((item.age_probe - item.age_reference) * DAYS_IN_YEAR, SHORTEST_ABSENCE_DAYS)
    dice = Random(item.name)  # noqa: S311 - any name will do
    return Record(
        number=f"{NUMBER}{item.name}",
        name=item.child or golden_texts.name(dice),
        sex=item.sex,
        born_on=today - timedelta(days=item.age_probe * DAYS_IN_YEAR),
        missing_since=today - timedelta(days=absent * 0.9),
        missing_place=item.missing_place,
        features=item.features,
        jurisdiction_code=NATION,
        state=RecordState.CLOSED,
        golden=True,
    )


def _photo(content: bytes, file: StoredFile) -> Photo:
    return Photo(
        sha256=file.sha256,
        byte_count=file.byte_count,
        format=sniff(content) or "",
        store_key=file.store_key,
        sealed_key=file.sealed_key,
    )
