"""Asking PostgreSQL for the copies most like a probe: exactly where few rows are left, else by the graph.

A graph (HNSW) is walked first and filtered then: behind a filter that few rows pass it ends with almost none
of them, and the planner takes it all the same. So the number of rows decides before the question is put, the
exact question is written in a way that no graph can answer, and a walk goes on until it has found enough.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import LargeBinary, TextClause, text
from sqlmodel import Session

from app.candidates.gallery_rows import SEXES
from app.candidates.vector_copies import as_text, turned, turned_by
from app.core.crypto import Keys
from app.core.sealing import number_of, rotation, unseal
from app.records.models import Sex
from matching.ranking import unit

EXACT_LIMIT: Final = 50_000
"""Rows up to which all are compared: 20 to 30 ms of one core, and nothing can be missed."""

WALK: Final = 4
"""Nodes that a walk keeps in view for each row wanted."""
MOST_IN_VIEW: Final = 1_000
"""What pgvector allows."""
LEAST_IN_VIEW: Final = 200
"""Recall at 20 of a million synthetic faces: 0.994 with 100 in view, 0.998 with 200."""
MOST_WALKED: Final = 400_000
"""Rows after which a walk ends that its filter lets nothing through."""

GRAPH: Final = "near"
"""Begins the names of graphs."""


_WALKING: Final = text(
    """
    SELECT set_config('hnsw.ef_search', :in_view, true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.max_scan_tuples', :most, true), set_config('hnsw.scan_mem_multiplier', '8', true),
        set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)
    """
)
"""For the rest of the transaction: how a graph is walked, and that it is, which the planner does not see."""


@dataclass(frozen=True)
class Shelf:
    """Copies that can be compared with each other: of one encoder, turned by one key."""

    encoder_id: UUID
    turned_by: int
    dimensions: int

    @property
    def condition(self) -> str:
        """Which rows, as SQL and as an index has it; of an id and a number, so nothing needs quoting."""
        return f"encoder_id = '{self.encoder_id}' AND turned_by = {int(self.turned_by)}"

    @property
    def graph_prefix(self) -> str:
        """Begins the names of this shelf's graphs; behind it stands which one it is."""
        return f"{GRAPH}_{self.encoder_id.hex[-12:]}_{self.turned_by}_"


@dataclass(frozen=True)
class Filters:
    """What is known of a child; what a record leaves open agrees with everything."""

    sex: Sex = Sex.UNKNOWN
    born: tuple[date, date] | None = None
    """First and last day between which it was born."""

    @property
    def any(self) -> bool:
        """Whether there is any condition."""
        return self.sex != Sex.UNKNOWN or self.born is not None

    def sql(self) -> tuple[str, dict[str, Any]]:
        """Conditions and their values."""
        conditions = ""
        values: dict[str, Any] = {}
        if self.sex != Sex.UNKNOWN:
            conditions += " AND sex IN (:sex, :unknown)"
            values |= {"sex": SEXES[self.sex], "unknown": SEXES[Sex.UNKNOWN]}
        if self.born is not None:
            conditions += " AND (born IS NULL OR born BETWEEN :first AND :last)"
            values |= {"first": self.born[0].toordinal(), "last": self.born[1].toordinal()}
        return conditions, values


@dataclass(frozen=True)
class Near:
    """A reference that may be among the most similar ones."""

    reference_id: UUID
    record_id: UUID
    template_id: UUID
    age: float
    """Years on the photo; NaN where unknown."""
    born: float
    """Day as an ordinal; NaN where unknown."""


def shelves(session: Session, encoder_id: UUID, dimensions: int) -> list[Shelf]:
    """The shelves of an encoder that have copies."""
    return [Shelf(encoder_id, number, dimensions) for number in turned_by(session, encoder_id)]


def has_graph(session: Session, shelf: Shelf) -> bool:
    """Whether there is a finished graph of a shelf."""
    return (
        session.execute(
            text(
                "SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
                "WHERE indrelid = 'face_index.copy'::regclass AND indisvalid "
                "AND starts_with(relname, :prefix)"
            ),
            {"prefix": shelf.graph_prefix},
        ).first()
        is not None
    )


def is_small(session: Session, shelf: Shelf, filters: Filters, limit: int) -> bool:
    """Whether at most so many rows pass the filters: by the planner's estimate, or counted where it is near.

    Args:
        session: any session.
        shelf: which copies.
        filters: on them.
        limit: rows.
    """
    conditions, values = filters.sql()
    rows = f"SELECT 1 FROM face_index.copy WHERE {shelf.condition}{conditions}"  # noqa: S608 - own words.
    plan = session.execute(text(f"EXPLAIN (FORMAT JSON) {rows}"), values).scalar_one()
    estimate = plan[0]["Plan"]["Plan Rows"]
    if estimate > 4 * limit or 4 * estimate < limit:
        return bool(estimate <= limit)
    counted = text(f"SELECT count(*) FROM ({rows} LIMIT :most) AS counted")  # noqa: S608 - own words.
    return bool(session.execute(counted, values | {"most": limit + 1}).scalar_one() <= limit)


def exactly(
    session: Session, shelf: Shelf, probe: NDArray[np.float32], wanted: int, filters: Filters
) -> list[Near]:
    """The most similar copies, all compared.

    Args:
        session: any session.
        shelf: which copies.
        probe: (d,) turned by the shelf's key.
        wanted: rows.
        filters: on them.
    """
    conditions, values = filters.sql()
    question = text(
        f"""
        WITH compared AS MATERIALIZED (
            SELECT reference_id, record_id, template_id, age, born,
                vector <#> CAST(:probe AS halfvec) AS distance
            FROM face_index.copy WHERE {shelf.condition}{conditions}
        )
        SELECT reference_id, record_id, template_id, age, born FROM compared ORDER BY distance LIMIT :wanted
        """  # noqa: S608 - own words.
    )
    session.execute(text("SET LOCAL work_mem = '32MB'"))
    return _near(session, question, values | {"probe": as_text(probe), "wanted": wanted})


def by_graph(
    session: Session, shelf: Shelf, probe: NDArray[np.float32], wanted: int, filters: Filters
) -> list[Near]:
    """The most similar copies as a walk through the graph finds them; see `exactly` for the arguments."""
    conditions, values = filters.sql()
    in_view = str(min(max(WALK * wanted, LEAST_IN_VIEW), MOST_IN_VIEW))
    walking = session.connection().get_transaction(), in_view
    if session.info.get("walking") != walking:
        session.execute(_WALKING, {"in_view": in_view, "most": str(MOST_WALKED)})
        session.info["walking"] = walking
    return _near(
        session, graph_question(shelf, conditions), values | {"probe": as_text(probe), "wanted": wanted}
    )


def graph_question(shelf: Shelf, conditions: str = "") -> TextClause:
    """The question that a graph answers; it names the shelf as the graph's own condition does."""
    width = int(shelf.dimensions)
    return text(
        f"""
        SELECT reference_id, record_id, template_id, age, born FROM face_index.copy
        WHERE {shelf.condition}{conditions}
        ORDER BY CAST(vector AS halfvec({width})) <#> CAST(:probe AS halfvec({width})) LIMIT :wanted
        """  # noqa: S608 - own words.
    )


def of_references(session: Session, encoder_id: UUID, reference_ids: list[UUID]) -> list[Near]:
    """The copies of references; those that are not searched any more are left out."""
    return _of(session, encoder_id, "reference_id", reference_ids)


def of_records(session: Session, encoder_id: UUID, record_ids: list[UUID]) -> list[Near]:
    """The copies of all references of records."""
    return _of(session, encoder_id, "record_id", record_ids)


def opened(
    session: Session, keys: Keys, template_ids: list[UUID], dimensions: int
) -> dict[UUID, NDArray[np.float32]]:
    """Sealed templates, opened and turned back; those erased meanwhile are left out.

    Many at once cost less than the column's own way, which turns each for itself.

    Args:
        session: any session.
        keys: the deployment's keys.
        template_ids: which.
        dimensions: numbers in each.

    Returns:
        (d,) float32 unit length, by id.
    """
    question = text("SELECT id, vector FROM template WHERE id = ANY(:ids)").columns(vector=LargeBinary)
    by_key: dict[int, list[tuple[UUID, bytes]]] = {}
    for template_id, sealed in session.execute(question, {"ids": template_ids}):
        by_key.setdefault(number_of(sealed), []).append(
            (template_id, unseal(keys, sealed, "template.vector"))
        )
    found: dict[UUID, NDArray[np.float32]] = {}
    for number, some in by_key.items():
        vectors = np.frombuffer(b"".join(vector for _, vector in some), dtype="<f4").reshape(len(some), -1)
        if number:
            back = rotation(keys, number, dimensions)
            vectors = (vectors.astype(np.float64) @ back).astype(np.float32)
        rows = unit(vectors.astype(np.float32))
        found |= {template_id: row for (template_id, _), row in zip(some, rows, strict=True)}
    return found


def turned_probe(keys: Keys, shelf: Shelf, probe: NDArray[np.float32]) -> NDArray[np.float32]:
    """A probe as a shelf's copies are.

    Raises:
        Unsealable: the shelf's key is not there any more.
    """
    rows = turned(keys, shelf.turned_by, probe[None])
    return rows.reshape(-1)


def _near(session: Session, question: TextClause, values: dict[str, Any]) -> list[Near]:
    unknown = float("nan")
    return [
        Near(
            row.reference_id,
            row.record_id,
            row.template_id,
            unknown if row.age is None else row.age,
            unknown if row.born is None else row.born,
        )
        for row in session.execute(question, values)
    ]


def _of(session: Session, encoder_id: UUID, column: str, ids: list[UUID]) -> list[Near]:
    question = (
        "SELECT reference_id, record_id, template_id, age, born FROM face_index.copy "  # noqa: S608 - own words.
        f"WHERE encoder_id = :encoder AND {column} = ANY(:ids)"
    )
    found = _near(session, text(question), {"encoder": encoder_id, "ids": ids})
    return sorted(found, key=lambda each: each.reference_id)
