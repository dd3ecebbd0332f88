"""dlib's face recognition network, from its own serialization to ONNX.

The file is dlib's `serialize` of a ResNet with 29 convolutions. Layers stand in the order in which they are
computed, each as its name, then its parameters as one tensor. Only convolutions, affine layers and the last
matrix have any; the way they are joined is that of dlib's example program and is written out below.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.convert.graph import GraphWriter

Floats = NDArray[np.float32]

CHIP_SIDE: Final = 150
"""Pixels of the square face chip that the network takes."""

MEAN_COLOUR: Final = (122.782, 117.001, 104.298)
"""What dlib's input layer subtracts from red, green and blue before it divides by 256."""

STAGES: Final = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Filters, residual blocks, and whether the first block halves the picture; innermost stage first."""

_LAYER: Final = re.compile(rb"\x05con_4|\x07affine_|\x04fc_2")
_TENSOR_VERSION: Final = 2


class MalformedNetwork(ValueError):
    """The file is not the network that is expected."""


def convert(data: bytes) -> bytes:
    """Convert the network.

    Args:
        data: content of `dlib_face_recognition_resnet_model_v1.dat`.

    Returns:
        An ONNX file: `chips` (n, 3, 150, 150) float32, 0 to 255, RGB, to (n, 128), not of unit length.

    Raises:
        MalformedNetwork: layers are missing or of other sizes.
    """
    layers = _Layers([_read_parameters(data, found.group(), found.end()) for found in _LAYER.finditer(data)])
    graph = GraphWriter()
    mean = graph.constant(np.array(MEAN_COLOUR, np.float32).reshape(1, 3, 1, 1))
    scale = graph.constant(np.array(1 / 256, np.float32))
    x = graph.node("Mul", graph.node("Sub", "chips", mean), scale)
    x = graph.node("Relu", _convolution(graph, x, layers, (32, 3, 7), stride=2))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    side, channels = 35, 32
    for filters, blocks, halves in STAGES:
        for block in range(blocks):
            halving = halves and block == 0
            x, side = _residual(graph, x, layers, (channels, filters, side), halving=halving)
            channels = filters
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    templates = graph.node("MatMul", x, graph.constant(layers.take(256 * 128).reshape(256, 128)))
    layers.finish()
    templates = graph.node("Identity", templates)
    return graph.model({"chips": ["n", 3, CHIP_SIDE, CHIP_SIDE]}, {templates: ["n", 128]})


class _Layers:
    """The parameters in their order, checked for their sizes."""

    def __init__(self, tensors: list[Floats]) -> None:
        self._left = tensors

    def take(self, size: int) -> Floats:
        if not self._left or self._left[0].size != size:
            found = self._left[0].size if self._left else 0
            raise MalformedNetwork(f"a layer has {found} parameters where {size} are expected")
        return self._left.pop(0)

    def finish(self) -> None:
        if self._left:
            raise MalformedNetwork("there are layers left over")


def _residual(
    graph: GraphWriter, x: str, layers: _Layers, sizes: tuple[int, int, int], *, halving: bool
) -> tuple[str, int]:
    """Add a block of two convolutions to its own input; returns the output and its side in pixels."""
    channels, filters, side = sizes
    stride = 2 if halving else 1
    y = graph.node("Relu", _convolution(graph, x, layers, (filters, channels, 3), stride))
    y = _convolution(graph, y, layers, (filters, filters, 3), 1)
    if not halving:
        return graph.node("Relu", graph.node("Add", y, x)), side
    pooled, convolved = side // 2, (side - 3) // 2 + 1
    x = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    # dlib adds tensors of different sizes as if the smaller one went on in zeros.
    out = max(pooled, convolved)
    x = _pad(graph, x, filters - channels, out - pooled)
    y = _pad(graph, y, 0, out - convolved)
    return graph.node("Relu", graph.node("Add", y, x)), out


def _pad(graph: GraphWriter, x: str, channels: int, pixels: int) -> str:
    if channels == pixels == 0:
        return x
    return graph.node("Pad", x, graph.constant(np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)))


def _convolution(
    graph: GraphWriter, x: str, layers: _Layers, shape: tuple[int, int, int], stride: int
) -> str:
    """A convolution with the affine layer after it folded into its weights."""
    filters, channels, side = shape
    count = filters * channels * side * side
    parameters = layers.take(count + filters)
    affine = layers.take(2 * filters)
    gamma, beta = affine[:filters], affine[filters:]
    weights = parameters[:count].reshape(filters, channels, side, side) * gamma[:, None, None, None]
    bias = parameters[count:] * gamma + beta
    padding = side // 2 if stride == 1 else 0
    return graph.node(
        "Conv",
        x,
        graph.constant(weights.astype(np.float32)),
        graph.constant(bias.astype(np.float32)),
        strides=[stride, stride],
        pads=[padding] * 4,
    )


def _read_parameters(data: bytes, layer: bytes, start: int) -> Floats:
    """Read a layer's parameters; a matrix tells its outputs and inputs before them."""
    if layer.endswith(b"fc_2"):
        _, start = _read_whole(data, start)
        _, start = _read_whole(data, start)
    return _read_tensor(data, start)


def _read_tensor(data: bytes, start: int) -> Floats:
    """Read a serialized tensor: its version, four lengths, then little-endian floats."""
    version, place = _read_whole(data, start)
    size = 1
    for _ in range(4):
        length, place = _read_whole(data, place)
        size *= length
    end = place + 4 * size
    if version != _TENSOR_VERSION or size == 0 or end > len(data):
        raise MalformedNetwork("a layer's parameters cannot be read")
    return np.frombuffer(data[place:end], "<f4").astype(np.float32)


def _read_whole(data: bytes, place: int) -> tuple[int, int]:
    """Read dlib's whole number: a byte that tells its length, then that many bytes, lowest first."""
    length = data[place] if place < len(data) else 0
    if not 1 <= length <= 8:  # noqa: PLR2004 - bytes of a 64-bit number; a set top bit would be a sign.
        raise MalformedNetwork("a number cannot be read")
    return int.from_bytes(data[place + 1 : place + 1 + length], "little"), place + 1 + length
