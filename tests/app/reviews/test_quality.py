"""Promises about the figures on an officer's reviews."""

from datetime import timedelta
from math import inf
from statistics import NormalDist
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.candidates.models import Candidate
from app.core.clock import now
from app.officers.models import Officer, Role
from app.records.models import Reference
from app.reviews import quality_queries
from app.reviews.fusion import RATINGS, fuse
from app.reviews.models import (
    Conclusion,
    GoldenItem,
    GoldenTruth,
    GoldenUse,
    Review,
    ReviewState,
)
from app.reviews.signal_detection import LEAST_KNOWN, Tendency, criterion, measure, share
from tests.app.reviews.conftest import Desk
from tests.make import Make

SAME, EXCLUDE = Conclusion.SUPPORT_SAME, Conclusion.EXCLUDE
counts = st.integers(min_value=0, max_value=400)


class TestShares:
    @pytest.mark.parametrize(
        ("hits", "of", "low", "high"),
        [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
    )
    def test_the_interval_is_wilsons(self, hits: int, of: int, low: float, high: float) -> None:
        """Published examples; the last is Newcombe's (Statistics in Medicine 17, 1998), 81 of 263."""
        found = share(hits, of)

        assert [found.low, found.high] == pytest.approx([low, high], abs=5e-5)

    @given(of=st.integers(1, 400), data=st.data())
    @settings(deadline=None)
    def test_the_interval_holds_the_share_and_narrows(self, of: int, data: st.DataObject) -> None:
        """More answers never say less."""
        hits = data.draw(st.integers(0, of))

        one, four = share(hits, of), share(4 * hits, 4 * of)

        assert 0 <= one.low <= one.value <= one.high <= 1
        assert four.high - four.low <= one.high - one.low

    def test_of_nothing_nothing_is_known(self) -> None:
        """Without answers the interval is everything, and no figure is shown."""
        found = share(0, 0)

        assert (found.low, found.high, found.shown) == (0.0, 1.0, False)


class TestBias:
    @given(hits=counts, misses=counts, alarms=counts, right=counts)
    @settings(deadline=None)
    def test_it_is_finite_and_mirrors(self, hits: int, misses: int, alarms: int, right: int) -> None:
        """Perfect answers have a value too, and saying "same" for "different" turns its sign."""
        found = criterion(hits, hits + misses, alarms, alarms + right)
        mirrored = criterion(right, alarms + right, misses, hits + misses)

        assert -inf < found.low <= found.criterion <= found.high < inf
        assert mirrored.criterion == pytest.approx(-found.criterion, abs=1e-9)

    def test_it_is_the_textbooks_criterion(self) -> None:
        """The criterion is -(z(H) + z(F)) / 2 with half an answer added to each count."""
        z = NormalDist().inv_cdf

        found = criterion(18, 20, 6, 20)

        assert found.criterion == pytest.approx(-(z(18.5 / 21) + z(6.5 / 21)) / 2)

    @pytest.mark.parametrize(
        ("hits", "alarms", "tendency"),
        [(40, 30, Tendency.SAME), (10, 0, Tendency.DIFFERENT), (30, 10, Tendency.NONE)],
    )
    def test_a_tendency_is_named_only_beyond_doubt(self, hits: int, alarms: int, tendency: Tendency) -> None:
        """Who is right as often on both kinds leans nowhere."""
        assert criterion(hits, 40, alarms, 40).tendency == tendency

    def test_an_officer_who_cannot_tell_does_not_call_it_the_same(self) -> None:
        """Inconclusive finds no child and raises no false alarm."""
        answers = [(GoldenTruth.SAME, Conclusion.INCONCLUSIVE)] * LEAST_KNOWN
        answers += [(GoldenTruth.DIFFERENT, Conclusion.IMAGE_INSUFFICIENT)] * LEAST_KNOWN

        found = measure(answers)

        assert (found.sensitivity.value, found.specificity.value) == (0.0, 1.0)
        assert found.bias is not None
        assert found.bias.tendency == Tendency.DIFFERENT

    def test_too_few_of_one_kind_give_no_bias(self) -> None:
        """A tendency is about both kinds."""
        answers = [(GoldenTruth.SAME, SAME)] * 50 + [(GoldenTruth.DIFFERENT, EXCLUDE)] * (LEAST_KNOWN - 1)

        assert measure(answers).bias is None


class TestFusion:
    @given(said=st.lists(st.sampled_from(Conclusion), min_size=2, max_size=2))
    @settings(deadline=None)
    def test_it_lies_between_the_two(self, said: list[Conclusion]) -> None:
        """Fusing never goes beyond what somebody said, and order does not matter."""
        found, turned = fuse(said), fuse(said[::-1])

        assert found == turned
        assert found is not None
        ratings = sorted(RATINGS[conclusion] for conclusion in said)
        assert ratings[0] <= found.mean <= ratings[1]
        assert ratings[0] <= RATINGS[found.conclusion] <= ratings[1]

    @pytest.mark.parametrize(
        ("said", "together"),
        [
            ((Conclusion.SUPPORT_SAME_STRONG, SAME), SAME),
            ((SAME, Conclusion.INCONCLUSIVE), Conclusion.INCONCLUSIVE),
            ((SAME, EXCLUDE), Conclusion.INCONCLUSIVE),
            ((EXCLUDE, Conclusion.SUPPORT_DIFFERENT), Conclusion.SUPPORT_DIFFERENT),
            ((EXCLUDE, EXCLUDE), EXCLUDE),
        ],
    )
    def test_half_a_step_says_the_less_certain(
        self, said: tuple[Conclusion, Conclusion], together: Conclusion
    ) -> None:
        """Two people together are no surer than the one who doubts more."""
        found = fuse(said)

        assert found is not None
        assert found.conclusion == together

    def test_one_alone_is_no_pair(self) -> None:
        """A single rating is not dressed up as two."""
        assert fuse([SAME]) is None


def decided(
    make: Make,
    officer: Officer,
    conclusion: Conclusion | None,
    candidate: Candidate | None = None,
    **also: Any,
) -> Candidate:
    """A decision of an officer."""
    candidate = candidate or make.candidate()
    values: dict[str, Any] = {
        "state": ReviewState.DECIDED,
        "claimed_at": now() - timedelta(seconds=90),
        "decided_at": now(),
        "lease_until": now(),
        "conclusion": conclusion,
    }
    with make.context.db.write() as session:
        session.add(Review(candidate_id=candidate.id, officer_id=officer.id, **{**values, **also}))
    return candidate


class TestThePage:
    def test_figures_come_from_known_answers_alone(self, desk: Desk, make: Make) -> None:
        """What was set aside, another's answers and real candidates move no share."""
        ada, bob = make.officer(name="Ada"), make.officer(name="Bob")
        known = _known(make, GoldenTruth.SAME)
        for _ in range(LEAST_KNOWN):
            _use(make, known, decided(make, ada, SAME))
        _use(make, known, decided(make, ada, EXCLUDE, set_aside_at=now()))
        _use(make, known, decided(make, bob, EXCLUDE))
        decided(make, ada, EXCLUDE)

        with desk.db.read() as session:
            line = quality_queries.line(session, ada)

        assert (line.quality.sensitivity.hits, line.quality.sensitivity.of) == (LEAST_KNOWN, LEAST_KNOWN)
        assert line.quality.specificity.of == 0
        assert line.decisions == LEAST_KNOWN + 1
        assert line.seconds == pytest.approx(90, abs=1)

    def test_times_skips_and_disagreement(self, desk: Desk, make: Make) -> None:
        """The median of what browsers told, skips counted without blame, pairs that fell apart."""
        ada, bob = make.officer(), make.officer()
        for seconds, other in ((5.0, SAME), (15.0, EXCLUDE), (70.0, EXCLUDE), (None, None)):
            pair = decided(make, ada, SAME, exposure_s=seconds)
            if other is not None:
                decided(make, bob, other, candidate=pair)
        decided(make, ada, None, state=ReviewState.SKIPPED, decided_at=None)

        with desk.db.read() as session:
            line = quality_queries.line(session, ada)

        assert line.exposure_s == 15.0
        assert line.skips == 1
        assert (line.disagreement.hits, line.disagreement.of) == (2, 3)

    def test_too_few_show_no_figure(self, desk: Desk, make: Make) -> None:
        """One answer says nothing about anybody."""
        ada = make.officer(name="Ada Fewer")
        _use(make, _known(make, GoldenTruth.SAME), decided(make, ada, EXCLUDE))

        page = desk.client.get("/console/quality", as_=make.officer(Role.SUPERVISOR)).text

        assert "Ada Fewer" in page
        assert f"too few: 1 of {LEAST_KNOWN}" in page
        assert " %</strong>" not in page

    def test_every_look_is_in_the_audit_log(self, desk: Desk, make: Make) -> None:
        """Who looks at colleagues' figures can be asked why."""
        sun = make.officer(Role.SUPERVISOR)

        desk.client.get("/console/quality", as_=sun)

        with desk.db.read() as session:
            (event,) = session.exec(
                select(AuditEvent).where(AuditEvent.action == Action.REVIEW_QUALITY_VIEWED)
            ).all()
        assert event.actor_id == str(sun.id)

    def test_supervisors_see_officers_of_their_area_by_name(self, desk: Desk, make: Make) -> None:
        """No other area's, no other role, and no ranking: the better stands where the alphabet puts it."""
        zoe, amy = make.officer(name="Zoe"), make.officer(name="Amy")
        far = make.officer(name="Farid", area="440303")
        for officer, conclusion in ((zoe, SAME), (amy, EXCLUDE), (far, SAME)):
            decided(make, officer, conclusion)

        page = desk.client.get("/console/quality", as_=make.officer(Role.SUPERVISOR)).text

        assert page.index("Amy") < page.index("Zoe")
        assert "Farid" not in page
        assert desk.client.get("/console/quality", as_=make.officer()).status_code == 403
        assert desk.client.get("/console/quality", as_=make.officer(Role.AUDITOR)).status_code == 403


def _known(make: Make, truth: GoldenTruth) -> GoldenItem:
    record = make.record()
    with make.context.db.write() as session:
        photo_id = session.exec(select(Reference.photo_id).where(Reference.record_id == record.id)).one()
        made = GoldenItem(name=f"pair {truth}", truth=truth, photo_id=photo_id, record_id=record.id)
        session.add(made)
    return made


def _use(make: Make, known: GoldenItem, candidate: Candidate) -> None:
    with make.context.db.write() as session:
        session.add(GoldenUse(candidate_id=candidate.id, item_id=known.id))
