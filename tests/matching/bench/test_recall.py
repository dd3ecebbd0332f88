import numpy as np
import pytest

from matching.bench.recall import CELLS, Cell, Counted, _compared, false_faces, found_share, measure
from matching.bench.street import Street, people

STREET = Street(b"", np.array([[500, 500], [2000, 900]], np.float32), np.array([100, 60], np.float32))


class TestCompared:
    @pytest.mark.parametrize(
        ("box", "found", "false"),
        [
            ((450, 450, 550, 550), [True, False], 0),
            ((480, 470, 560, 540), [True, False], 0),
            ((490, 490, 510, 510), [False, False], 0),
            ((400, 400, 640, 640), [False, False], 0),
            ((1970, 870, 2030, 930), [False, True], 0),
            ((1200, 700, 1300, 800), [False, False], 1),
        ],
    )
    def test_a_box_finds_the_face_it_fits_and_is_false_where_nobody_is(
        self, box: tuple[int, ...], found: list[bool], false: int
    ) -> None:
        """A button of a coat is not the face above it, and not a false face either."""
        seen, wrong = _compared(STREET, np.array([box], np.float32))

        assert (seen.tolist(), wrong) == (found, false)

    def test_no_boxes_find_nobody(self) -> None:
        """An empty answer is counted as one."""
        seen, wrong = _compared(STREET, np.empty((0, 4), np.float32))

        assert (seen.tolist(), wrong) == ([False, False], 0)


class TestCounting:
    def test_shares_are_of_people_and_false_faces_of_streets(self) -> None:
        """Four people and one street are two different denominators."""
        cell = Cell(48, 0)
        counted = [Counted(cell, 3, 4, 1, 1), Counted(cell, 4, 4, 0, 1)]

        share = found_share(counted)

        assert (share.count, share.of) == (7, 8)
        assert 0.5 < share.low < 7 / 8 < share.high < 1
        assert false_faces(counted) == 0.5

    def test_every_size_meets_every_turn_and_somebody_near(self) -> None:
        """A kind of street that is left out is a weakness nobody sees."""
        assert len(CELLS) == len(set(CELLS)) == 42


@pytest.mark.faces
def test_plain_large_faces_are_found_by_both() -> None:
    """The streets themselves hide nobody."""
    recall = measure(people(), 1, 1, [Cell(200, 0)], workers=1)

    assert found_share(recall.ours) == found_share(recall.ours_of_same)
    assert found_share(recall.ours).count >= 3
    assert found_share(recall.peer).count >= 3
    assert recall.ours[0].people == recall.peer[0].people == 4
