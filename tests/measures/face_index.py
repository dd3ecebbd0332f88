"""Face search in memory and by pgvector beside brute force: `python -m tests.measures.face_index`.

Synthetic templates of people in groups, four pictures each, on a real PostgreSQL. Every way answers the same
probes in one run: milliseconds by the clock (median), and how many of the true twenty most similar it finds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
from nacl.utils import random
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from app.audit.service import SYSTEM
from app.candidates import vector_copies, vector_index, vector_search
from app.candidates.gallery import Galleries, GalleryCache
from app.candidates.gallery_rows import FACTS, SEXES, ids_of
from app.candidates.vector_gallery import VectorGalleryCache
from app.candidates.vector_search import Filters, Near, Shelf
from app.core.context import Context, open_context
from app.core.crypto import Keys
from app.core.sealing import rotation, seal
from app.core.settings import Settings
from app.encoders import service as encoders
from app.encoders.models import EnrolledEncoder
from app.encoders.service import EncoderKey
from app.records.models import Sex
from matching.candidate_list import ProbeFacts
from matching.search import ExactIndex
from tests.servers.postgres import PostgresServer

WANTED = 20
PROBES = 40
AT_A_TIME = 20_000
GROUPS, INNER = 8, 32
PICTURES = 4
FETCHED = 60
"""Copies fetched for twenty, before they are compared exactly."""
FIRST_DAY = date(2005, 1, 1).toordinal()
DAYS = 18 * 365
SEEN_ON = date(2026, 3, 1)
FILTERS = {
    "all": Filters(),
    "sex (half and a tenth unknown)": Filters(Sex.FEMALE),
    "sex and 3 birth years": Filters(Sex.FEMALE, (date(2012, 1, 1), date(2014, 12, 31))),
    "sex and 3 months": Filters(Sex.FEMALE, (date(2012, 1, 1), date(2012, 3, 31))),
}
SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

out = Console(width=140)
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Gallery:
    """The same references in memory and in PostgreSQL."""

    index: ExactIndex
    shelf: Shelf
    probes: Vectors


class People:
    """Templates of people who do not exist: groups, people in them, pictures of them."""

    def __init__(self, dimensions: int) -> None:
        self._draw = np.random.default_rng(7)
        self._groups = self._draw.standard_normal((GROUPS, dimensions)).astype(np.float32)
        self._inner = self._draw.standard_normal((INNER, dimensions)).astype(np.float32) / np.sqrt(INNER)
        self._dimensions = dimensions

    def references(self, count: int) -> Vectors:
        """(count, d) unit length; each four are one person's."""
        people = self._people(-(-count // PICTURES))
        return self.pictures(np.repeat(people, PICTURES, axis=0)[:count])

    def strangers(self, count: int) -> Vectors:
        """Pictures of people who are in no gallery."""
        return self.pictures(self._people(count))

    def pictures(self, of: Vectors, noise: float = 0.35) -> Vectors:
        """Other pictures of the same people."""
        length = np.linalg.norm(of, axis=1, keepdims=True) / np.sqrt(self._dimensions)
        seen = of + noise * length * self._draw.standard_normal(of.shape).astype(np.float32)
        return np.asarray(seen / np.linalg.norm(seen, axis=1, keepdims=True), dtype=np.float32)

    def _people(self, count: int) -> Vectors:
        of_group = self._groups[self._draw.integers(GROUPS, size=count)]
        own = self._draw.standard_normal((count, INNER)).astype(np.float32) @ self._inner
        return np.asarray(0.7 * of_group + own, dtype=np.float32)


def fill(context: Context, conninfo: str, references: int, dimensions: int) -> Gallery:
    """Put synthetic references into both; rows that only describe them are left out."""
    with context.db.write() as session:
        encoder = encoders.ensure_active(session, EncoderKey("dlib", "synthetic"), SYSTEM)
    people, index = People(dimensions), ExactIndex(dimensions, FACTS)
    draw = np.random.default_rng(8)
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        for start in range(0, references, AT_A_TIME):
            some = people.references(min(AT_A_TIME, references - start))
            ids = [UUID(bytes=random(16)) for _ in some]
            facts = np.zeros(len(some), dtype=FACTS)
            facts["record"] = ids_of(ids)
            facts["number"] = start + np.arange(len(some))
            facts["age"] = draw.uniform(0, 18, len(some))
            facts["born"] = FIRST_DAY + draw.integers(DAYS, size=len(some))
            facts["sex"] = draw.choice(list(SEXES.values()), size=len(some), p=[0.1, 0.45, 0.45])
            index.add(ids_of(ids), some, facts)
            _write(connection, context.keys, encoder, ids, some, facts)
    probes = np.concatenate(
        [people.pictures(index.templates[:: references // (PROBES // 2)]), people.strangers(PROBES // 2)]
    )
    return Gallery(index, Shelf(encoder.id, context.keys.newest, dimensions), probes[:PROBES])


def _write(
    connection: "psycopg.Connection[tuple[object, ...]]",
    keys: Keys,
    encoder: EnrolledEncoder,
    ids: list[UUID],
    templates: Vectors,
    facts: NDArray[np.void],
) -> None:
    turned = (templates.astype(np.float64) @ rotation(keys, keys.newest, templates.shape[1]).T).astype("<f4")
    cursor = connection.cursor()
    with cursor.copy("COPY template (id, face_id, encoder, encoder_version, vector) FROM STDIN") as copy:
        for reference_id, row in zip(ids, turned, strict=True):
            sealed = seal(keys, row.tobytes(), "template.vector", keys.newest)
            copy.write_row((reference_id, reference_id, encoder.name, encoder.version, sealed))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with cursor.copy(
        "COPY record (id, number, name, sex, born_on, missing_since, missing_place, features, "
        "jurisdiction_code, state, golden, kept_by, revision, created_at, updated_at) FROM STDIN"
    ) as copy:
        for reference_id, fact in zip(ids, facts, strict=True):
            born, sex = date.fromordinal(int(fact["born"])), list(SEXES)[int(fact["sex"])].value
            about = (born, moment.date(), "", "", "CN", "open", False, "", 1, moment, moment)
            copy.write_row((reference_id, reference_id.hex, "", sex, *about))
    with cursor.copy(
        "COPY reference (id, record_id, photo_id, face_id, age_years, created_at) FROM STDIN"
    ) as copy:
        for reference_id, fact in zip(ids, facts, strict=True):
            copy.write_row((*[reference_id] * 4, float(fact["age"]), moment))
    vectors = vector_copies.turned(keys, keys.newest, templates)
    with cursor.copy("COPY face_index.copy FROM STDIN") as copy:
        for place, reference_id in enumerate(ids):
            fact = facts[place]
            copy.write_row(
                (
                    reference_id,
                    encoder.id,
                    keys.newest,
                    reference_id,
                    reference_id,
                    0,
                    int(fact["sex"]),
                    float(fact["age"]),
                    float(fact["born"]),
                    vector_copies.draw_of(reference_id),
                    vector_copies.as_text(vectors[place]),
                )
            )
    connection.commit()


def mask(index: ExactIndex, filters: Filters) -> NDArray[np.bool_]:
    """Rows that pass."""
    facts = index.facts
    passing = np.ones(len(facts), dtype=bool)
    if filters.sex != Sex.UNKNOWN:
        passing &= (facts["sex"] == SEXES[filters.sex]) | (facts["sex"] == 0)
    if filters.born:
        first, last = (day.toordinal() for day in filters.born)
        passing &= (facts["born"] >= first) & (facts["born"] <= last)
    return passing


def measure(context: Context, gallery: Gallery) -> Iterator[tuple[str, str, int, float, float]]:
    """Filter, way, rows that pass, median milliseconds, recall at 20."""
    index = gallery.index
    for name, filters in FILTERS.items():
        passing = mask(index, filters)
        rows = np.flatnonzero(passing)
        kept = index.templates[rows]

        def brute(probe: Vectors, rows: NDArray[np.intp] = rows, kept: Vectors = kept) -> list[bytes]:
            return list(index.ids[rows[np.argsort(-(kept @ probe), kind="stable")[:WANTED]]].tolist())

        def memory(probe: Vectors, passing: NDArray[np.bool_] = passing) -> list[bytes]:
            return list(index.search(probe, WANTED, passing).ids.tolist())

        ways: dict[str, Callable[[Vectors], list[bytes]]] = {
            "NumPy, all compared and sorted": brute,
            "memory": memory,
            "pgvector exact": _asked(context, gallery, filters, vector_search.exactly),
            "pgvector graph": _asked(context, gallery, filters, vector_search.by_graph),
        }
        truth = [set(brute(probe)) for probe in gallery.probes]
        for way, ask in ways.items():
            times, found = [], 0
            ask(gallery.probes[0])
            for probe, true in zip(gallery.probes, truth, strict=True):
                start = time.perf_counter()
                answer = ask(probe)
                times.append(1_000 * (time.perf_counter() - start))
                found += len(true & set(answer))
            yield name, way, len(rows), statistics.median(times), found / sum(map(len, truth))


def _asked(
    context: Context,
    gallery: Gallery,
    filters: Filters,
    ask: Callable[[Session, Shelf, Vectors, int, Filters], list[Near]],
) -> Callable[[Vectors], list[bytes]]:
    def answer(probe: Vectors) -> list[bytes]:
        shelf = gallery.shelf
        with context.db.read() as session:
            near = ask(
                session, shelf, vector_search.turned_probe(context.keys, shelf, probe), FETCHED, filters
            )
            opened = vector_search.opened(
                session, context.keys, [each.template_id for each in near], shelf.dimensions
            )
        scores = np.stack([opened[each.template_id] for each in near]) @ probe
        return [near[place].reference_id.bytes.rstrip(b"\0") for place in np.argsort(-scores)[:WANTED]]

    return answer


def decide(context: Context, gallery: Gallery) -> Iterator[tuple[str, float, int, int, int]]:
    """Way, median milliseconds, probes, those with the same candidates, with the same first ones."""
    stages: dict[str, Galleries] = {
        "memory": GalleryCache(context.settings.data_dir),
        "pgvector": VectorGalleryCache(context),
    }
    answers: dict[str, list[list[tuple[UUID, bool]]]] = {}
    for way, cache in stages.items():
        with context.db.read() as session:
            searched = cache.current(session)
        start = time.perf_counter()
        rules = searched.rules
        out.print(f"{way}: rules for {rules.size:,} references in {time.perf_counter() - start:.0f} s")
        times, answers[way] = [], []
        for probe in gallery.probes:
            start = time.perf_counter()
            chosen = searched.search(probe, ProbeFacts(), SEEN_ON)
            times.append(1_000 * (time.perf_counter() - start))
            answers[way].append([(searched.record_id(each.record), each.first) for each in chosen.candidates])
        pairs = list(zip(answers["memory"], answers[way], strict=True))
        yield (
            way,
            statistics.median(times),
            len(pairs),
            sum([each for each, _ in one] == [each for each, _ in other] for one, other in pairs),
            sum(
                [each for each, first in one if first] == [each for each, first in other if first]
                for one, other in pairs
            ),
        )


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--references", type=int, default=100_000)
    asked.add_argument("--dimensions", type=int, default=128)
    asked.add_argument("--memory", default="2GB", help="For building the graph.")
    asked.add_argument("--decisions", action="store_true", help="Also whole searches, by all rules.")
    given = asked.parse_args()
    server = PostgresServer(settings=SETTINGS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(
                database_url=server.create("measure"),
                data_dir=Path(folder) / "data",
                key_file=Path(folder) / "homeward.key",
            )
            context = open_context(settings)
            start = time.perf_counter()
            gallery = fill(context, server.conninfo("measure"), given.references, given.dimensions)
            out.print(
                f"{given.references:,} x {given.dimensions}: filled in {time.perf_counter() - start:.0f} s"
            )
            start = time.perf_counter()
            told = [0.0]

            def tell(phase: str, done: int, total: int) -> None:
                if time.perf_counter() > told[0] + 60:
                    told[0] = time.perf_counter()
                    out.print(f"  {phase}: {done:,} of {total:,} after {told[0] - start:.0f} s")

            vector_index.build(context.db, gallery.shelf, memory=given.memory, on_progress=tell)
            with context.db.read() as session:
                built = vector_index.state(
                    session, session.get_one(EnrolledEncoder, gallery.shelf.encoder_id), 1
                )
            out.print(
                f"graph of {built.byte_count / 1e6:.0f} MB built in {time.perf_counter() - start:.0f} s"
            )
            table = Table("filter", "rows", "way", "p50 ms", "recall@20")
            for name, way, rows, ms, recall in measure(context, gallery):
                table.add_row(name, f"{rows:,}", way, f"{ms:.1f}", f"{recall:.4f}")
            out.print(table)
            if given.decisions:
                table = Table(
                    "search with decisions", "p50 ms", "probes", "same candidates", "same first ones"
                )
                for row in decide(context, gallery):
                    table.add_row(row[0], f"{row[1]:.0f}", *map(str, row[2:]))
                out.print(table)
            context.close()
    finally:
        server.close()


if __name__ == "__main__":
    main()
