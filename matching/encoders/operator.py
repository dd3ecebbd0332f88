"""An encoder that the operator brings: an ONNX file of the ArcFace and SFace family, and its card."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.alignment import ARCFACE_POINTS
from matching.encoders import unit_rows
from matching.encoders.card import SIDE, Encoding, ModelCard, OperatorModelRefused
from matching.encoders.chips import ChipEncoder
from matching.weights import Network

Floats = NDArray[np.float32]

PREFIX: Final = "onnx-"
"""Before the name of every encoder that the operator brought."""

_SAME: Final = 1e-3
"""Largest difference of two unit templates of one face that is rounding: batches sum in other orders."""
_TRIAL_FACES: Final = 2


def operator_encoder(card: ModelCard) -> ChipEncoder:
    """Make the encoder that a card describes, after a trial run of its network.

    Its version holds the beginning of the file's SHA-256 and of that of its preprocessing: another file, or
    the same one fed differently, is another encoder. There are no thresholds for it until
    `homeward calibrate` has measured some.

    Args:
        card: of an encoder.

    Raises:
        OperatorModelRefused: the file is not the one of the card, wants another input, gives other templates
            than the card says or such as are no numbers, or gives one template for everything.
    """
    try:
        about = card.file.stat()
    except OSError as error:
        raise OperatorModelRefused(f"{card.file.name} cannot be read") from error
    return _tried(card, (about.st_size, about.st_mtime_ns))


@cache
def _tried(card: ModelCard, _file: tuple[int, int]) -> ChipEncoder:
    """Make the encoder; once for each state of the file, since its name is asked for with every photo."""
    encoding = card.encoding
    if encoding is None:
        raise OperatorModelRefused(f"the network {card.name} is no encoder")
    prepare = _preparation(encoding)
    _try(_load(card), encoding, prepare)
    recipe = repr((encoding.mean, encoding.std, encoding.colours, encoding.layout))
    fed = hashlib.sha256(recipe.encode()).hexdigest()[:6]
    return ChipEncoder(
        name=f"{PREFIX}{card.name}",
        version=f"{card.version}-{card.sha256[:12]}-{fed}+points5+flip",
        dimensions=encoding.dimensions,
        side=SIDE,
        points=ARCFACE_POINTS,
        prepare=prepare,
        # The network of the trial is dropped: a process that only asks for names must not carry it.
        load=cache(lambda: _load(card)),
    )


def _load(card: ModelCard) -> Network:
    """Load the network from bytes whose SHA-256 was checked."""
    content = card.content()
    try:
        return Network(content, flush_denormals=True)
    except Exception as error:  # ONNX Runtime's errors have no common class.
        raise OperatorModelRefused(f"{card.file.name} cannot be loaded: {_first_line(error)}") from error


def _preparation(encoding: Encoding) -> Callable[[Floats], Floats]:
    """From levels (n, 3, side, side), 0 to 255, RGB, to what the network takes."""
    mean = np.array(encoding.mean, np.float32).reshape(1, 3, 1, 1)
    std = np.array(encoding.std, np.float32).reshape(1, 3, 1, 1)

    def prepare(levels: Floats) -> Floats:
        ordered = levels[:, ::-1] if encoding.colours == "BGR" else levels
        ready: Floats = (ordered - mean) / std
        return ready.transpose(0, 2, 3, 1) if encoding.layout == "NHWC" else ready

    return prepare


def _try(network: Network, encoding: Encoding, prepare: Callable[[Floats], Floats]) -> None:
    """Refuse a network that cannot be what its card says; pictures of noise are enough to tell."""
    if len(network.input_names) != 1 or encoding.input_name not in {None, network.input_names[0]}:
        raise OperatorModelRefused(
            f"it takes {', '.join(network.input_names)}, not one input of the card's name"
        )
    wanted = (1, 3, SIDE, SIDE) if encoding.layout == "NCHW" else (1, SIDE, SIDE, 3)
    shape = network.input_shape
    if len(shape) != len(wanted) or any(
        isinstance(have, int) and have != want for have, want in zip(shape, wanted, strict=True)
    ):
        raise OperatorModelRefused(f"it takes pictures of {shape}, not {wanted} or any number of those")
    noise = np.random.default_rng(0).integers(0, 256, (_TRIAL_FACES, 3, SIDE, SIDE)).astype(np.float32)
    try:
        together = network.run(prepare(noise))[0]
        alone = np.concatenate(
            [network.run(prepare(noise[place : place + 1]))[0] for place in range(len(noise))]
        )
    except Exception as error:  # As above.
        raise OperatorModelRefused(f"it cannot be run: {_first_line(error)}") from error
    _judge(together, encoding.dimensions)
    _judge(alone, encoding.dimensions)
    one, other = unit_rows(together), unit_rows(alone)
    if np.abs(one - other).max() > _SAME:
        raise OperatorModelRefused("a face's template depends on the faces beside it")
    if np.array_equal(one[0], one[1]):
        raise OperatorModelRefused("it gives one template for different pictures")


def _judge(templates: Floats, dimensions: int) -> None:
    if templates.shape != (_TRIAL_FACES, dimensions) or templates.dtype != np.float32:
        raise OperatorModelRefused(
            f"it gives {templates.dtype} of {templates.shape[1:]}, not float32 of ({dimensions},)"
        )
    if not np.isfinite(templates).all() or not templates.any(axis=1).all():
        raise OperatorModelRefused("its templates are not finite, or nothing")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
