"""The report as one page that stands alone: for a screen, a phone or a printer, with no script."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from matching.evaluate.plots import Axis, Line, Plot, legend_mark, linear, logarithmic, probit

Figures = Mapping[str, Any]

_UNSUPPORTED: Final = "†"
_ERRORS: Final = ((0.001, "0.1 %"), (0.01, "1 %"), (0.05, "5 %"), (0.2, "20 %"), (0.5, "50 %"), (0.8, "80 %"))
_MATCHES: Final = (
    (1e-5, "0.001 %"),
    (1e-4, "0.01 %"),
    (1e-3, "0.1 %"),
    (0.01, "1 %"),
    (0.1, "10 %"),
    (0.5, "50 %"),
)
_SHARES: Final = ((0.0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %"))
_RATIOS: Final = ((-6.0, "10⁻⁶"), (-3.0, "0.001"), (0.0, "1"), (3.0, "1,000"), (6.0, "10⁶"))
_RANKS: Final = ((1.0, "1"), (5.0, "5"), (20.0, "20"))


def page(report: Figures) -> str:
    """Write the page.

    Args:
        report: what `matching.evaluate.__main__.evaluate` returns.

    Returns:
        A whole HTML document that loads nothing.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    engines: Figures = report["engines"]
    return environment.get_template("page.html").render(
        data=report["data"],
        intervals=report["intervals"],
        command=report["command"],
        versions=report["versions"].items(),
        engines=[
            # The mark is made of nothing but numbers.
            {"name": name, "score": figures["score"], "mark": Markup(legend_mark(number))}  # noqa: S704
            for number, (name, figures) in enumerate(engines.items())
        ],
        side_by_side=_side_by_side(engines),
        parts=[
            {
                "title": "By age",
                "text": "Both pictures in one age band, thresholds chosen within the band: strangers of one "
                "age are more alike than strangers of all ages. Ranks are of probes whose record photo, "
                "the nearest in age, lies in the band.",
                "table": _parts(engines, "by_age_band", "years"),
            },
            {
                "title": "By years between the pictures",
                "text": "The younger picture shows a child, thresholds are chosen among strangers as many "
                "years apart. Ranks are of probes by the years to the nearest record photo.",
                "table": _parts(engines, "by_gap", "years apart"),
            },
        ],
        plots=[
            # Every text in a plot is escaped where it is written.
            {"title": plot.title, "text": plot.text, "svg": Markup(plot.svg())}  # noqa: S704
            for plot in _plots(engines)
        ],
    )


def _side_by_side(engines: Figures) -> Markup:
    rows: list[tuple[str, list[Markup]]] = []

    def row(title: str, find: Sequence[str], *, percent: bool = True, digits: int = 1) -> None:
        cells = []
        for figures in engines.values():
            found: Any = figures
            for key in find:
                found = found.get(key) if isinstance(found, Mapping) else None
            cells.append(
                Markup("<td>–</td>") if found is None else _cell(found, percent=percent, digits=digits)
            )
        rows.append((title, cells))

    for rate, words in (("1e-2", "1 %"), ("1e-3", "0.1 %"), ("1e-4", "0.01 %")):
        row(f"True accept rate at a false-match rate of {words}", ("tar_at_fmr", rate))
    row(
        "False non-match rate at 0.1 %, as a share of the first engine's",
        ("fnmr_ratio",),
        percent=False,
        digits=2,
    )
    row("Equal error rate", ("eer",))
    for rank in ("1", "5", "20"):
        row(f"Right record within the first {rank}" if rank != "1" else "Right record first", ("rank", rank))
    row("Most similar other picture is of the same person (leave-one-out)", ("rank_leave_one_out",))
    row("Cllr of ratios fitted on other people, bits", ("cllr",), percent=False, digits=3)
    row("Cllr of the ratios that are shipped, bits", ("cllr_shipped",), percent=False, digits=3)
    row("The least Cllr that this order of scores allows", ("min_cllr",), percent=False, digits=3)
    row("Face not found, of all pictures", ("failure_to_enrol",))
    row("True accept rate at 0.1 %, those counted as errors", ("all_pictures", "tar_at_fmr", "1e-3"))
    row("Right record first, those counted as errors", ("all_pictures", "rank", "1"))
    row(
        "Wrong candidates shown first, a probe",
        ("operating_point", "false_per_probe_first"),
        percent=False,
        digits=2,
    )
    row(
        "Wrong candidates in the whole list, a probe",
        ("operating_point", "false_per_probe"),
        percent=False,
        digits=2,
    )
    row("Right record shown first at the operating point", ("operating_point", "recall_first"))
    row("Right record in the list at the operating point", ("operating_point", "recall"))
    row("Processor time a photo, ms (median and quartiles)", ("cpu_ms_per_photo",), percent=False, digits=0)
    rows.append(
        (
            "Pairs: of one person, of two",
            [_plain(f"{figures['mated']:,}", f"{figures['non_mated']:,}") for figures in engines.values()],
        )
    )
    return _table(["", *engines], rows, "Figures of each engine, with 95 % intervals below them")


def _parts(engines: Figures, which: str, unit: str) -> Markup:
    """A line for each part and engine."""
    rows = []
    for part in next(iter(engines.values()))[which]:
        for name, figures in engines.items():
            found = figures[which][part]
            cells = [
                *(_cell(found["tar_at_fmr"][rate]) for rate in ("1e-2", "1e-3")),
                _cell(found["at_global_threshold"]["1e-3"]["tar"]),
                _cell(found["at_global_threshold"]["1e-3"]["fmr"], digits=2),
                _cell(found["eer"]),
                *(_cell(found["rank"][rank]) for rank in ("1", "20")),
                _cell(found["cllr"], percent=False, digits=2),
                _plain(f"{found['mated']:,}", f"{found['non_mated']:,}"),
            ]
            rows.append((f"{part} {unit}, {name}", cells))
    heads = ["", "TAR at 1 %", "TAR at 0.1 %", "TAR, one threshold", "its FMR here"]
    heads += ["EER", "rank-1", "rank-20", "Cllr", "pairs"]
    caption = "95 % intervals stand below; one threshold is that of 0.1 % among all pairs, whatever the part"
    return _table(heads, rows, caption)


def _table(heads: Iterable[str], rows: Iterable[tuple[str, list[Markup]]], caption: str) -> Markup:
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(words) for words in heads)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>\n').format(title, Markup("").join(cells))
        for title, cells in rows
    )
    return Markup(
        '<div class="wide" tabindex="0" role="region" aria-label="{}"><table><caption>{}</caption>'
        "<thead><tr>{}</tr></thead>\n<tbody>{}</tbody></table></div>"
    ).format(caption, caption, head, body)


def _cell(found: Figures, *, percent: bool = True, digits: int = 1) -> Markup:
    if found["value"] is None:
        return Markup('<td class="none"><small>{}</small></td>').format(found["reason"])
    value, low, high = (
        None if found[key] is None else f"{found[key] * (100 if percent else 1):.{digits}f}"
        for key in ("value", "low", "high")
    )
    mark = "" if found.get("supported", True) else _UNSUPPORTED
    unit = " %" if percent else ""
    between = escape("") if low is None else Markup("<small>{} – {}</small>").format(low, high)
    return Markup("<td>{}{}{}{}</td>").format(value, unit, mark, between)


def _plain(above: str, below: str) -> Markup:
    return Markup("<td>{}<small>{}</small></td>").format(above, below)


def _plots(engines: Figures) -> list[Plot]:
    curves = [
        (number, name, list(zip(figures["curve"]["fmr"], figures["curve"]["fnmr"], strict=True)))
        for number, (name, figures) in enumerate(engines.items())
    ]
    rates = _said(engines, lambda figures: figures["tar_at_fmr"]["1e-3"])
    ranks = [
        (number, name, [(float(rank), share) for rank, share in enumerate(figures["cmc"], start=1)])
        for number, (name, figures) in enumerate(engines.items())
    ]
    plots = [
        Plot(
            "Detection error trade-off",
            f"Share of one person's pairs that are missed, against the share of strangers that match; lower "
            f"is better. True accept rate at 0.1 %: {rates}.",
            Axis("strangers that match", _MATCHES[1:], probit),
            Axis("own pairs missed", _ERRORS, probit),
            tuple(
                Line(name, [(x, y) for x, y in points if x > 0], number) for number, name, points in curves
            ),
        ),
        Plot(
            "Receiver operating characteristic",
            f"Share of one person's pairs that are accepted, against the share of strangers that match; "
            f"higher is better. Equal error rates: {_said(engines, lambda figures: figures['eer'])}.",
            Axis("strangers that match", _MATCHES, logarithmic),
            Axis("own pairs accepted", _SHARES, linear),
            tuple(
                Line(name, [(x, 1 - y) for x, y in points if x > 0], number)
                for number, name, points in curves
            ),
        ),
        Plot(
            "Cumulative match characteristic",
            f"Share of probes whose record stands within a rank. First: "
            f"{_said(engines, lambda figures: figures['rank']['1'])}.",
            Axis("rank", _RANKS, logarithmic),
            Axis("probes", _SHARES, linear),
            tuple(Line(name, points, number) for number, name, points in ranks),
        ),
    ]
    said = [
        (number, name, [(each["said"], each["was"]) for each in figures["reliability"]])
        for number, (name, figures) in enumerate(engines.items())
    ]
    if any(points for _, _, points in said):
        plots.append(
            Plot(
                "Calibration",
                "How often it was one person, against the probability that was said at an even prior, on "
                "people the calibration has not seen; on the diagonal it means what it says. Cllr: "
                f"{_said(engines, lambda figures: figures['cllr'], percent=False)}.",
                Axis("said", _SHARES, linear),
                Axis("was", _SHARES, linear),
                (
                    Line("perfect", [(0.0, 0.0), (1.0, 1.0)], faint=True),
                    *(Line(name, points, number, dots=True) for number, name, points in said),
                ),
            )
        )
    plots += [_tippett(*each) for each in enumerate(engines.items()) if each[1][1]["tippett"]]
    return [*plots, *(_histogram(*each) for each in enumerate(engines.items()))]


def _tippett(number: int, engine: tuple[str, Figures]) -> Plot:
    name, found = engine[0], engine[1]["tippett"]
    wrong = found["non_mated"][len(found["log10"]) // 2]
    return Plot(
        f"Tippett plot, {name}",
        f"Shares of one person's pairs (line) and of strangers (grey) whose likelihood ratio reaches a "
        f"value, on people the calibration has not seen. {wrong:.1%} of strangers reach a ratio of 1.",
        Axis("likelihood ratio", _RATIOS, linear),
        Axis("pairs that reach it", _SHARES, linear),
        (
            Line("strangers", list(zip(found["log10"], found["non_mated"], strict=True)), faint=True),
            Line("one person", list(zip(found["log10"], found["mated"], strict=True)), number),
        ),
    )


def _histogram(number: int, engine: tuple[str, Figures]) -> Plot:
    name, found = engine[0], engine[1]["histogram"]
    middles = [(low + high) / 2 for low, high in pairwise(found["edges"])]
    highest = max(*found["mated"], *found["non_mated"])
    ends = found["edges"][0], found["edges"][-1]
    return Plot(
        f"Scores, {name}",
        f"Scores that decide, of one person's pairs (line) and of strangers (grey), each kind as shares of "
        f"its own: {engine[1]['score']}.",
        Axis("score", tuple((at, f"{at:.2g}") for at in _steps(*ends)), linear),
        Axis("share of pairs", tuple((at, f"{100 * at:.0f} %") for at in _steps(0.0, highest)), linear),
        (
            Line("strangers", list(zip(middles, found["non_mated"], strict=True)), faint=True),
            Line("one person", list(zip(middles, found["mated"], strict=True)), number),
        ),
    )


def _steps(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / 4 for step in range(5)]


def _said(engines: Figures, find: Callable[[Figures], Figures], *, percent: bool = True) -> str:
    """One figure of each engine, in words."""
    words = []
    for name, figures in engines.items():
        value = find(figures)["value"]
        if value is None:
            words.append(f"{name} unknown")
        else:
            words.append(f"{name} {100 * value:.1f} %" if percent else f"{name} {value:.3f}")
    return ", ".join(words)
