"""SVG drawn by our own code: text that can be selected, axes, and colours that a page can change by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from benchmark.printable import printable

BLUE, RED, GREEN, GREY = "#0072b2", "#d55e00", "#00845f", "#888888"  # after Okabe and Ito
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
SIZE, ROW = 12, 20  # pixels: of the letters, and the height of a row
LETTER = 6.6  # pixels: the width of a usual letter
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Places of values along a line of pixels from ``left`` to ``right``."""

    low: float
    high: float
    left: float
    right: float

    def __call__(self, value: float) -> float:
        """The place of ``value`` in pixels; values beyond an end are at that end."""
        share = (value - self.low) / (self.high - self.low)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the scale, about ``most`` at most."""
        raw = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(raw))
        step = power * next(step for step in STEPS if step * power >= raw)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]


def around_zero(values: Iterable[float], left: float, right: float) -> Scale:
    """The scale of finite ``values`` and of 0, with a little room at both ends."""
    known = [float(value) for value in values if np.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    room = 0.04 * (high - low) or 1.0
    return Scale(low - room, high + room, left, right)


@dataclass
class Drawing:
    """A picture of ``width`` × ``height`` pixels, element by element."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, anchor: str = "start", more: str = "") -> None:
        """Write ``text`` at a height; ``anchor`` is start, middle or end."""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{safe(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> None:
        """Draw a line in a colour of the palette."""
        self.parts.append(
            f'<line class="{NAMED[colour]}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width:g}"/>'
        )

    def path(self, places: Iterable[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        """Draw a line through several places."""
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self.parts.append(
            f'<polyline class="{NAMED[colour]}" points="{through}" fill="none" stroke="{colour}" '
            f'stroke-width="{width:g}" stroke-linejoin="round"/>'
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        """Draw a point."""
        name = NAMED[colour]
        self.parts.append(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def polygon(self, corners: Sequence[tuple[float, float]], colour: str, filled: bool) -> None:
        """Draw a closed form, filled or as an outline."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        fill = colour if filled else "none"
        name = NAMED[colour] + ("" if filled else " open")
        self.parts.append(
            f'<polygon class="{name}" points="{places}" fill="{fill}" stroke="{colour}" stroke-width="1.3"/>'
        )

    def described(self, text: str, since: int) -> None:
        """Give the elements from number ``since`` on a text that appears under the mouse pointer."""
        inner = "".join(self.parts[since:])
        self.parts[since:] = [f"<g><title>{safe(text)}</title>{inner}</g>"]

    def axis(self, scale: Scale, top: float, bottom: float) -> None:
        """Draw the scale's axis at ``bottom``, and a line at 0 from ``top`` on."""
        self.line(scale.left, bottom, scale.right, bottom, GREY)
        self.line(scale(0), top, scale(0), bottom, GREY)
        for tick in scale.ticks():
            self.line(scale(tick), bottom, scale(tick), bottom + 4, GREY)
            self.text(scale(tick), bottom + 16, signed(tick, "g"), "middle")

    def svg(self, title: str) -> str:
        """The picture as text, with ``title`` as its name."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {self.width:.0f} {self.height:.0f}" '
            f'width="{self.width:.0f}" height="{self.height:.0f}" font-family="{FONT}" font-size="{SIZE}" '
            f'fill="currentColor">\n<title>{safe(title)}</title>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )


NAMED = {BLUE: "blue", RED: "red", GREEN: "green", GREY: "grey"}


def safe(text: str) -> str:
    """``text`` for XML, on one line."""
    return escape(printable(text))


def room_for(names: Iterable[str]) -> float:
    """The pixels that the longest of ``names`` takes, and a little space."""
    return LETTER * max(map(len, names), default=0) + 12


def signed(value: float, form: str = ".2f") -> str:
    """A number with its sign, as a typographic minus; 0 has no sign."""
    text = f"{value:+{form}}".replace("-", "−")
    return text[1:] if not text.strip("+−0.") else text


def with_interval(mean: float, low: float, high: float) -> str:
    """A mean with its interval where there is one: ``+0.42 [−0.10, +0.94]``."""
    ends = f" [{signed(low)}, {signed(high)}]" if np.isfinite([low, high]).all() else ""
    return f"{signed(mean)}{ends}" if np.isfinite(mean) else "–"
