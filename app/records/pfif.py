"""Records as PFIF 1.4, the format in which missing-person registries exchange them.

A person's number follows the slash of `person_record_id`; one note says since when and where the child is
missing, another that the search ended. PFIF knows no area: who imports names it. Photos are never
fetched: a photo comes and goes as a `data:` address, one with the person, more with notes.
"""

import base64
import binascii
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time

from app.core.clock import now
from app.core.errors import Invalid, TooLarge
from app.records.import_file import Row
from app.records.models import Record, RecordState, Sex

NAMESPACE = "http://zesty.ca/pfif/1.4"
LARGEST = 64 * 2**20
"""Bytes of a document."""
MOST_PERSONS = 10_000
ENDED = frozenset({"believed_alive", "is_note_author", "believed_dead"})
DATA = "data:image/"
TIME = "%Y-%m-%dT%H:%M:%SZ"


def written(
    entries: Sequence[tuple[Record, Sequence[bytes]]], domain: str, source: str, today: date
) -> bytes:
    """Write records as a document.

    Args:
        entries: records with the photos that go along.
        domain: name before the slash of every id.
        source: name of the repository.
        today: the day by which a record has expired; then only its placeholder is written.

    Returns:
        The document in UTF-8.
    """
    ET.register_namespace("pfif", NAMESPACE)
    root = ET.Element(f"{{{NAMESPACE}}}pfif")
    for record, photos in entries:
        _person(root, record, photos, domain, source, today)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def rows(body: bytes, jurisdiction_code: str) -> Iterator[Row]:
    """Read a document's persons as an import's lines.

    Args:
        body: the document.
        jurisdiction_code: area of its records.

    Raises:
        TooLarge: too many bytes.
        Invalid: no PFIF 1.4, or a document that defines entities.
    """
    from defusedxml import ElementTree, common  # noqa: PLC0415

    if len(body) > LARGEST:
        raise TooLarge("The document is larger than 64 MB. Split it.")
    try:
        root = ElementTree.fromstring(body, forbid_dtd=True)
    except (ElementTree.ParseError, common.DefusedXmlException, ValueError, LookupError) as error:
        raise Invalid("The document is no plain XML.") from error
    if root.tag != f"{{{NAMESPACE}}}pfif":
        raise Invalid("The document is no PFIF 1.4.")
    persons = root.findall(f"{{{NAMESPACE}}}person")
    if len(persons) > MOST_PERSONS:
        raise Invalid("A document holds at most %(most)s persons.", most=MOST_PERSONS)
    loose: dict[str, list[ET.Element]] = {}
    for note in root.findall(f"{{{NAMESPACE}}}note"):
        loose.setdefault(_text(note, "person_record_id"), []).append(note)
    for line, person in enumerate(persons, start=1):
        notes = [*person.findall(f"{{{NAMESPACE}}}note"), *loose.get(_text(person, "person_record_id"), [])]
        try:
            yield _row(line, person, notes, jurisdiction_code)
        except Invalid as problem:
            yield Row(line, {}, problem)


def _row(line: int, person: ET.Element, notes: list[ET.Element], area: str) -> Row:
    notes = sorted(notes, key=lambda note: _text(note, "source_date"))
    missing = [note for note in notes if _text(note, "status") in {"believed_missing", "information_sought"}]
    telling = [note for note in notes if _text(note, "status") not in {"", "unspecified"}]
    born = _text(person, "date_of_birth")
    sex = _text(person, "sex")
    name = _text(person, "full_name")
    values = {
        "number": _text(person, "person_record_id").partition("/")[2],
        "name": name or f"{_text(person, 'given_name')} {_text(person, 'family_name')}",
        "sex": sex if sex in {Sex.FEMALE, Sex.MALE} else "",
        "born_on": born if len(born) == len("2018-03-01") else "",
        "missing_since": _text(missing[0] if missing else person, "source_date")[:10],
        "missing_place": _text(missing[0], "last_known_location") if missing else "",
        "features": _text(person, "description"),
        "jurisdiction_code": area,
    }
    if _text(person, "expiry_date"):
        values["expires_on"] = _text(person, "expiry_date")[:10]
    if telling:
        closes = _text(telling[-1], "status") in ENDED
        values["state"] = (RecordState.CLOSED if closes else RecordState.OPEN).value
        values["reason"] = _text(telling[-1], "text") or _text(telling[-1], "status")
    photos = [_photo(_text(holder, "photo_url")) for holder in (person, *notes)]
    return Row(line, values, None, tuple(photo for photo in photos if photo))


def _photo(address: str) -> bytes | None:
    """The bytes of a `data:` address; another address is left alone, whatever lies there."""
    if not address.startswith(DATA):
        return None
    head, _, body = address.partition(",")
    unreadable = Invalid("A photo's data address cannot be read.", field="photos")
    if not head.endswith(";base64"):
        raise unreadable
    try:
        return base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error) as error:
        raise unreadable from error


def _person(
    root: ET.Element, record: Record, photos: Sequence[bytes], domain: str, source: str, today: date
) -> None:
    person = ET.SubElement(root, f"{{{NAMESPACE}}}person")
    key = f"{domain}/{record.number}"
    expired = record.expires_on is not None and record.expires_on < today
    _add(person, "person_record_id", key)
    _add(person, "entry_date", _moment(now()))
    if record.expires_on is not None:
        _add(person, "expiry_date", _day(record.expires_on))
    if expired:
        _add(person, "source_date", _moment(record.updated_at))
        return
    _add(person, "source_name", source)
    _add(person, "source_date", _moment(record.updated_at))
    _add(person, "full_name", record.name)
    _add(person, "description", record.features)
    if record.sex != Sex.UNKNOWN:
        _add(person, "sex", record.sex.value)
    if record.born_on is not None:
        _add(person, "date_of_birth", record.born_on.isoformat())
    _add(person, "photo_url", _address(photos[0]) if photos else "")
    missing = _note(person, key, "missing", _day(record.missing_since), source)
    _add(missing, "status", "believed_missing")
    _add(missing, "last_known_location", record.missing_place)
    _add(missing, "text", "Missing.")
    if record.state == RecordState.CLOSED:
        closed = _note(person, key, "closed", _moment(record.updated_at), source)
        _add(closed, "status", "believed_alive")
        _add(closed, "text", record.closing_reason or "Closed.")
    for position, photo in enumerate(photos[1:], start=2):
        more = _note(person, key, f"photo-{position}", _day(record.missing_since), source)
        _add(more, "text", "Another photo.")
        _add(more, "photo_url", _address(photo))


def _note(person: ET.Element, key: str, name: str, day: str, source: str) -> ET.Element:
    note = ET.SubElement(person, f"{{{NAMESPACE}}}note")
    _add(note, "note_record_id", f"{key}.{name}")
    _add(note, "person_record_id", key)
    _add(note, "author_name", source)
    _add(note, "source_date", day)
    return note


def _add(parent: ET.Element, name: str, value: str) -> None:
    if value:
        ET.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = value


def _text(parent: ET.Element, name: str) -> str:
    return (parent.findtext(f"{{{NAMESPACE}}}{name}") or "").strip()


def _address(photo: bytes) -> str:
    from matching.formats import sniff  # noqa: PLC0415

    return f"{DATA}{(sniff(photo) or 'jpeg').lower()};base64,{base64.b64encode(photo).decode()}"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime(TIME)


def _day(day: date) -> str:
    return _moment(datetime.combine(day, time(), UTC))
