from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matching.adaptation import (
    Adaptation,
    AdaptationUnreadable,
    TooFewToLearn,
    read_adaptation,
    write_adaptation,
)
from matching.calibration import CalibrationUnreadable, read_calibration, write_calibration
from matching.calibration.labelled import Labelled, TooFewReferences, calibrated
from matching.calibration.measures import cllr, min_cllr
from matching.false_match import ScoreKind
from matching.policy import Rules
from matching.ranking import Gallery
from tests.matching.worlds import world


def labelled(people: int, seed: int = 0, pictures: int = 4) -> Labelled:
    """Half of each person's pictures for the gallery."""
    drawn = world(people, pictures, seed=seed)
    return Labelled(drawn.templates, drawn.people, drawn.ages, np.arange(len(drawn.ages)) % 2 == 0)


def learned(people: int = 320) -> Adaptation:
    drawn = world(people)
    return Adaptation.learned(drawn.templates, drawn.people)


class TestAdaptation:
    def test_it_tells_other_people_apart_better(self) -> None:
        """What it is for: on people it has not seen, perfect calibration would cost less."""
        other = world(150, seed=7)
        mated = other.people[:, None] == other.people
        pairs = np.triu_indices(len(mated), 1)
        costs = [
            min_cllr((each @ each.T)[pairs].astype(np.float64), mated[pairs])
            for each in (other.templates, learned().adapted(other.templates))
        ]

        assert costs[1] < 0.9 * costs[0]

    def test_it_makes_templates_of_unit_length(self) -> None:
        """Everything downstream takes the product of two for their cosine."""
        changed = learned().adapted(world(50, seed=3).templates)

        assert changed.dtype == np.float32
        assert np.linalg.norm(changed, axis=1) == pytest.approx(1, abs=1e-5)

    def test_few_people_teach_nothing(self) -> None:
        """Directions learned from a few dozen people are those of a few dozen people."""
        drawn = world(250)
        few = drawn.people < 199
        with pytest.raises(TooFewToLearn, match="200 persons with two pictures are needed, not 199"):
            Adaptation.learned(drawn.templates[few], drawn.people[few])
        with pytest.raises(TooFewToLearn, match="not 0"):
            Adaptation.learned(drawn.templates[:3], np.arange(3))

    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        """The numbers survive the file."""
        write_adaptation(learned(), tmp_path / "a.npz")
        found = read_adaptation(tmp_path / "a.npz")

        assert found.sha256 == learned().sha256
        assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x80\x04K."])
    def test_a_broken_file_is_refused(self, tmp_path: Path, content: bytes) -> None:
        """Least of all is it unpickled."""
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(AdaptationUnreadable, match=r"a\.npz holds no adaptation"):
            read_adaptation(tmp_path / "a.npz")

    @pytest.mark.parametrize(
        ("mean", "matrix"), [((3,), (4, 2)), ((3,), (3,)), ((2, 2), (2, 2))], ids=["length", "flat", "square"]
    )
    def test_what_changes_no_template_is_refused(
        self, mean: tuple[int, ...], matrix: tuple[int, ...]
    ) -> None:
        """A wrong shape must not become everybody's score."""
        with pytest.raises(ValueError, match="mean and a matrix"):
            Adaptation(np.zeros(mean, np.float32), np.ones(matrix, np.float32))
        with pytest.raises(ValueError, match="finite"):
            Adaptation(np.zeros(3, np.float32), np.full((3, 2), np.nan, np.float32))


class TestCalibrated:
    def test_a_large_set_is_calibrated_on_decision_scores(self) -> None:
        """As a deployment decides, so it is calibrated; on other people it costs what it must."""
        found = calibrated(labelled(300), encoder="drawn", version="1", source="drawn", ensemble=3)

        assert found.kind == ScoreKind.DECISION
        assert found.provenance.people == 300
        for figure in found.provenance.held_out:
            assert figure.cllr <= 1.2 * figure.min_cllr

    def test_a_small_set_is_calibrated_on_comparison_scores(self) -> None:
        """Forty references say nothing of what is usual among strangers."""
        found = calibrated(labelled(40, pictures=2), encoder="drawn", version="1", source="drawn", ensemble=3)

        assert found.kind == ScoreKind.COMPARISON

    def test_without_a_gallery_every_picture_is_both(self) -> None:
        """A folder of people says nothing of portraits; each pair is then used once."""
        pictures = labelled(60)
        everywhere = replace(pictures, is_reference=np.ones(len(pictures.ages), dtype=bool))
        found = calibrated(everywhere, encoder="drawn", version="1", source="drawn", ensemble=3)

        assert sum(each.mated for each in found.provenance.counts if each.name.startswith("age")) == 60 * 6

    def test_an_adaptation_is_judged_by_people_it_has_not_seen(self, tmp_path: Path) -> None:
        """Learned from two thirds of the people, calibrated on the others, and used in every search after."""
        found = calibrated(
            labelled(360), encoder="drawn", version="1", source="drawn", adapt=True, ensemble=3
        )
        write_calibration(found, tmp_path / "drawn.json")
        again = read_calibration(tmp_path / "drawn.json")
        other = world(400, 2, seed=9)
        gallery = Gallery(other.templates[::2], other.people[::2], other.ages[::2].astype(np.float32))
        rules = Rules.of("drawn", gallery, again)
        right = sum(
            any(each.record == number for each in rules.search(probe).candidates)
            for number, probe in enumerate(other.templates[1::2][:100])
        )

        assert found.provenance.people == 120
        assert rules.space is not None
        assert rules.space.adaptation is not None
        assert rules.space.cohort.templates.shape[1] < 96
        assert right > 60

    def test_an_adaptation_that_is_not_its_own_is_refused(self, tmp_path: Path) -> None:
        """Half of a calibration is worse than none."""
        found = calibrated(
            labelled(360), encoder="drawn", version="1", source="drawn", adapt=True, ensemble=3
        )
        write_calibration(found, tmp_path / "drawn.json")
        write_adaptation(learned(), tmp_path / "drawn.npz")
        with pytest.raises(CalibrationUnreadable, match="belongs to another calibration"):
            read_calibration(tmp_path / "drawn.json")
        (tmp_path / "drawn.npz").unlink()
        with pytest.raises(CalibrationUnreadable, match="is missing"):
            read_calibration(tmp_path / "drawn.json")

    def test_an_adaptation_needs_a_gallery(self) -> None:
        """Without decision scores there is nothing that it could serve."""
        pictures = labelled(320)
        few = replace(pictures, is_reference=pictures.is_reference & (pictures.people < 40))
        with pytest.raises(TooFewReferences, match="enough pictures"):
            calibrated(few, encoder="drawn", version="1", source="drawn", adapt=True)

    def test_an_age_taken_out_serves_other_people_too(self) -> None:
        """Fitted on one set of people and used on another with a gallery of its own."""
        own, other = labelled(300, seed=1), labelled(300, seed=2)
        found = calibrated(own, encoder="drawn", version="1", source="drawn", ensemble=0)
        gallery = other[other.is_reference]
        rules = Rules.of(
            "drawn", Gallery(gallery.templates, gallery.people, gallery.ages.astype(np.float32)), found
        )
        probes = other[~other.is_reference]
        assert rules.space is not None
        scores = rules.space.scores(
            probes.templates, gallery.templates, None, gallery.ages.astype(np.float32)
        ).astype(np.float64)
        younger = np.minimum(probes.ages[:, None], gallery.ages)
        gap = np.abs(probes.ages[:, None] - gallery.ages)
        mated = (probes.people[:, None] == gallery.people).ravel()
        ratios = found.ratios(scores.ravel(), younger.ravel(), gap.ravel())

        assert cllr(ratios, mated) <= 1.1 * min_cllr(ratios, mated)
