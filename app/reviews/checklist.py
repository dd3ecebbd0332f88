"""The features that two faces are compared by, from the top of the face to the bottom.

Source:
    The components follow the Facial Image Comparison Feature List for Morphological Analysis of the Facial
    Identification Scientific Working Group (FISWG), published as ASTM E3149; the words are our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import Invalid, message
from app.reviews.models import SAME, Conclusion


class Finding(StrEnum):
    """What an officer found of one component."""

    SAME = "same"  # Agrees in both pictures.
    DIFFERENT = "different"  # Differs.
    NOT_VISIBLE = "not_visible"  # One of the pictures does not show it, or not clearly enough.


@dataclass(frozen=True)
class Component:
    """A part of the face that is compared for itself."""

    code: str
    title: str
    look_at: str
    """What to look at, in words."""


COMPONENTS = (
    Component(
        "outline", message("Face shape and hairline"), message("outline of the head, hairline, whorls")
    ),
    Component("forehead", message("Forehead"), message("height, width, creases")),
    Component(
        "eyebrows", message("Eyebrows"), message("shape, thickness, distance from the eyes and each other")
    ),
    Component("eyes", message("Eyes"), message("lids and folds, corners, slant, distance, iris")),
    Component("ears", message("Ears"), message("rim, lobe free or grown on, how far they stand out")),
    Component("nose", message("Nose"), message("root, bridge, tip, wings, nostrils")),
    Component("cheeks", message("Cheeks"), message("cheekbones, fullness, dimples")),
    Component("mouth", message("Mouth"), message("lips, corners, groove above the upper lip, teeth")),
    Component("chin", message("Chin and jaw"), message("shape, cleft, line of the jaw")),
    Component("marks", message("Marks and scars"), message("moles, birthmarks, scars: place, size, shape")),
)

CODES = frozenset(component.code for component in COMPONENTS)

LEAST_SAME = 3
"""Components that must agree before two faces can be called the same person's."""


def checked(conclusion: Conclusion, features: Mapping[str, str]) -> dict[str, str]:
    """A checklist that may stand beside a conclusion.

    - Only known components and findings.
    - Support for the same person needs a finding for every component, and at least `LEAST_SAME` that agree:
      what cannot be seen supports nothing. Other conclusions may leave components open.

    Args:
        conclusion: what the officer concludes.
        features: findings by component, in codes; an empty finding means that there is none.

    Returns:
        The findings, from the top of the face to the bottom.

    Raises:
        Invalid: one of the rules above, with field `features`.
    """
    given = {code: finding for code, finding in features.items() if finding}
    if not given.keys() <= CODES or not set(given.values()) <= set(Finding):
        raise Invalid("The checklist holds a feature or a finding that is not known here.", field="features")
    if conclusion in SAME:
        missing = len(CODES) - len(given)
        if missing:
            raise Invalid(
                "To support the same person, compare every feature. Still missing: %(missing)s.",
                field="features",
                missing=missing,
            )
        if list(given.values()).count(Finding.SAME) < LEAST_SAME:
            raise Invalid(
                "To support the same person, at least %(least)s features must agree.",
                field="features",
                least=LEAST_SAME,
            )
    return {component.code: given[component.code] for component in COMPONENTS if component.code in given}
