"""Several networks as one encoder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.encoders import Encoder, Templates
from matching.faces import FoundFace
from matching.photo import Pixels


@dataclass(frozen=True, slots=True)
class FusedEncoder:
    """Networks side by side: the dot product of two templates is the weighted mean of the networks' cosines.

    So a fused template is stored, searched and normalised like any other.
    """

    encoders: tuple[Encoder, ...]
    weights: tuple[float, ...]
    """One for each encoder, above 0, together 1."""

    def __post_init__(self) -> None:
        """Refuse weights that make no mean."""
        if len(self.weights) != len(self.encoders) or not self.encoders:
            raise ValueError("each encoder needs its weight")
        if min(self.weights) <= 0 or not math.isclose(sum(self.weights), 1, abs_tol=1e-6):
            raise ValueError("weights are above 0 and together 1")

    @property
    def name(self) -> str:
        """The networks' names, joined."""
        return "+".join(encoder.name for encoder in self.encoders)

    @property
    def version(self) -> str:
        """The networks' versions and their weights in per cent."""
        shares = (f"{weight:.0%}".rstrip("%") for weight in self.weights)
        versions = (encoder.version.split("+")[0] for encoder in self.encoders)
        rest = self.encoders[0].version.partition("+")[2]
        pairs = (f"{version}-{share}" for version, share in zip(versions, shares, strict=True))
        return "+".join((*pairs, rest) if rest else pairs)

    @property
    def dimensions(self) -> int:
        """Numbers of all networks together."""
        return sum(encoder.dimensions for encoder in self.encoders)

    def encode(self, pixels: Pixels, faces: Sequence[FoundFace]) -> Templates:
        """Encode faces; see `Encoder`."""
        parts = [
            encoder.encode(pixels, faces) * np.float32(math.sqrt(weight))
            for encoder, weight in zip(self.encoders, self.weights, strict=True)
        ]
        return np.concatenate(parts, axis=1)
