"""Small TensorFlow Lite networks, as ONNX.

Covers what MTCNN and MobileFaceNet are made of. TensorFlow keeps channels last, ONNX Runtime is fastest with
channels first: weights are turned once, here. A parametric ReLU, which TensorFlow spells as five or six
operations, becomes one.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import tflite
from numpy.typing import NDArray

from matching.convert.dlib_network import MalformedNetwork
from matching.convert.graph import GraphWriter

Floats = NDArray[np.float32]

_BLOCK: Final = 16
"""Channels that ONNX Runtime computes at once where the processor has AVX-512; half of them with AVX2."""

_SAME: Final = int(tflite.Padding.SAME)
_NAMES: Final = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)
}


def convert(data: bytes, *, sides_swapped: bool) -> bytes:
    """Convert a network.

    Args:
        data: a TensorFlow Lite file with one subgraph and one input (n, height, width, 3).
        sides_swapped: the network was trained on pictures with rows and columns exchanged, as MTCNN's
            are; the converted one takes them as they are.

    Returns:
        An ONNX file: `pixels` (n, 3, height, width) float32, outputs in the order of the file, (n, k) or
        (n, k, rows, columns).

    Raises:
        MalformedNetwork: it has an operation that is not known here, or is no such file.
    """
    try:
        return _Converter(data, sides_swapped=sides_swapped).run()
    except MalformedNetwork:
        raise
    except Exception as error:  # The reader follows offsets in the file and checks none of them.
        raise MalformedNetwork("the file cannot be read") from error


class _Converter:
    def __init__(self, data: bytes, *, sides_swapped: bool) -> None:
        self._model = tflite.Model.GetRootAs(data, 0)
        self._subgraph = self._model.Subgraphs(0)
        self._sides_swapped = sides_swapped
        self._graph = GraphWriter()
        self._names: dict[int, str] = {}
        """ONNX name of each tensor computed so far."""
        self._parts: dict[int, tuple[str, int]] = {}
        """Halves of a parametric ReLU: what each tensor is, and of which other tensor."""
        self._writers: dict[str, Callable[[Any, list[int]], str | None]] = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "FULLY_CONNECTED": self._matrix,
            "MAX_POOL_2D": self._pool,
            "RESHAPE": lambda _, inputs: self._graph.node("Flatten", self._names[inputs[0]]),
            "RELU": lambda _, inputs: self._part("positive", inputs[0]),
            "NEG": self._negative,
            "ABS": lambda _, inputs: self._part("absolute", inputs[0]),
            "SUB": self._difference,
            "MUL": self._slope,
            "ADD": self._sum,
            "REDUCE_MAX": lambda _, inputs: self._part("largest", inputs[0]),
            "EXP": lambda _, inputs: self._part("exponential", self._parts[inputs[0]][1]),
            "SUM": lambda _, inputs: self._part("total", self._parts[inputs[0]][1]),
            "DIV": lambda _, inputs: self._graph.node(
                "Softmax", self._names[self._parts[inputs[0]][1]], axis=1
            ),
        }
        self._slopes: dict[int, Floats] = {}
        self._channels: dict[str, int] = {}
        """Channels of a picture that was given more than the file says, see `_widened`."""
        self._output = -1

    def run(self) -> bytes:
        subgraph = self._subgraph
        self._names[int(subgraph.InputsAsNumpy()[0])] = "pixels"
        for index in range(subgraph.OperatorsLength()):
            operator = subgraph.Operators(index)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            name = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if name not in self._writers:
                raise MalformedNetwork(f"the operation {name} is not known here")
            self._output = int(operator.OutputsAsNumpy()[0])
            written = self._writers[name](operator, [int(i) for i in operator.InputsAsNumpy()])
            if written is not None:
                self._names[self._output] = written
        outputs: dict[str, list[int | str]] = {}
        for tensor in subgraph.OutputsAsNumpy():
            shape = subgraph.Tensors(int(tensor)).ShapeAsNumpy().tolist()
            name = self._graph.node("Identity", self._names[int(tensor)])
            outputs[name] = ["n", shape[-1], *(["rows", "columns"] if len(shape) > 2 else [])]  # noqa: PLR2004
        height, width = subgraph.Tensors(int(subgraph.InputsAsNumpy()[0])).ShapeAsNumpy()[1:3].tolist()
        sides: list[int | str] = [height, width] if height == width else ["height", "width"]
        return self._graph.model({"pixels": ["n", 3, *sides]}, outputs)

    def _values(self, tensor: int) -> Floats:
        about = self._subgraph.Tensors(tensor)
        data = self._model.Buffers(about.Buffer()).DataAsNumpy()
        return np.frombuffer(data.tobytes(), "<f4").reshape(about.ShapeAsNumpy())

    def _kernel(self, weights: Floats, order: tuple[int, int, int, int]) -> str:
        """Weights with channels first; rows and columns exchanged if the network wants that."""
        turned = weights.transpose(order)
        return self._graph.constant(turned.swapaxes(2, 3) if self._sides_swapped else turned)

    def _convolution(self, operator: Any, inputs: list[int]) -> str:
        options = tflite.Conv2DOptions()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        weights, bias = self._values(inputs[1]), self._values(inputs[2])
        channels = self._channels.get(self._names[inputs[0]]) or int(weights.shape[3])
        filters = _widened(len(weights))
        weights = _filled(_filled(weights, 3, channels), 0, filters)
        kernel = self._kernel(weights, (0, 3, 1, 2))
        return self._convolved(options, inputs, kernel, _filled(bias, 0, filters), 1)

    def _depthwise(self, operator: Any, inputs: list[int]) -> str:
        options = tflite.DepthwiseConv2DOptions()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        weights = self._values(inputs[1])
        kernel = self._kernel(weights, (3, 0, 1, 2))
        return self._convolved(options, inputs, kernel, self._values(inputs[2]), weights.shape[3])

    def _convolved(self, options: Any, inputs: list[int], kernel: str, bias: Floats, groups: int) -> str:
        if options.FusedActivationFunction() not in {0, 1}:
            raise MalformedNetwork("only ReLU is known as a fused activation")
        out = self._graph.node(
            "Conv",
            self._names[inputs[0]],
            kernel,
            self._graph.constant(bias),
            strides=[options.StrideH(), options.StrideW()],
            auto_pad="SAME_UPPER" if options.Padding() == _SAME else "VALID",
            group=groups,
        )
        out = self._graph.node("Relu", out) if options.FusedActivationFunction() else out
        self._channels[out] = len(bias)
        return out

    def _pool(self, operator: Any, inputs: list[int]) -> str:
        options = tflite.Pool2DOptions()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        x = self._names[inputs[0]]
        out = self._graph.node(
            "MaxPool",
            x,
            kernel_shape=[options.FilterHeight(), options.FilterWidth()],
            strides=[options.StrideH(), options.StrideW()],
            auto_pad="SAME_UPPER" if options.Padding() == _SAME else "VALID",
        )
        self._channels[out] = self._channels[x]
        return out

    def _matrix(self, _: Any, inputs: list[int]) -> str:
        weights = self._values(inputs[1])
        shape = self._subgraph.Tensors(inputs[0]).ShapeAsNumpy().tolist()
        x = self._names[inputs[0]]
        if len(shape) == 4:  # noqa: PLR2004 - a picture, read out pixel by pixel.
            order = (0, 3, 2, 1) if self._sides_swapped else (0, 3, 1, 2)
            weights = _filled(weights.reshape(-1, *shape[1:]), 3, self._channels[x])
            weights = weights.transpose(order).reshape(len(weights), -1)
            x = self._graph.node("Flatten", x)
        return self._graph.node(
            "Gemm",
            x,
            self._graph.constant(weights),
            self._graph.constant(self._values(inputs[2])),
            transB=1,
        )

    def _part(self, kind: str, of: int) -> None:
        self._parts[self._output] = (kind, of)

    def _negative(self, _: Any, inputs: list[int]) -> None:
        kind, of = self._parts.get(inputs[0], ("", inputs[0]))
        if kind == "positive":  # -relu(-x), the negative half of x.
            self._part("negative half", self._parts[of][1])
        else:
            self._part("minus", inputs[0])

    def _difference(self, _: Any, inputs: list[int]) -> None:
        kind, of = self._parts[inputs[1]]
        if of != inputs[0] or kind not in {"absolute", "largest"}:
            raise MalformedNetwork("a subtraction is neither of a parametric ReLU nor of a softmax")
        self._part("twice the negative half" if kind == "absolute" else "shifted", of)

    def _slope(self, _: Any, inputs: list[int]) -> None:
        slopes, half = (inputs[0], inputs[1]) if inputs[1] in self._parts else (inputs[1], inputs[0])
        kind, of = self._parts[half]
        self._slopes[self._output] = self._values(slopes) * (2 if kind.startswith("twice") else 1)
        self._part("sloped", of)

    def _sum(self, _: Any, inputs: list[int]) -> str:
        one, other = inputs
        if other not in self._slopes:
            return self._graph.node("Add", self._names[one], self._names[other])
        if self._parts[one] != ("positive", self._parts[other][1]):
            raise MalformedNetwork("a sum is neither of a parametric ReLU nor of two branches")
        of = self._parts[other][1]
        slopes = self._slopes[other]
        rank = self._subgraph.Tensors(of).ShapeLength()
        if rank != 4:  # noqa: PLR2004 - not a picture.
            return self._graph.node("PRelu", self._names[of], self._graph.constant(slopes))
        return self._sloped_picture(self._names[of], slopes.ravel())

    def _sloped_picture(self, x: str, slopes: Floats) -> str:
        """A parametric ReLU of a picture as a x + (1 - a) max(x, 0), each factor a convolution of one pixel.

        ONNX Runtime keeps its blocked layout through these and not through its own PRelu, which took 9 of 15
        milliseconds of MobileFaceNet.
        """
        slopes = _filled(slopes, 0, self._channels[x])
        linear = self._factor(x, slopes)
        out = self._graph.node("Add", self._factor(self._graph.node("Relu", x), 1 - slopes), linear)
        self._channels[out] = len(slopes)
        return out

    def _factor(self, x: str, factors: Floats) -> str:
        kernel = self._graph.constant(factors.reshape(-1, 1, 1, 1))
        return self._graph.node("Conv", x, kernel, group=len(factors), kernel_shape=[1, 1])


def _widened(filters: int) -> int:
    """Filters with as many empty ones added as fill ONNX Runtime's blocks of 16; the last layers' few stay.

    MTCNN's first layers have 10 and 28, for which ONNX Runtime has only its slow path.
    """
    return filters if filters < _BLOCK // 2 else -(-filters // _BLOCK) * _BLOCK


def _filled(values: Floats, axis: int, length: int) -> Floats:
    """Values with zeros appended along an axis."""
    missing = [(0, 0)] * values.ndim
    missing[axis] = (0, length - values.shape[axis])
    return np.pad(values, missing)
