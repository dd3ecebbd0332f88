"""One contract for both galleries: that in memory is the oracle, that in PostgreSQL has to agree."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from sqlmodel import select

from app.audit.service import SYSTEM
from app.candidates import vector_copies, vector_gallery, vector_index, vector_search
from app.candidates.gallery import GalleryCache, Searched, gallery_of
from app.candidates.vector_gallery import VectorGalleryCache
from app.candidates.vector_search import Filters
from app.core.context import Context, open_context
from app.core.errors import Conflict
from app.encoders import queries as encoder_queries
from app.encoders import service as encoders
from app.records.models import Record, Sex
from matching.candidate_list import Hazard, ProbeFacts
from tests.app.candidates.people import OTHER, People, Vectors
from tests.app.candidates.vectors import agree, build, look, oracle

SEEN = date(2026, 3, 1)


def decided(searched: Searched, probe: Vectors) -> list[tuple[Any, ...]]:
    """All that a candidate list says, without numbers of its own."""
    chosen = searched.search(probe, ProbeFacts(), SEEN)
    return [
        (
            searched.record_id(each.record),
            searched.reference_id(each.reference),
            each.first,
            each.rank,
            each.hazards,
            *(
                None if number is None else round(float(number), 3)
                for number in (
                    each.score,
                    each.decision,
                    each.threshold,
                    each.expected_false,
                    each.likelihood.log10,
                    chosen.expected_false,
                    chosen.expected_false_first,
                )
            ),
        )
        for each in chosen.candidates
    ]


WINDOWS: tuple[dict[str, Any], ...] = (
    {},
    {"sex": Sex.FEMALE},
    {"sex": Sex.UNKNOWN},
    {"born": (date(2010, 1, 1), date(2012, 12, 31))},
    {"sex": Sex.MALE, "born": (date(2015, 6, 1), date(2015, 9, 1))},
    {"born": (date(1990, 1, 1), date(1990, 1, 2))},
)


class TestNearest:
    @pytest.mark.parametrize("graph", [False, True])
    def test_both_galleries_find_the_same_through_any_changes(
        self, deployment: Context, people: People, *, graph: bool
    ) -> None:
        """With each filter, after records and references come, change and go; by graph as well."""
        cache = VectorGalleryCache(deployment, exact_limit=0 if graph else 10_000)
        exact = GalleryCache(deployment.settings.data_dir)
        look(deployment, cache)
        if graph:
            build(deployment)
        compared = 0
        for what in ("nothing", "close", "sex", "born", "remove", "erase", "template", "open", "enrol"):
            if what == "enrol":
                people.enrol(deployment, 5)
            else:
                people.change(deployment, what)
            ours, theirs = look(deployment, cache), look(deployment, exact)
            assert ours.size == theirs.size
            for probe in people.probes(3):
                for known in WINDOWS:
                    agree(ours, theirs, probe, **known)
                    compared += 1
        assert compared == 9 * 3 * len(WINDOWS)

    def test_the_graph_is_what_answers_where_many_rows_are_left(
        self, deployment: Context, people: People
    ) -> None:
        """And the exact question can be answered by no graph."""
        cache = VectorGalleryCache(deployment)
        look(deployment, cache)
        name = build(deployment)
        with deployment.db.read() as session:
            active = encoder_queries.active(session)
            assert active is not None
            (shelf,) = vector_index.shelves_of(session, active)
            probe = people.probes(1)[0]
            vector_search.by_graph(session, shelf, probe, 20, Filters())
            question = vector_search.graph_question(shelf)
            plan = session.execute(
                text(f"EXPLAIN {question}"), {"probe": vector_copies.as_text(probe), "wanted": 20}
            ).scalars()
            assert name in "\n".join(plan)
            scanned = session.execute(
                text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = :name"), {"name": name}
            )
            del scanned

    def test_another_encoder_is_another_gallery(self, deployment: Context, people: People) -> None:
        """Promoted, it is searched at once: its copies were there before."""
        cache = VectorGalleryCache(deployment)
        look(deployment, cache)
        with deployment.db.write() as session:
            encoders.promote(session, OTHER, SYSTEM)
        ours, theirs = look(deployment, cache), oracle(deployment)

        assert ours.encoder == OTHER.name
        for probe in people.probes(5):
            agree(ours, theirs, probe)


class TestDecisions:
    def test_they_are_those_of_the_gallery_in_memory(self, deployment: Context, people: People) -> None:
        """Scores, thresholds, ranks, hazards and expected numbers; also of one record's own references."""
        cache = VectorGalleryCache(deployment)
        ours, theirs = look(deployment, cache), oracle(deployment)
        probes = people.probes(30)
        found = [decided(ours, probe) for probe in probes]

        assert found == [decided(theirs, probe) for probe in probes]
        assert sum(map(bool, found)) > 10
        assert ours.rules.operating_point == theirs.rules.operating_point
        with deployment.db.read() as session:
            record_id = session.exec(select(Record.id).limit(1)).one()
        stacked = np.stack(probes)
        of_ours = ours.promising(stacked, ours.rows_of(record_id))
        assert of_ours.tolist() == theirs.promising(stacked, theirs.rows_of(record_id)).tolist()
        for place in of_ours.tolist():
            one = ours.search(probes[place], ProbeFacts(), SEEN, ours.rows_of(record_id))
            other = theirs.search(probes[place], ProbeFacts(), SEEN, theirs.rows_of(record_id))
            assert [each.score for each in one.candidates] == pytest.approx(
                [each.score for each in other.candidates]
            )

    def test_of_a_candidate_all_photos_and_its_lookalikes_are_seen(
        self, deployment: Context, people: People, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However few references lie near the probe: which photo says most, and who looks like that child."""
        people.make_twins(deployment, 20)
        child, telling = people.give_a_baby_photo(deployment)
        ours, theirs = look(deployment, VectorGalleryCache(deployment)), oracle(deployment)
        monkeypatch.setattr(vector_gallery, "FETCHED", 1)
        hazards, compared = set(), 0
        for probe in (child, *people.probes(40)):
            meant = {each[0]: each for each in decided(theirs, probe)}
            for found in decided(ours, probe):
                assert found[1] == meant[found[0]][1]
                assert found[4] == meant[found[0]][4]
                hazards |= found[4]
                compared += 1

        assert compared > 15
        assert [each[1] for each in decided(ours, child)] == [telling]
        assert Hazard.LOOKALIKE in hazards

    def test_a_sample_is_strict_for_the_whole_gallery(self, deployment: Context, people: People) -> None:
        """Learned from a third of the records, rules know how many references there are."""
        cache = VectorGalleryCache(deployment, learned_from=130)
        ours, theirs = look(deployment, cache), oracle(deployment)

        assert len(ours.rules.gallery.references) < 150
        assert ours.rules.size == theirs.rules.size
        assert ours.size == theirs.size
        same = [
            {each[0] for each in decided(ours, probe)} == {each[0] for each in decided(theirs, probe)}
            for probe in people.probes(20)
        ]
        assert sum(same) >= 12
        for what in ("erase", "close", "template"):
            people.change(deployment, what)
            # Counted again as often as rules are learned again: after a fiftieth has changed.
            assert abs(look(deployment, cache).size - oracle(deployment).size) <= 2
        people.enrol(deployment, 10)
        ours, theirs = look(deployment, cache), oracle(deployment)
        assert (ours.size, ours.rules.size) == (theirs.size, theirs.rules.size)


def test_the_setting_decides_and_asks_for_postgresql(context: Context, deployment: Context) -> None:
    """Nobody searches elsewhere than they think."""
    assert isinstance(gallery_of(context), GalleryCache)
    assert isinstance(gallery_of(deployment), VectorGalleryCache)
    wrong = open_context(
        context.settings.model_copy(
            update={
                "face_index": "pgvector",
                "database_url": f"sqlite:///{context.settings.data_dir / 'other.sqlite'}",
            }
        )
    )
    with pytest.raises(Conflict):
        gallery_of(wrong)
    wrong.close()
