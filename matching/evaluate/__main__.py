"""`python -m matching.evaluate MANIFEST --engine NAME ... --json OUT --html OUT`."""

import argparse
import json
import os
import platform
import shlex
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from matching.engine import UnknownEngine
from matching.evaluate.enrolment import BASELINE, Enrolled, enrol
from matching.evaluate.html import page
from matching.evaluate.manifest import Dataset, ManifestError, read_dataset
from matching.evaluate.report import Measured, Measuring, People, Plan, fnmr_ratio

FORMAT = 1
"""Of the JSON file; raised when a key changes its meaning."""


def main(arguments: list[str] | None = None) -> int:
    """Measure engines.

    Returns:
        0; 2 if the data or an engine's name cannot be used.
    """
    asked = _parser().parse_args(arguments)
    try:
        data = read_dataset(asked.manifest, synthetic=asked.synthetic, limit=asked.limit)
        names = list(dict.fromkeys(asked.engine or [BASELINE, "homeward"]))
        enrolled = [
            enrol(name, data.pictures, asked.templates, _teller(name, len(data.pictures))) for name in names
        ]
    except (ManifestError, UnknownEngine) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    command = shlex.join(["python", "-m", "matching.evaluate", *(arguments or sys.argv[1:])])
    plan = Plan(asked.resamples, asked.seed, asked.distractors)
    try:
        report = evaluate(data, enrolled, plan, command)
    except ManifestError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(_table(report))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1, allow_nan=False), encoding="utf-8")
    if asked.html:
        asked.html.write_text(page(report), encoding="utf-8")
    return 0


def evaluate(data: Dataset, enrolled: list[Enrolled], plan: Plan, command: str) -> dict[str, Any]:
    """Measure engines on the pictures in which all of them found the face.

    Raises:
        ManifestError: fewer than two people are left.
    """
    pictures = data.pictures
    everyone = People(
        np.array([picture.person for picture in pictures], np.intp),
        np.array([picture.age for picture in pictures], np.float32),
        np.array([np.nan if picture.is_record is None else float(picture.is_record) for picture in pictures]),
    )
    together = np.logical_and.reduce([each.found for each in enrolled])
    if len(np.unique(everyone.person[together])) < 2:  # noqa: PLR2004 - one person has no strangers.
        raise ManifestError("The engines found the faces of fewer than two people.")
    measured: dict[str, Measured] = {
        each.name: Measuring(each, everyone, together, plan).run() for each in enrolled
    }
    first = measured[enrolled[0].name]
    for each in measured.values():
        each.figures["fnmr_ratio"] = {"peer": enrolled[0].name, **asdict(fnmr_ratio(each, first))}
    return {
        "format": FORMAT,
        "command": command,
        "data": {
            "name": data.name,
            "sha256": data.sha256,
            "synthetic": data.synthetic,
            "people": len(np.unique(everyone.person)),
            "pictures": len(pictures),
            "compared": int(together.sum()),
            "unreadable": [
                picture.path.name
                for number, picture in enumerate(pictures)
                if not all(each.readable[number] for each in enrolled)
            ],
            "distractors": plan.distractors,
        },
        "intervals": f"95 %, {plan.resamples} draws of people with replacement, seed {plan.seed}",
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "versions": {
            name: version(name)
            for name in (
                "face-recognition",
                "face-recognition-models",
                "dlib-bin",
                "onnxruntime",
                "numpy",
                "pillow",
            )
        },
        "engines": {name: each.figures for name, each in measured.items()},
    }


def _table(report: dict[str, Any]) -> str:
    """The main figures, a line for each engine."""
    data = report["data"]
    lines = [
        f"{data['people']} people, {data['pictures']} pictures, {data['compared']} compared"
        + (" (synthetic: says nothing about children)" if data["synthetic"] else "")
    ]
    if data["unreadable"]:
        lines.append(f"{len(data['unreadable'])} cannot be read: {', '.join(data['unreadable'])}")
    for name, figures in report["engines"].items():
        rates = figures["tar_at_fmr"]
        lines += [
            f"{name}: {figures['score']}",
            *(f"  TAR at FMR {rate}: {_said(found)}" for rate, found in rates.items()),
            f"  EER: {_said(figures['eer'])}",
            f"  Cllr: {_said(figures['cllr'])}, least {_said(figures['min_cllr'])}",
            f"  Cllr of the shipped calibration: {_said(figures['cllr_shipped'])}",
            *(f"  rank-{rank}: {_said(found)}" for rank, found in figures["rank"].items()),
            f"  rank-1 of leave-one-out: {_said(figures['rank_leave_one_out'])}",
            f"  face not found: {_said(figures['failure_to_enrol'])}",
            f"  TAR at 1e-3 with those as errors: {_said(figures['all_pictures']['tar_at_fmr']['1e-3'])}",
            f"  processor ms a photo: {_said(figures['cpu_ms_per_photo'], 0)}",
            f"  FNMR at 1e-3 over that of {figures['fnmr_ratio']['peer']}: {_said(figures['fnmr_ratio'])}",
            f"  at the operating point: {_operating(figures['operating_point'])}",
            *(
                f"  {float(share):.1%} of strangers score below {found['strangers']:.3f}, "
                f"of distractors below {found['distractors']:.3f}"
                for share, found in figures.get("distractors", {}).items()
            ),
        ]
    return "\n".join(lines) + "\n"


def _operating(found: dict[str, Any]) -> str:
    said = [f"{found['records']} records"]
    said += [
        f"{name} {_said(value)}"
        for name, value in found.items()
        if isinstance(value, dict) and name != "by_gap"
    ]
    return ", ".join(said)


def _said(found: dict[str, Any], digits: int = 3) -> str:
    if found["value"] is None:
        return f"not known ({found['reason']})"
    if found["low"] is None:
        return f"{found['value']:.{digits}f}"
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def _teller(name: str, count: int) -> Any:
    def tell(done: int) -> None:
        if sys.stderr.isatty() and (done % 10 == 0 or done == count):
            sys.stderr.write(f"\r{name}: {done} of {count} pictures")
            sys.stderr.write("\n" if done == count else "")

    return tell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m matching.evaluate", description=__doc__)
    parser.add_argument(
        "manifest", type=Path, help="manifest.jsonl, or a folder with a folder for each person"
    )
    parser.add_argument("--engine", action="append", metavar="NAME", help="may be given several times")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--html", type=Path, metavar="OUT")
    parser.add_argument(
        "--distractors", type=int, default=0, metavar="N", help="resampled records in the gallery"
    )
    parser.add_argument(
        "--resamples", type=int, default=200, metavar="N", help="draws of people for intervals"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, metavar="N", help="pictures at most, whole people at a time")
    parser.add_argument("--templates", type=Path, metavar="FOLDER", help="keep templates there between runs")
    parser.add_argument(
        "--synthetic", action="store_true", help="the people do not exist; said in every report"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
