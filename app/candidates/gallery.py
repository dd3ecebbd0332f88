"""The gallery: the references of open records, here in the worker's memory, kept up to date change by change.

`app.candidates.vector_gallery` searches the same in PostgreSQL; the protocols are what both promise.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from app.candidates import calibrations, gallery_rows
from app.candidates.gallery_rows import DAYS_IN_YEAR, FACTS, SEXES, Rows
from app.core.context import Context
from app.encoders import queries as encoders
from app.encoders.models import EnrolledEncoder
from app.records.models import Sex
from matching.calibration import Calibration
from matching.candidate_list import CandidateList, ProbeFacts
from matching.policy import Rules
from matching.ranking import Gallery
from matching.search import ExactIndex

REBUILD_SHARE: Final = 0.25
"""Share of the gallery that has changed from which it is read anew instead of row by row."""

RELEARN_SHARE: Final = 0.02
"""Share of the gallery that has changed from which its false-match rates are measured anew: 10 seconds for
60,000 references. Before that they move by less than they are known to."""


class NoActiveEncoder(RuntimeError):
    """No encoder was made the active one; a worker's start does that."""


@dataclass(frozen=True)
class Alike:
    """A reference that was found, and how similar it is."""

    reference_id: UUID
    score: float
    """Comparison score; higher is more similar."""


class Searched(Protocol):
    """The references that a probe is compared with, until the gallery is next looked at.

    References and records have numbers that hold for this look alone.
    """

    @property
    def encoder(self) -> str:
        """Whose templates."""

    @property
    def version(self) -> str:
        """Of the encoder."""

    @property
    def size(self) -> int:
        """Records searched."""

    @property
    def rules(self) -> Rules:
        """What decides.

        Raises:
            CalibrationMissing: nobody has measured what this encoder's scores mean.
        """

    def record_id(self, number: int) -> UUID:
        """The record with a number."""

    def reference_id(self, row: int) -> UUID:
        """The reference with a number."""

    def rows_of(self, record_id: UUID) -> NDArray[np.intp]:
        """The numbers of a record's references."""

    def search(
        self,
        probe: NDArray[np.float32],
        facts: ProbeFacts,
        seen_on: date,
        rows: NDArray[np.intp] | None = None,
    ) -> CandidateList:
        """The records that people will look at; see `matching.policy.Rules.search`.

        Args:
            probe: (d,) float32 unit length.
            facts: what else is known of the probe.
            seen_on: day of the probe's photo.
            rows: references that are compared; None for all.
        """

    def promising(self, probes: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Which of many probes have a candidate among some references."""

    def nearest(
        self,
        probe: NDArray[np.float32],
        wanted: int,
        *,
        sex: Sex | None = None,
        born: tuple[date, date] | None = None,
    ) -> list[Alike]:
        """The most similar references, most similar first; what a record leaves open agrees with all.

        Args:
            probe: (d,) float32 unit length.
            wanted: how many.
            sex: of the child; unknown agrees with all.
            born: first and last day between which it was born.
        """


class Galleries(Protocol):
    """Where a worker gets the gallery from."""

    def current(self, session: Session) -> Searched:
        """The gallery as the database has it now.

        Args:
            session: a session whose answers belong together, as those of one transaction do.

        Raises:
            NoActiveEncoder: there is nothing to search with.
        """


class OpenGallery:
    """The references in memory, until the gallery is next looked at.

    Args:
        encoder: whose templates.
        index: the rows; owned by the cache, which changes it on the next look.
        record_ids: by the records' numbers in the rows' facts.
        calibration: the deployment's own; None for the cited one.
    """

    def __init__(
        self,
        encoder: EnrolledEncoder,
        index: ExactIndex,
        record_ids: list[UUID],
        calibration: Calibration | None,
    ) -> None:
        self.encoder = encoder.name
        self.version = encoder.version
        self._index = index
        self._record_ids = record_ids
        self._calibration = calibration

    @cached_property
    def size(self) -> int:
        """Records searched."""
        return int(np.unique(self._index.facts["number"]).size)

    @property
    def references(self) -> int:
        """References searched; a record may have several."""
        return len(self._index)

    @cached_property
    def rules(self) -> Rules:
        """What decides; made with the first search after a change.

        Raises:
            CalibrationMissing: nobody has measured what this encoder's scores mean.
        """
        return Rules.of(self.encoder, self._gallery(), self._calibration)

    def follow(self, before: "OpenGallery", removed: NDArray[np.intp]) -> None:
        """Take over the rules of the gallery before a few changes, if it has made any; it is at its end.

        Args:
            before: the gallery before.
            removed: its rows that are gone; those that came stand behind the others now.
        """
        rules = before.__dict__.get("rules")
        renewed = rules.renewed(self._gallery(), removed) if rules is not None else None
        if renewed is not None:
            self.__dict__["rules"] = renewed

    def search(
        self,
        probe: NDArray[np.float32],
        facts: ProbeFacts,
        seen_on: date,
        rows: NDArray[np.intp] | None = None,
    ) -> CandidateList:
        """As `Searched` has it."""
        if self.size == 0:
            return CandidateList((), 0.0, 0.0)
        return self.rules.search(probe, facts, expected_ages=self.expected_ages(seen_on), rows=rows)

    def promising(self, probes: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """As `Searched` has it."""
        return self.rules.promising(probes, rows)

    def nearest(
        self,
        probe: NDArray[np.float32],
        wanted: int,
        *,
        sex: Sex | None = None,
        born: tuple[date, date] | None = None,
    ) -> list[Alike]:
        """As `Searched` has it."""
        found = self._index.search(probe, wanted, self.mask(sex=sex, born=born))
        return [
            Alike(gallery_rows.uuid_of(key), score)
            for key, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        ]

    def _gallery(self) -> Gallery:
        facts = self._index.facts
        return Gallery(self._index.templates, facts["number"].copy(), facts["age"].copy())

    def record_id(self, number: int) -> UUID:
        """The record with a number."""
        return self._record_ids[number]

    def reference_id(self, row: int) -> UUID:
        """The reference in a row."""
        return gallery_rows.uuid_of(bytes(self._index.ids[row]))

    def rows_of(self, record_id: UUID) -> NDArray[np.intp]:
        """The rows of a record's references."""
        key = gallery_rows.ids_of([record_id])[0]
        return np.flatnonzero(self._index.facts["record"] == key)

    def expected_ages(self, day: date) -> NDArray[np.float32]:
        """(n,) years that the child of each reference has on a day; NaN where its birth is unknown."""
        ages = (day.toordinal() - self._index.facts["born"]) / DAYS_IN_YEAR
        return np.maximum(ages, 0.0).astype(np.float32)

    def mask(self, *, sex: Sex | None = None, born: tuple[date, date] | None = None) -> NDArray[np.bool_]:
        """(n,) references that agree with what is known of a child; what a record leaves open agrees.

        Args:
            sex: of the child; unknown agrees with all.
            born: first and last day between which it was born.
        """
        facts = self._index.facts
        allowed = np.ones(len(facts), dtype=bool)
        if sex is not None and sex != Sex.UNKNOWN:
            allowed &= (facts["sex"] == SEXES[sex]) | (facts["sex"] == SEXES[Sex.UNKNOWN])
        if born is not None:
            first, last = (day.toordinal() for day in born)
            allowed &= np.isnan(facts["born"]) | ((facts["born"] >= first) & (facts["born"] <= last))
        return allowed


class GalleryCache:
    """Keeps the active encoder's gallery; every look at it reads only what changed since the last.

    The database is the truth and numbers each change of a reference, its record or its template, whichever
    process makes it. Opened templates lie in memory alone, never in a file: a stolen disk holds sealed ones.

    Memory: 4 d + 73 bytes a reference and half of it spare, and as much again for decision scores; 60,000
    references of 320 numbers take 80 MB, and 80 MB for decisions.

    Args:
        data_dir: the data folder, where the deployment's calibrations lie.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        # Earlier versions kept opened templates in files here.
        shutil.rmtree(data_dir / "gallery", ignore_errors=True)
        self._calibrated: tuple[int, int] | None = None
        self._encoder: EnrolledEncoder | None = None
        self._index = ExactIndex(1, FACTS)
        self._seq = 0
        self._numbers: dict[UUID, int] = {}
        self._record_ids: list[UUID] = []
        self._current: OpenGallery | None = None
        self._changes = 0
        """References that changed since the rules were learned."""

    def current(self, session: Session) -> OpenGallery:
        """The gallery as the database has it now.

        Args:
            session: a session whose answers belong together, as those of one transaction do.

        Raises:
            NoActiveEncoder: there is nothing to search with.
        """
        encoder = encoders.active(session)
        if encoder is None:
            raise NoActiveEncoder
        if self._encoder is None or self._encoder.id != encoder.id:
            self._read_anew(session, encoder)
        else:
            self._catch_up(session, encoder)
        calibrated = calibrations.stamp(self._data_dir, encoder.name)
        if self._current is None or calibrated != self._calibrated:
            self._current = self._made(encoder)
            self._calibrated, self._changes = calibrated, 0
        return self._current

    def _made(self, encoder: EnrolledEncoder) -> OpenGallery:
        calibration = calibrations.own(self._data_dir, encoder.name, encoder.version)
        return OpenGallery(encoder, self._index, self._record_ids, calibration)

    def _catch_up(self, session: Session, encoder: EnrolledEncoder) -> None:
        last = gallery_rows.last_change(session)
        if last == self._seq:
            return
        changed = self._own(session, gallery_rows.changes_after(session, self._seq))
        if last < self._seq or len(changed) > REBUILD_SHARE * len(self._index) + 100:
            self._read_anew(session, encoder)
            return
        if not changed:
            self._seq = last
            return
        rows = self._rows(session, encoder, changed)
        gone = gallery_rows.ids_of(changed)
        removed = self._index.rows_of(gone)
        self._index.remove(gone)
        self._add(rows)
        self._seq = last
        self._changes += len(changed)
        before, self._current = self._current, None
        if before is not None and len(self._index) and self._changes < RELEARN_SHARE * len(self._index):
            self._current = self._made(encoder)
            self._current.follow(before, removed)

    def _own(self, session: Session, changed: list[UUID]) -> list[UUID]:
        """Those of the changed references that this gallery holds or may hold now."""
        del session
        return changed

    def _rows(self, session: Session, encoder: EnrolledEncoder, only: Collection[UUID] | None = None) -> Rows:
        """The rows of these references, or of all, as far as this gallery holds them."""
        return gallery_rows.rows(session, encoder, only=only)

    def _read_anew(self, session: Session, encoder: EnrolledEncoder) -> None:
        last = gallery_rows.last_change(session)
        rows = self._rows(session, encoder)
        width = rows.templates.shape[1] or gallery_rows.dimensions(session, encoder) or 1
        self._use(encoder, ExactIndex(width, FACTS), seq=last)
        self._add(rows)

    def _use(self, encoder: EnrolledEncoder, index: ExactIndex, *, seq: int) -> None:
        self._encoder, self._index, self._seq, self._current = encoder, index, seq, None
        keys, numbers = np.unique(index.facts["record"], return_inverse=True)
        self._record_ids = [gallery_rows.uuid_of(key) for key in keys.tolist()]
        self._numbers = {record_id: number for number, record_id in enumerate(self._record_ids)}
        index.facts["number"] = numbers

    def _add(self, rows: Rows) -> None:
        if not len(rows.ids):
            return
        for place, key in enumerate(rows.facts["record"].tolist()):
            record_id = gallery_rows.uuid_of(key)
            if record_id not in self._numbers:
                self._numbers[record_id] = len(self._record_ids)
                self._record_ids.append(record_id)
            rows.facts["number"][place] = self._numbers[record_id]
        if self._index.dimensions != rows.templates.shape[1]:
            # An index made before its encoder had left a template is empty and of no dimensions yet.
            self._index = ExactIndex(rows.templates.shape[1], FACTS)
        self._index.add(rows.ids, rows.templates, rows.facts)


def gallery_of(context: Context) -> Galleries:
    """The gallery that a deployment searches.

    Raises:
        Conflict: the setting asks for what its database cannot do.
    """
    if context.settings.face_index == "memory":
        return GalleryCache(context.settings.data_dir)
    from app.candidates.vector_gallery import VectorGalleryCache  # noqa: PLC0415 - it builds on this module.

    return VectorGalleryCache(context)
