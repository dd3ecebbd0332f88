import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.photo import read_photo
from matching.rendition import CROP_SIDE, Box, crop_face, redact, scene_jpeg
from tests.matching.pictures import face_file, scene

PIXELS = np.asarray(scene())


class TestRedact:
    def test_no_pixel_of_the_face_is_left(self) -> None:
        """A blur that keeps pixels can be sharpened again; these are gone."""
        box = Box(100, 80, 80, 80)

        hidden = redact(PIXELS, [box])

        face = hidden[box.top : box.top + box.height, box.left : box.left + box.width].reshape(-1, 3)
        assert len(np.unique(face, axis=0)) <= 25
        assert np.array_equal(hidden[:40], PIXELS[:40])
        assert np.array_equal(PIXELS, np.asarray(scene()))

    def test_more_than_the_box_is_hidden(self) -> None:
        """The detector's box ends at the brows; hair and ears tell who it is as well."""
        hidden = redact(PIXELS, [Box(100, 80, 80, 80)])

        changed = (hidden != PIXELS).any(axis=-1)
        assert changed[60:180, 80:200].mean() > 0.9

    def test_two_redactions_of_one_face_differ(self) -> None:
        """With the same noise each time, the noise could be learned and taken off."""
        assert not np.array_equal(redact(PIXELS, [Box(9, 9, 50, 50)]), redact(PIXELS, [Box(9, 9, 50, 50)]))

    def test_a_hidden_face_is_found_no_more(self) -> None:
        """What a detector still finds, a person recognises."""
        from matching.faces import best_detector  # noqa: PLC0415 - as late as the others load the models.

        pixels = read_photo(face_file("p0040-tip1")).pixels

        found = best_detector().find(pixels)

        assert len(found.faces) == 2
        assert best_detector().find(redact(pixels, found.to_hide)).faces == ()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_box_in_the_picture_can_be_cropped_and_hidden(data: st.DataObject) -> None:
    """Faces at the border, of one pixel or as large as the picture, are no special case."""
    height, width = PIXELS.shape[:2]
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(left, top, data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top)))

    assert box.lies_in(width, height)
    assert crop_face(PIXELS, box).shape == (CROP_SIDE, CROP_SIDE, 3)
    assert redact(PIXELS, [box]).shape == PIXELS.shape
    assert scene_jpeg(crop_face(PIXELS, box)).startswith(b"\xff\xd8\xff")
