"""Promises about the features that two faces are compared by."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.candidates.models import CandidateState
from app.core.context import Context
from app.core.errors import Invalid
from app.reviews.checklist import CODES, COMPONENTS, LEAST_SAME, Finding, checked
from app.reviews.models import SAME, Conclusion, Review
from tests.app.reviews.conftest import AGREEING, Desk
from tests.make import Make

FIELDS = sorted(AGREEING)
findings = st.dictionaries(st.sampled_from(sorted(CODES)), st.sampled_from(Finding))


class TestRule:
    @given(conclusion=st.sampled_from(Conclusion), found=findings)
    @settings(deadline=None)
    def test_the_same_person_needs_every_feature_and_some_that_agree(
        self, conclusion: Conclusion, found: dict[str, Finding]
    ) -> None:
        """Support for the same person rests on a whole face; other conclusions may leave features open."""
        agreeing = list(found.values()).count(Finding.SAME)
        bears = conclusion not in SAME or (found.keys() == CODES and agreeing >= LEAST_SAME)

        if bears:
            assert checked(conclusion, found) == found
        else:
            with pytest.raises(Invalid) as refused:
                checked(conclusion, found)
            assert refused.value.field == "features"

    @given(found=findings)
    @settings(deadline=None)
    def test_it_is_kept_from_the_top_of_the_face_to_the_bottom(self, found: dict[str, Finding]) -> None:
        """Whoever reads a decision later finds the features in the order they were compared in."""
        kept = checked(Conclusion.INCONCLUSIVE, found)

        assert list(kept) == [component.code for component in COMPONENTS if component.code in found]

    @pytest.mark.parametrize(
        "features", [{"aura": "same"}, {"eyes": "alike"}, {"eyes": "same", "": "same"}, {"eyes": "SAME"}]
    )
    @pytest.mark.parametrize("conclusion", [Conclusion.SUPPORT_SAME, Conclusion.EXCLUDE])
    def test_unknown_codes_are_refused(self, conclusion: Conclusion, features: dict[str, str]) -> None:
        """What nobody can read later is not kept."""
        with pytest.raises(Invalid, match="not known here"):
            checked(conclusion, features)


class TestForm:
    def test_a_decision_keeps_its_checklist(self, desk: Desk, context: Context, make: Make) -> None:
        """What was found of each feature stands beside the conclusion."""
        candidate, officer = make.candidate(), make.officer()
        review_id = desk.hold(candidate, officer)

        answer = desk.send(review_id, officer, Conclusion.SUPPORT_SAME, feature_ears="not_visible")

        assert answer.status_code == 303
        with context.db.read() as session:
            kept = session.get_one(Review, review_id).features
        assert kept == dict.fromkeys(CODES, "same") | {"ears": "not_visible"}

    @pytest.mark.parametrize("conclusion", sorted(SAME))
    def test_a_missing_feature_is_asked_for_and_nothing_typed_is_lost(
        self, desk: Desk, make: Make, conclusion: Conclusion
    ) -> None:
        """Who forgot a feature does not begin anew."""
        candidate, officer = make.candidate(), make.officer()
        review_id = desk.hold(candidate, officer)

        answer = desk.send(
            review_id, officer, conclusion, "Typed words.", feature_ears="", feature_nose="different"
        )

        assert answer.status_code == 422
        assert "compare every feature. Still missing: 1." in answer.text
        assert 'aria-describedby="features-error"' in answer.text
        assert "Typed words." in answer.text
        chosen = re.findall(
            r'<input type="radio"[^>]*name="(\w+)"[^>]*value="(\w+)"[^>]*checked', answer.text
        )
        expected = {name: "same" for name in FIELDS if name != "feature_ears"} | {"feature_nose": "different"}
        assert dict(chosen) == expected | {"conclusion": conclusion.value}
        assert desk.state(candidate) == CandidateState.PROPOSED

    def test_what_nobody_could_see_supports_nobody(self, desk: Desk, make: Make) -> None:
        """A checklist of features that do not show is no comparison."""
        candidate, officer = make.candidate(), make.officer()
        review_id = desk.hold(candidate, officer)

        answer = desk.send(
            review_id, officer, Conclusion.SUPPORT_SAME, **dict.fromkeys(FIELDS, "not_visible")
        )

        assert answer.status_code == 422
        assert "at least 3 features must agree" in answer.text
        assert desk.state(candidate) == CandidateState.PROPOSED

    def test_an_unknown_feature_is_refused_without_being_repeated(self, desk: Desk, make: Make) -> None:
        """A form that is not ours decides nothing."""
        candidate, officer = make.candidate(), make.officer()
        review_id = desk.hold(candidate, officer)

        answers = [
            desk.send(review_id, officer, Conclusion.EXCLUDE, feature_planted4711="same"),
            desk.send(review_id, officer, Conclusion.EXCLUDE, feature_ears="planted4711"),
        ]

        assert [answer.status_code for answer in answers] == [422, 422]
        assert not any("planted4711" in answer.text for answer in answers)
        assert desk.state(candidate) == CandidateState.PROPOSED

    def test_different_persons_need_no_whole_checklist(self, desk: Desk, make: Make) -> None:
        """One feature that cannot be explained is enough to exclude."""
        candidate, officer = make.candidate(), make.officer()
        review_id = desk.hold(candidate, officer)
        open_ones = dict.fromkeys(FIELDS, "") | {"feature_ears": "different"}

        answer = desk.send(review_id, officer, Conclusion.EXCLUDE, **open_ones)

        assert answer.status_code == 303
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE
