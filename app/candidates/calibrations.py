"""Where a deployment's own calibrations lie: one file an encoder."""

from pathlib import Path

from matching.calibration import Calibration, load_calibration


def path_of(data_dir: Path, encoder: str) -> Path:
    """The file of an encoder's calibration; it need not exist."""
    return data_dir / "calibration" / f"{encoder}.json"


def own(data_dir: Path, encoder: str, version: str) -> Calibration | None:
    """The deployment's own calibration of an encoder; None if it has none.

    Raises:
        CalibrationUnreadable: there is a file, and it is broken, or another encoder's or version's.
    """
    path = path_of(data_dir, encoder)
    return load_calibration(path, encoder, version) if path.exists() else None


def stamp(data_dir: Path, encoder: str) -> tuple[int, int] | None:
    """What changes when the file does: its time and size; None without a file."""
    try:
        found = path_of(data_dir, encoder).stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
