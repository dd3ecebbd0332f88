"""Line plots as SVG, for a page that stands alone: no script, no font, no file beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from statistics import NormalDist
from typing import Final

_STANDARD: Final = NormalDist()
_WIDTH: Final = 420
_HEIGHT: Final = 320
_LEFT: Final = 58
_RIGHT: Final = 14
_TOP: Final = 12
_BOTTOM: Final = 46

COLOURS: Final = ("#1b4f9c", "#b4521b", "#2f7d4f", "#7a3b8f", "#6b6b6b")
"""Of the engines, in their order; dark enough on white, and told apart by dashes as well."""

_DASHES: Final = ("", "7 4", "2 3", "10 3 2 3", "1 4")


def linear(value: float) -> float:
    """A scale where equal steps are equal."""
    return value


def logarithmic(value: float) -> float:
    """A scale where equal factors are equal."""
    return log10(value)


def probit(value: float) -> float:
    """A scale on which the errors of two normal score distributions make a straight line.

    Source:
        Martin et al., The DET curve in assessment of detection task performance, Eurospeech 1997.
    """
    return _STANDARD.inv_cdf(value)


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis says, and where its values stand."""

    label: str
    ticks: tuple[tuple[float, str], ...]
    """Values with their words, rising; the first and the last are the axis's ends."""
    scale: Callable[[float], float] = linear

    def place(self, value: float) -> float:
        """Where a value stands: 0 at the axis's beginning, 1 at its end; what lies beyond stands there."""
        low, high = self.ticks[0][0], self.ticks[-1][0]
        start, end = self.scale(low), self.scale(high)
        return (self.scale(min(max(value, low), high)) - start) / (end - start)


@dataclass(frozen=True, slots=True)
class Line:
    """A curve, or its points alone."""

    name: str
    points: Sequence[tuple[float, float]]
    number: int = 0
    """Of its engine: chooses colour and dashes."""
    dots: bool = False
    """Whether the points are shown themselves."""
    faint: bool = False
    """Whether it is there only to compare with."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with everything that a reader who does not see it needs."""

    title: str
    text: str
    """What the plot shows, in words and numbers."""
    x: Axis
    y: Axis
    lines: tuple[Line, ...]

    def svg(self) -> str:
        """The plot as an element of a page."""
        parts = [
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">',
            f"<title>{escape(self.title)}</title><desc>{escape(self.text)}</desc>",
            *self._frame(),
            *(self._curve(line) for line in self.lines if line.points),
            "</svg>",
        ]
        return "".join(parts)

    def _frame(self) -> list[str]:
        parts = []
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        for value, words in self.x.ticks:
            at = _across(self.x.place(value))
            parts.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{bottom}"/>')
            anchor = "end" if value == self.x.ticks[-1][0] else "middle"
            parts.append(
                f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="{anchor}">{escape(words)}</text>'
            )
        for value, words in self.y.ticks:
            at = _up(self.y.place(value))
            parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{right}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{escape(words)}</text>')
        middle = (_LEFT + right) / 2
        parts.append(
            f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(self.x.label)}</text>'
        )
        place = f'x="12" y="{(_TOP + bottom) / 2}" transform="rotate(-90 12 {(_TOP + bottom) / 2})"'
        parts.append(f'<text {place} text-anchor="middle">{escape(self.y.label)}</text>')
        return parts

    def _curve(self, line: Line) -> str:
        colour = "#999999" if line.faint else COLOURS[line.number % len(COLOURS)]
        dashes = "3 3" if line.faint else _DASHES[line.number % len(_DASHES)]
        places = [(_across(self.x.place(x)), _up(self.y.place(y))) for x, y in line.points]
        way = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        drawn = f'<path d="{way}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
        if line.dots:
            drawn += "".join(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places
            )
        return f"<g><title>{escape(line.name)}</title>{drawn}</g>"


def legend_mark(number: int) -> str:
    """A short piece of an engine's line, to stand before its name."""
    dashes = _DASHES[number % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    colour = COLOURS[number % len(COLOURS)]
    return (
        '<svg class="mark" viewBox="0 0 32 8" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">'
        f'<path d="M0 4H32" stroke="{colour}" stroke-width="3"{dashed}/></svg>'
    )


def _across(place: float) -> float:
    return _LEFT + place * (_WIDTH - _LEFT - _RIGHT)


def _up(place: float) -> float:
    return _HEIGHT - _BOTTOM - place * (_HEIGHT - _TOP - _BOTTOM)
