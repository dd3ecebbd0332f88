"""The report of a run: where and when, every row, as JSON and as a table."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from matching.bench.rows import Row

FORMAT: Final = 1
"""Of the JSON file; raised when a key changes its meaning."""

NOTE: Final = (
    "Figures are medians with the least and the most of the repeats (shares: 95 % intervals), measured on a "
    "shared machine: treat ratios as the finding. Each timed step ran in a process of its own."
)
_VERSIONED: Final = (
    "face-recognition",
    "dlib-bin",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "numpy",
    "imagehash",
)
_CPU_INFO: Final = Path("/proc/cpuinfo")


def surroundings() -> dict[str, Any]:
    """The machine and what is installed on it, as they are now."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average_at_start": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _VERSIONED},
    }


def report(
    command: str, around: dict[str, Any], pictures: dict[str, Any], rows: Sequence[Row]
) -> dict[str, Any]:
    """Put a run together as plain values that JSON can hold.

    Args:
        command: that was given.
        around: `surroundings` at the start.
        pictures: what was looked at.
        rows: what was measured.
    """
    return {
        "format": FORMAT,
        "command": command,
        "note": NOTE,
        "machine": around,
        "pictures": pictures,
        "rows": [_plain(row) for row in rows],
    }


def _plain(row: Row) -> dict[str, Any]:
    plain = asdict(row)
    for compared, values in zip(row.peers, plain["peers"], strict=True):
        values["reached"] = compared.reached(row.unit)
    return plain


def print_report(found: dict[str, Any], rows: Sequence[Row]) -> None:
    """Print a report as a table."""
    console = Console(width=150, highlight=False)
    machine = found["machine"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load_average_at_start']}"
    )
    console.print(
        f"Python {machine['python']}, " + ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    )
    for name, value in found["pictures"].items():
        console.print(f"{name}: {value}")
    table = Table(box=None, pad_edge=False)
    for column in ("what", "figure", "least to most", "unit", "MB", "ratio", "to", "target"):
        table.add_column(
            column, justify="right" if column in {"figure", "MB", "ratio"} else "left", overflow="fold"
        )
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            table.add_row(f"[bold]{section}[/bold]")
        first, *others = row.peers or (None,)
        table.add_row(
            row.name,
            _number(row.value),
            "" if row.low is None or row.high is None else f"{_number(row.low)} to {_number(row.high)}",
            row.unit,
            "" if row.peak_mb is None else f"{row.peak_mb:.0f}",
            *_compared(row, first),
        )
        for other in others:
            table.add_row("", "", "", "", "", *_compared(row, other))
        if row.most_mb is not None and row.peak_mb is not None:
            table.add_row("", "", "", "", f"of {row.most_mb:.0f}", "", "", _said(row.peak_mb <= row.most_mb))
    console.print(table)
    console.print(NOTE)


def _compared(row: Row, compared: Any) -> tuple[str, str, str]:
    if compared is None:
        return "", "", ""
    ratio = compared.ratio
    if ratio is None:
        said = "-"
    elif row.unit in {"share", "photos/s"} or ratio >= 0.5:  # noqa: PLR2004 - a half reads better than 1/2.0.
        said = f"{ratio:.2f}"
    else:
        said = f"1/{1 / ratio:.1f}"
    reached = compared.reached(row.unit)
    return (
        said,
        compared.peer,
        "" if reached is None else f"{_target(row, compared.target)}: {_said(reached)}",
    )


def _target(row: Row, target: float) -> str:
    return f"at least {target:g}" if row.unit in {"share", "photos/s"} else f"1/{1 / target:.0f}"


def _said(reached: bool) -> str:  # noqa: FBT001 - it is what is said.
    return "reached" if reached else "missed"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}"  # noqa: PLR2004


def _processor() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
