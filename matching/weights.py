"""Where converted network files lie, and running them.

`python -m matching.convert` fills the folder when Homeward is installed. What is missing is not loaded: the
engine then uses what is there.
"""

import os
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

# ONNX Runtime starts a thread when it is imported that reports to its maker's servers, unless this stands.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

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
    folder = weights_folder()
    return all(_is_there(folder / name) for name in names)


@cache
def _is_there(path: Path) -> bool:
    """Whether a file exists, asked once: where photos are decoded no file can be asked for later on."""
    return path.is_file()


class Network:
    """A network in one thread, without state between calls; several threads may run it at once."""

    def __init__(self, source: Path | bytes, *, flush_denormals: bool = False) -> None:
        """Load a network.

        Args:
            source: an ONNX file, or its content. It must be whole: numbers in a file beside it are not read.
            flush_denormals: take the smallest numbers for 0. Some published networks hold such, which are up
                to eight times slower; but the thread that runs one then rounds so in everything else too.

        Raises:
            WeightsMissing: there is no such file.
        """
        if isinstance(source, Path) and not source.is_file():
            raise WeightsMissing(f"{source.name} is missing: run `python -m matching.convert`")
        options = onnxruntime.SessionOptions()
        # One thread each: a worker's processes share the cores, and a fork of this one stays whole.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if flush_denormals:
            options.add_session_config_entry("session.set_denormal_as_zero", "1")
        # ONNX Runtime would look for numbers kept outside the file, for bytes even in the working directory,
        # and nobody has checked those. Below this path nothing can exist.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    @property
    def input_shape(self) -> tuple[int | str, ...]:
        """Shape of the input; texts stand for any length."""
        return tuple(self._input.shape)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of all inputs; `run` gives only the first one anything."""
        return tuple(each.name for each in self._session.get_inputs())

    def run(self, batch: Floats) -> list[Floats]:
        """Run the network.

        Args:
            batch: float32 of `input_shape`. A network that takes one item at a time is run once for each.

        Returns:
            Its outputs in their order.
        """
        if self._input.shape[:1] == [1] and len(batch) > 1:
            parts = [self.run(batch[place : place + 1]) for place in range(len(batch))]
            return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
        outputs: list[Floats] = self._session.run(None, {self._input.name: np.ascontiguousarray(batch)})
        return outputs


@cache
def network(name: str) -> Network:
    """A network of the folder, loaded once a process.

    Raises:
        WeightsMissing: it was not converted.
    """
    return Network(weights_folder() / name)
