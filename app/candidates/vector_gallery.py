"""The gallery in PostgreSQL: candidates by pgvector, decided on exactly as those of the gallery in memory.

The index brings up the references most like a probe, of which halves of a rotated copy say enough. Their
sealed templates are then opened and compared in float32, and the same rules decide as elsewhere.
"""

from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlmodel import Session

from app.candidates import gallery_rows, vector_copies, vector_schema, vector_search
from app.candidates.gallery import RELEARN_SHARE, Alike, NoActiveEncoder, OpenGallery
from app.candidates.gallery_rows import DAYS_IN_YEAR
from app.candidates.vector_sample import LEARNED_FROM, SampleCache
from app.candidates.vector_search import EXACT_LIMIT, Filters, Near, Shelf
from app.core.context import Context
from app.core.errors import Conflict
from app.encoders import queries as encoders
from app.encoders.models import EnrolledEncoder
from app.records.models import Sex
from matching.candidate_list import CandidateList, ProbeFacts
from matching.policy import Rules
from matching.ranking import Gallery

Vectors = NDArray[np.float32]

FETCHED: Final = 250
"""References compared exactly for a probe. Ten records are shown; decision scores order references otherwise
than comparison scores do, but one in the first hundredth by one is among the first few by the other."""

LOOKALIKES: Final = 20
"""References compared exactly with each candidate, to see whether another child looks like it."""

ASKED_FOR: Final = 3
"""References fetched for each that is wanted where no rules choose: halves may order neighbours otherwise."""

NO_FILTERS: Final = Filters()


class VectorGallery:
    """The references in PostgreSQL, until the gallery is next looked at; see `Searched`.

    Args:
        context: the deployment; each search asks the database for itself.
        encoder: whose templates.
        sample: what the rules are learned from.
        dimensions: numbers in a template.
        references: how many there are.
        size: records searched.
        exact_limit: rows up to which all are compared.
    """

    def __init__(
        self,
        context: Context,
        encoder: EnrolledEncoder,
        sample: OpenGallery,
        dimensions: int,
        references: int,
        size: int,
        exact_limit: int = EXACT_LIMIT,
    ) -> None:
        self.encoder = encoder.name
        self.version = encoder.version
        self.size = size
        self._context = context
        self._encoder_id = encoder.id
        self._sample = sample
        self._dimensions = dimensions
        self._references = references
        self._exact_limit = exact_limit
        self._record_ids = _Numbers()
        self._reference_ids = _Numbers()
        self._small: dict[Shelf, bool] = {}
        """Whether all of a shelf's copies are compared where nothing filters them."""

    @cached_property
    def rules(self) -> Rules:
        """What decides: the sample's rules, as strict as the whole gallery needs.

        Raises:
            CalibrationMissing: nobody has measured what this encoder's scores mean.
        """
        learned = self._sample.rules
        return learned if learned.size == self._references else learned.of_size(self._references)

    def record_id(self, number: int) -> UUID:
        """The record with a number."""
        return self._record_ids[number]

    def reference_id(self, row: int) -> UUID:
        """The reference with a number."""
        return self._reference_ids[row]

    def rows_of(self, record_id: UUID) -> NDArray[np.intp]:
        """The numbers of a record's references."""
        with self._context.db.read() as session:
            found = vector_search.of_records(session, self._encoder_id, [record_id])
        return np.array([self._reference_ids.number(each.reference_id) for each in found], dtype=np.intp)

    def search(
        self, probe: Vectors, facts: ProbeFacts, seen_on: date, rows: NDArray[np.intp] | None = None
    ) -> CandidateList:
        """As `Searched` has it."""
        if self.size == 0:
            return CandidateList((), 0.0, 0.0)
        rules = self.rules
        with self._context.db.read() as session:
            near = self._asked(session, probe, FETCHED) if rows is None else self._near(session, rows)
            few = self._few(session, near, narrow=rows is not None)
            if not few.near:
                return CandidateList((), rules.expected_false_first, rules.expected_false)
            chosen = few.search(rules, probe, facts, seen_on)
            if chosen.candidates:
                few = self._around(session, few, chosen)
                chosen = few.search(rules, probe, facts, seen_on)
        return replace(
            chosen,
            candidates=tuple(
                replace(
                    each,
                    record=self._record_ids.number(few.near[each.reference].record_id),
                    reference=self._reference_ids.number(few.near[each.reference].reference_id),
                )
                for each in chosen.candidates
            ),
        )

    def promising(self, probes: Vectors, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """As `Searched` has it."""
        with self._context.db.read() as session:
            few = self._few(session, self._near(session, rows))
        if not few.near:
            return np.empty(0, dtype=np.intp)
        return self.rules.showing(few.gallery).promising(probes)

    def nearest(
        self,
        probe: Vectors,
        wanted: int,
        *,
        sex: Sex | None = None,
        born: tuple[date, date] | None = None,
    ) -> list[Alike]:
        """As `Searched` has it."""
        filters = Filters(sex or Sex.UNKNOWN, born)
        with self._context.db.read() as session:
            few = self._few(session, self._asked(session, probe, ASKED_FOR * wanted, filters))
        if not few.near:
            return []
        scores = (few.templates.astype(np.float64) * probe).sum(axis=1).astype(np.float32)
        found = [
            Alike(each.reference_id, score) for each, score in zip(few.near, scores.tolist(), strict=True)
        ]
        return sorted(found, key=lambda each: (-each.score, each.reference_id))[:wanted]

    def _asked(
        self, session: Session, probe: Vectors, wanted: int, filters: Filters = NO_FILTERS
    ) -> list[Near]:
        """Those most like a probe, by the copies: exactly where few are left, else by the graph."""
        found: list[Near] = []
        # Asked for with each search: another worker may turn copies by a new key meanwhile.
        for shelf in vector_search.shelves(session, self._encoder_id, self._dimensions):
            turned = vector_search.turned_probe(self._context.keys, shelf, probe)
            exact = not vector_search.has_graph(session, shelf) or self._is_small(session, shelf, filters)
            ask = vector_search.exactly if exact else vector_search.by_graph
            found += ask(session, shelf, turned, wanted, filters)
        return found

    def _around(self, session: Session, few: "_Few", chosen: CandidateList) -> "_Few":
        """All photos of the candidates' records, and what is most like them: is there another child?"""
        records = [few.near[each.reference].record_id for each in chosen.candidates]
        around = _Few()
        around.add(few.only(records), compared=True)
        more = vector_search.of_records(session, self._encoder_id, records)
        around.add(self._opened(session, more), compared=not few.narrow)
        templates = few.templates
        alike = [
            near
            for each in chosen.candidates
            for near in self._asked(session, templates[each.reference], LOOKALIKES)
        ]
        around.add(self._opened(session, alike), compared=False)
        return around

    def _is_small(self, session: Session, shelf: Shelf, filters: Filters) -> bool:
        if filters.any:
            return vector_search.is_small(session, shelf, filters, self._exact_limit)
        if shelf not in self._small:
            self._small[shelf] = vector_search.is_small(session, shelf, filters, self._exact_limit)
        return self._small[shelf]

    def _near(self, session: Session, rows: NDArray[np.intp]) -> list[Near]:
        ids = [self._reference_ids[row] for row in rows.tolist()]
        return vector_search.of_references(session, self._encoder_id, ids)

    def _few(self, session: Session, near: list[Near], *, narrow: bool = False) -> "_Few":
        few = _Few(narrow=narrow)
        few.add(self._opened(session, near), compared=True)
        return few

    def _opened(self, session: Session, near: list[Near]) -> list[tuple[Near, Vectors]]:
        """Their templates, opened and turned back; those erased at this moment are left out."""
        keys, width = self._context.keys, self._dimensions
        opened = vector_search.opened(session, keys, list({each.template_id for each in near}), width)
        return [(each, opened[each.template_id]) for each in near if each.template_id in opened]


class VectorGalleryCache:
    """Opens the gallery in PostgreSQL; each look first copies what has changed, whichever process changed it.

    Memory: a gallery of `learned_from` references, however many there are; see `GalleryCache`.

    Args:
        context: the deployment.
        learned_from: references that the rules are learned from at most.
        exact_limit: rows up to which all are compared.

    Raises:
        Conflict: the database is not PostgreSQL.
        VectorMissing: it has no pgvector, and this account may not add it.
    """

    def __init__(
        self, context: Context, *, learned_from: int = LEARNED_FROM, exact_limit: int = EXACT_LIMIT
    ) -> None:
        if context.db.engine.dialect.name != "postgresql":
            raise Conflict("HOMEWARD_FACE_INDEX=pgvector needs PostgreSQL: set HOMEWARD_DATABASE_URL.")
        with context.db.engine.begin() as connection:
            vector_schema.make(connection)
        # Rows that were restored or moved here were not changes.
        vector_copies.mark_missing(context.db)
        self._context = context
        self._sample = SampleCache(context.settings.data_dir, learned_from)
        self._exact_limit = exact_limit
        self._current: VectorGallery | None = None
        self._made_of: tuple[object, ...] = ()
        self._counted: tuple[int, UUID] | None = None
        """The change and the encoder at which references were counted last."""
        self._counts = (0, 0)

    def current(self, session: Session) -> VectorGallery:
        """As `Galleries` has it.

        Args:
            session: a session that has not asked anything yet: what it sees begins with its first question.

        Raises:
            NoActiveEncoder: there is nothing to search with.
        """
        vector_copies.keep_up(self._context.db, self._context.keys)
        sample = self._sample.current(session)
        encoder = encoders.active(session)
        if encoder is None:
            raise NoActiveEncoder
        width = gallery_rows.dimensions(session, encoder)
        references, size = self._count(session, encoder, sample)
        made_of = (sample, width, references, size)
        if self._current is None or made_of != self._made_of:
            self._made_of = made_of
            self._current = VectorGallery(
                self._context, encoder, sample, width or 0, references, size, self._exact_limit
            )
        return self._current

    def _count(self, session: Session, encoder: EnrolledEncoder, sample: OpenGallery) -> tuple[int, int]:
        """References and records; beyond the sample they are counted as often as rules are learned."""
        if self._sample.whole:
            return sample.references, sample.size
        last = gallery_rows.last_change(session)
        if self._counted and self._counted[1] == encoder.id:
            changed = session.execute(
                text("SELECT count(*) FROM gallery_change WHERE seq > :seq"), {"seq": self._counted[0]}
            ).scalar_one()
            if changed < RELEARN_SHARE * self._counts[0]:
                return self._counts
        references, size = session.execute(
            text(
                "SELECT count(*), count(DISTINCT record_id) FROM face_index.copy WHERE encoder_id = :encoder"
            ),
            {"encoder": encoder.id},
        ).one()
        self._counted, self._counts = (last, encoder.id), (references, size)
        return self._counts


class _Few:
    """References that were opened, to be decided on.

    Args:
        narrow: whether no others may be compared, as when a record is looked for alone.
    """

    def __init__(self, *, narrow: bool = False) -> None:
        self.narrow = narrow
        self.near: list[Near] = []
        self._templates: list[Vectors] = []
        self._known: set[UUID] = set()
        self._compared = 0
        """How many, from the first on, the probe is compared with; the others may look like those."""

    def add(self, opened: list[tuple[Near, Vectors]], *, compared: bool) -> None:
        """Take in those that are not there yet."""
        for near, template in opened:
            if near.reference_id not in self._known:
                self._known.add(near.reference_id)
                self.near.append(near)
                self._templates.append(template)
        if compared:
            self._compared = len(self.near)

    def only(self, records: list[UUID]) -> list[tuple[Near, Vectors]]:
        """Those of some records."""
        return [
            (near, template)
            for near, template in zip(self.near, self._templates, strict=True)
            if near.record_id in records
        ]

    @property
    def templates(self) -> Vectors:
        """(n, d) float32 unit length."""
        return np.stack(self._templates)

    @property
    def gallery(self) -> Gallery:
        """The references with numbers for their records."""
        _, numbers = np.unique([each.record_id.bytes.hex() for each in self.near], return_inverse=True)
        ages = np.array([each.age for each in self.near], dtype=np.float32)
        return Gallery(self.templates, numbers.astype(np.int64), ages)

    def search(self, rules: Rules, probe: Vectors, facts: ProbeFacts, seen_on: date) -> CandidateList:
        """What the rules choose among them; numbers are places in `near`."""
        born = np.array([each.born for each in self.near])
        expected = np.maximum((seen_on.toordinal() - born) / DAYS_IN_YEAR, 0.0).astype(np.float32)
        return rules.showing(self.gallery).search(
            probe, facts, expected_ages=expected, rows=np.arange(self._compared)
        )


class _Numbers:
    """Ids by numbers that are given as they come."""

    def __init__(self) -> None:
        self._ids: list[UUID] = []
        self._numbers: dict[UUID, int] = {}

    def __getitem__(self, number: int) -> UUID:
        return self._ids[number]

    def number(self, of: UUID) -> int:
        """The number of an id, the same each time."""
        if of not in self._numbers:
            self._numbers[of] = len(self._ids)
            self._ids.append(of)
        return self._numbers[of]
