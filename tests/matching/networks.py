"""Small networks made here, in the form in which an operator brings large ones."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIMENSIONS = 32
YUNET = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
DETECTOR: dict[str, Any] = {
    "kind": "detector",
    **dict.fromkeys(("mean", "std", "colours", "layout", "dimensions", "side")),
}
"""What makes an encoder's card a detector's."""
WEIGHTS = np.random.default_rng(5).normal(0, 0.1, (147, DIMENSIONS)).astype(np.float32)


def encoder_network(
    *,
    layout: str = "NCHW",
    colours: str = "RGB",
    batch: int | str = "n",
    side: int = 112,
    weights: np.ndarray[Any, np.dtype[np.float32]] = WEIGHTS,
    extra: str | None = None,
) -> onnx.ModelProto:
    """A network that averages 16 pixels square and mixes the averages: (n, 3, 112, 112) to (n, 32).

    Args:
        layout: how it takes its pictures.
        colours: in which order.
        batch: how many it takes at once.
        side: pixels of a picture.
        weights: (147, dimensions).
        extra: `input` for a second input, `company` for templates that depend on the faces beside them,
            `constant` for one template whatever the picture.
    """
    nodes = []
    shape: list[int | str] = [batch, 3, side, side] if layout == "NCHW" else [batch, side, side, 3]
    x = "pictures"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [x], ["first"], perm=[0, 3, 1, 2]))
        x = "first"
    if colours == "BGR":
        nodes.append(helper.make_node("Gather", [x, "order"], ["rgb"], axis=1))
        x = "rgb"
    if extra == "company":
        nodes += [
            helper.make_node("ReduceMax", [x], ["brightest"], axes=[0], keepdims=1),
            helper.make_node("Add", [x, "brightest"], ["beside"]),
        ]
        x = "beside"
    nodes += [
        helper.make_node("AveragePool", [x], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["mixed"]),
    ]
    inputs = [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)]
    if extra == "input":
        inputs.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
        nodes.append(helper.make_node("Add", ["mixed", "more"], ["templates"]))
    elif extra == "constant":
        nodes.append(helper.make_node("Div", ["mixed", "mixed"], ["templates"]))
    else:
        nodes.append(helper.make_node("Identity", ["mixed"], ["templates"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [helper.make_tensor_value_info("templates", TensorProto.FLOAT, [batch, weights.shape[1]])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([2, 1, 0], np.int64), "order"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def yunet_network(*, kinds: tuple[tuple[str, int], ...] = YUNET, seed: int = 2) -> onnx.ModelProto:
    """A network that gives random faces in YuNet's layout, for pictures of any size."""
    generator = np.random.default_rng(seed)
    nodes, constants, outputs = [], [], []
    for stride in (8, 16, 32):
        nodes.append(
            helper.make_node(
                "AveragePool", ["input"], [f"p{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            )
        )
        for kind, numbers in kinds:
            name = f"{kind}_{stride}"
            weights = generator.normal(0, 0.02, (numbers, 3, 1, 1)).astype(np.float32)
            constants += [
                numpy_helper.from_array(weights, f"w_{name}"),
                numpy_helper.from_array(np.array([1, -1, numbers], np.int64), f"s_{name}"),
            ]
            last = "Sigmoid" if kind in {"cls", "obj"} else "Identity"
            nodes += [
                helper.make_node("Conv", [f"p{stride}", f"w_{name}"], [f"c_{name}"]),
                helper.make_node("Transpose", [f"c_{name}"], [f"t_{name}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"t_{name}", f"s_{name}"], [f"r_{name}"]),
                helper.make_node(last, [f"r_{name}"], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, f"n{stride}", numbers]))
    shape: list[int | str] = [1, 3, "height", "width"]
    graph = helper.make_graph(
        nodes, "yunet", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)], outputs, constants
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def card(data: bytes, name: str = "tiny", **changes: Any) -> dict[str, Any]:
    """The card of such a network; a change to None takes a field away."""
    fields: dict[str, Any] = {
        "kind": "encoder",
        "name": name,
        "version": "1.0",
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0",
        "training_data": "Random numbers; it has seen nobody.",
        "mean": [127.5, 127.5, 127.5],
        "std": [128.0, 128.0, 128.0],
        "colours": "RGB",
        "layout": "NCHW",
        "dimensions": DIMENSIONS,
        "side": 112,
    } | changes
    return {key: value for key, value in fields.items() if value is not None}


def put(folder: Path, model: onnx.ModelProto | bytes, file: str = "tiny", **changes: Any) -> Path:
    """Write a network and its card as an operator does; returns the folder."""
    data = model if isinstance(model, bytes) else model.SerializeToString()
    folder.mkdir(exist_ok=True)
    (folder / f"{file}.onnx").write_bytes(data)
    (folder / f"{file}.json").write_text(json.dumps(card(data, **{"name": file, **changes})))
    return folder
