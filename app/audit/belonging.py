"""Everything that belongs to a child: from one id or number to the ids of all objects around it.

The rooms of those objects build on this one, so their tables are asked by name.
"""

from uuid import UUID

from sqlmodel import Session, SQLModel, or_, select

STEPS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "record": (
        ("reference", "record_id", "id", "reference"),
        ("reference", "record_id", "photo_id", "photo"),
        ("candidate", "record_id", "id", "candidate"),
        ("police_case", "record_id", "id", "police_case"),
        ("lead", "record_id", "id", "lead"),
    ),
    "police_case": (
        ("case_tip", "case_id", "tip_id", "tip"),
        ("police_case", "id", "lead_id", "lead"),
        ("case_attachment", "case_id", "id", "case_attachment"),
        ("referral", "case_id", "id", "referral"),
    ),
    "tip": (
        ("photo", "tip_id", "id", "photo"),
        ("candidate", "tip_id", "id", "candidate"),
        ("lead", "tip_id", "id", "lead"),
        ("referral", "tip_id", "id", "referral"),
    ),
    "photo_cluster": (
        ("photo", "cluster_id", "id", "photo"),
        ("photo", "cluster_id", "tip_id", "tip"),
    ),
    "candidate": (("review", "candidate_id", "id", "review"),),
}
"""From a kind: table, its column with the id, its column with what belongs to it, and the kind of that."""

NUMBERS = (("record", "number"), ("police_case", "number"))
BEGINNINGS = ("record", "police_case", "tip", "photo", "photo_cluster", "candidate")


def ids_around(session: Session, typed: str) -> set[str] | None:
    """The ids of an object and of all that belongs to it.

    Args:
        session: any session.
        typed: an id, or the number of a record or a case.

    Returns:
        Ids as the log writes them; None if there is no such object.
    """
    begin = _object(session, typed)
    if begin is None:
        return None
    found: set[tuple[str, UUID]] = set()
    waiting = [begin]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        waiting.extend(_beside(session, *here))
    return {str(each) for _, each in found}


def _beside(session: Session, kind: str, each: UUID) -> list[tuple[str, UUID]]:
    beside: list[tuple[str, UUID]] = []
    for table, by, what, of in STEPS.get(kind, ()):
        columns = SQLModel.metadata.tables[table].c
        rows = session.execute(select(columns[what]).where(columns[by] == each))
        beside += [(of, value) for (value,) in rows if value is not None]
    return beside


def _object(session: Session, typed: str) -> tuple[str, UUID] | None:
    tables = SQLModel.metadata.tables
    try:
        wanted = UUID(typed)
    except ValueError:
        wanted = None
    for name in BEGINNINGS if wanted else ():
        if session.execute(select(tables[name].c.id).where(tables[name].c.id == wanted)).first():
            return name, wanted  # type: ignore[return-value]
    for name, column in NUMBERS:
        row = session.execute(select(tables[name].c.id).where(or_(tables[name].c[column] == typed))).first()
        if row is not None:
            return name, row[0]
    return None
