"""The command `homeward calibrate`: what an encoder's scores mean for this authority's own children."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.core.clock import now

if TYPE_CHECKING:
    from matching.calibration import Calibration

out = Console()


def calibrate(
    manifest: Annotated[
        Path | None,
        typer.Argument(help="Labelled pictures: a manifest.jsonl, or a folder with one a person."),
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="The encoder's name; homeward for the best installed.")
    ] = "homeward",
    save: Annotated[
        Path | None, typer.Option("--out", help="File to write; data/calibration/NAME.json is picked up.")
    ] = None,
    show: Annotated[Path | None, typer.Option(help="Print a calibration that was written before.")] = None,
    *,
    adapt: Annotated[
        bool, typer.Option(help="Learn a change of templates as well; needs 300 people.")
    ] = False,
    synthetic: Annotated[bool, typer.Option(help="The people do not exist.")] = False,
) -> None:
    """Learn from labelled pictures what scores mean; pictures of real children stay where they are."""
    from matching.calibration import read_calibration, write_calibration  # noqa: PLC0415 - as in `learn`.

    try:
        if show is not None:
            print_calibration(read_calibration(show))
            return
        if manifest is None or save is None:
            sys.exit("homeward: say which pictures to learn from, and with --out where to write")
        made = learn(manifest, encoder, adapt=adapt, synthetic=synthetic)
        save.parent.mkdir(parents=True, exist_ok=True)
        write_calibration(made, save)
    except ValueError as error:
        sys.exit(f"homeward: {error}")
    print_calibration(made)
    out.print(f"Written to {save}.", soft_wrap=True, highlight=False)


def learn(manifest: Path, encoder: str, *, adapt: bool, synthetic: bool) -> "Calibration":
    """Encode labelled pictures and calibrate on them.

    Raises:
        ValueError: the pictures, or what was asked for, do not allow it; the message says why.
    """
    import numpy as np  # noqa: PLC0415 - the command line starts without it.

    from matching.calibration.labelled import Labelled, calibrated  # noqa: PLC0415 - as above.
    from matching.engine import engine_named  # noqa: PLC0415 - as above.
    from matching.evaluate.enrolment import enrol  # noqa: PLC0415 - as above.
    from matching.evaluate.manifest import read_dataset  # noqa: PLC0415 - as above.

    data = read_dataset(manifest, synthetic=synthetic)
    engine = engine_named(encoder)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task("Pictures", total=len(data.pictures))
        enrolled = enrol(encoder, data.pictures, None, lambda done: progress.update(task, completed=done))
    pictures = Labelled(
        enrolled.templates,
        np.array([picture.person for picture in data.pictures], dtype=np.int64),
        np.array([picture.age for picture in data.pictures]),
        np.array([picture.is_record is not False for picture in data.pictures]),
    )[enrolled.found]
    command = ["homeward", "calibrate", manifest.name, "--encoder", encoder, *(["--adapt"] if adapt else [])]
    return calibrated(
        pictures,
        encoder=engine.encoder_name,
        version=engine.encoder_version,
        source=f"{data.name}: {len(pictures.people)} of {len(data.pictures)} pictures show a face",
        manifest_sha256=data.sha256,
        command=shlex.join(command),
        made_at=now().isoformat(timespec="seconds"),
        synthetic=data.synthetic,
        adapt=adapt,
    )


def print_calibration(found: "Calibration") -> None:
    """Print what a calibration rests on and how good it was on people held out."""
    from matching.calibration import identity  # noqa: PLC0415 - as in `learn`.

    rests_on = found.provenance
    adapted = ", adapted" if found.adaptation is not None else ""
    nobody = " who do not exist (synthetic)" if rests_on.synthetic else ""
    for line in (
        f"{found.encoder} {found.version}: {found.kind.value} scores{adapted}",
        f"{rests_on.people} people{nobody}; {rests_on.source}; {rests_on.made_at}; {rests_on.command}",
        f"log10 likelihood ratios from {found.lowest:.2f} to {found.highest:.2f}; {identity(found)[:12]}",
    ):
        out.print(line, soft_wrap=True, highlight=False)
    counts = Table("pairs", "people", "mated", "non-mated")
    for each in rests_on.counts:
        counts.add_row(each.name, str(each.people), str(each.mated), str(each.non_mated))
    figures = Table("held out", "mated", "non-mated", "Cllr (bits)", "at least")
    for figure in rests_on.held_out:
        costs = f"{figure.cllr:.3f}", f"{figure.min_cllr:.3f}"
        figures.add_row(figure.name, str(figure.mated), str(figure.non_mated), *costs)
    out.print(counts)
    out.print(figures)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(calibrate)
