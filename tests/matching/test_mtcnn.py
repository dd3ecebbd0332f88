import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import mtcnn
from matching.mtcnn import CELL, STRIDE, Floats, detect
from matching.photo import Pixels, read_photo
from matching.weights import MTCNN, network
from tests.matching.pictures import FACES, face_file, scene

pytestmark = pytest.mark.faces


@pytest.fixture(scope="module")
def street() -> Pixels:
    return read_photo(face_file("p0045-tip1")).pixels


class TestWindows:
    @pytest.mark.parametrize(("height", "width"), [(310, 97), (200, 190), (96, 97), (90, 12), (13, 13)])
    def test_a_copy_searched_in_squares_gives_what_the_whole_gives(
        self, street: Pixels, monkeypatch: pytest.MonkeyPatch, height: int, width: int
    ) -> None:
        """Where a square ends, no window may be lost or seen twice."""
        monkeypatch.setattr(mtcnn, "LEAST_SCORES", (0.0, 0.7, 0.7))
        copy = street[-height:, :width]
        scores, offsets = network(MTCNN[0]).run(mtcnn._batch(copy[None]))
        # The network gives a last odd row or column a window that reaches beyond the border.
        rows, columns = (height - CELL) // STRIDE + 1, (width - CELL) // STRIDE + 1

        boxes, found, moves = mtcnn._windows(copy)

        inside = (boxes[:, 2] <= width) & (boxes[:, 3] <= height)
        across, down = (boxes[inside, :2] / STRIDE).astype(int).T
        order = np.lexsort((across, down))
        assert (down[order] * columns + across[order]).tolist() == list(range(rows * columns))
        assert found[inside][order] == pytest.approx(scores[0, 1, :rows, :columns].ravel(), abs=1e-5)
        whole = offsets[0, :, :rows, :columns].reshape(4, -1).T
        assert np.abs(moves[inside][order] - whole).max() < 1e-4


class TestCut:
    @pytest.mark.parametrize("length", [24, 60, 200, 700])
    def test_a_square_from_a_small_copy_looks_like_one_from_the_picture(
        self, street: Pixels, length: int
    ) -> None:
        """Speed may not cost what the network sees."""
        box = np.array([30, 40, 30 + length, 40 + length], np.float32)
        halves = mtcnn._halves(street)

        quick = mtcnn._cut(halves, box, 24).astype(float)
        plain = mtcnn._cut(halves[:1], box, 24).astype(float)

        assert np.abs(quick - plain).mean() < 2

    def test_what_lies_beyond_the_border_is_black(self) -> None:
        """The network was trained with black beyond the border."""
        white = np.full((100, 100, 3), 255, np.uint8)

        chip = mtcnn._cut(mtcnn._halves(white), np.array([-24, -24, 24, 24], np.float32), 24)

        assert chip[:11].max() == 0
        assert chip[:, :11].max() == 0
        assert chip[13:, 13:].min() == 255
        assert mtcnn._cut([white], np.array([200, 200, 224, 224], np.float32), 24).max() == 0


def boxes(corners: list[tuple[int, int, int]]) -> Floats:
    return np.array([[x, y, x + side, y + side] for x, y, side in corners], np.float32)


class TestDistinct:
    @settings(deadline=None, max_examples=50)
    @given(
        st.lists(st.tuples(*[st.integers(0, 60)] * 2, st.integers(1, 40)), max_size=12),
        st.sampled_from([0.5, 0.7]),
    )
    def test_no_box_that_is_kept_shares_too_much_and_every_other_does(
        self, corners: list[tuple[int, int, int]], most: float
    ) -> None:
        """One face is reported once; none is lost to a worse one."""
        squares = boxes(corners).reshape(-1, 4)
        scores = np.linspace(0.9, 0.6, len(squares), dtype=np.float32)

        kept = mtcnn._distinct(squares, scores, most).tolist()

        def shared(one: int, other: int) -> float:
            low, high = (
                np.maximum(squares[one, :2], squares[other, :2]),
                np.minimum(squares[one, 2:], squares[other, 2:]),
            )
            common = float(np.prod(np.maximum(high - low, 0)))
            areas = [float(np.prod(squares[i, 2:] - squares[i, :2])) for i in (one, other)]
            return common / (sum(areas) - common)

        assert kept == sorted(kept)
        for number in range(len(squares)):
            worst = max((shared(number, better) for better in kept if better < number), default=0)
            assert (worst <= most + 1e-6) if number in kept else (worst >= most - 1e-6)


class TestDetect:
    def test_points_of_a_face_do_not_drift_with_its_size(self) -> None:
        """An encoder sees the same chip of a face near and far: single points tremble, none goes one way."""
        shifts = []
        for path in sorted(FACES.glob("*-tip*.jpg")):
            pixels = read_photo(path.read_bytes()).pixels
            small = cv2.resize(pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            near, far = detect(pixels, 1600, 24, 0.7), detect(np.asarray(small, np.uint8), 1600, 12, 0.7)
            assert len(near.scores) == len(far.scores)
            for points, box in zip(near.points, near.boxes, strict=True):
                # The middle of the first pixel of the small copy lies between the second and the third.
                others = far.points * 4 + 1.5
                nearest = others[np.abs(others[:, 2] - points[2]).sum(1).argmin()]
                shifts.append((nearest - points).mean(0) / (box[3] - box[1]))

        assert np.abs(np.mean(shifts, 0)).max() < 0.015

    def test_a_picture_smaller_than_a_window_has_no_face(self) -> None:
        """Nothing is looked at, nothing breaks."""
        assert len(detect(np.asarray(scene(11, 300)), 1600, 24, 0.4).scores) == 0
