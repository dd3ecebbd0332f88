"""Where converted network files lie, and running them.

`python -m matching.convert` fills the folder when Homeward is installed. What is missing is not loaded: the
engine then uses what is there.
"""

import os
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Floats = NDArray[np.float32]

DLIB: Final = "dlib_resnet.onnx"
MOBILEFACENET: Final = "mobilefacenet.onnx"
MTCNN: Final = ("mtcnn_pnet.onnx", "mtcnn_rnet.onnx", "mtcnn_onet.onnx")


class WeightsMissing(RuntimeError):
    """A network's file is not there; `make` would have made it."""


def weights_folder() -> Path:
    """The folder of converted networks: HOMEWARD_WEIGHTS, or `weights` beside this file."""
    return Path(os.environ.get("HOMEWARD_WEIGHTS") or Path(__file__).parent / "weights")


def available(*names: str) -> bool:
    """Whether all of these networks were converted."""
    return all((weights_folder() / name).is_file() for name in names)


class Network:
    """A network in one thread, without state between calls; several threads may run it at once."""

    def __init__(self, path: Path) -> None:
        """Load a network.

        Raises:
            WeightsMissing: there is no such file.
        """
        if not path.is_file():
            raise WeightsMissing(f"{path.name} is missing: run `python -m matching.convert`")
        options = onnxruntime.SessionOptions()
        # One thread each: a worker's processes share the cores, and a fork of this one stays whole.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Some published networks hold denormal numbers, which are up to eight times slower.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    @property
    def input_shape(self) -> tuple[int | str, ...]:
        """Shape of the input; texts stand for any length."""
        return tuple(self._input.shape)

    def run(self, batch: Floats) -> list[Floats]:
        """Run the network.

        Args:
            batch: float32 of `input_shape`.

        Returns:
            Its outputs in their order.
        """
        outputs: list[Floats] = self._session.run(None, {self._input.name: np.ascontiguousarray(batch)})
        return outputs


@cache
def network(name: str) -> Network:
    """A network of the folder, loaded once a process.

    Raises:
        WeightsMissing: it was not converted.
    """
    return Network(weights_folder() / name)
