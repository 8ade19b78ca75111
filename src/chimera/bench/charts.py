"""Draws what was measured as SVG by hand: bars of rates, and lines that grow. Measures nothing; needs no library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, ROW, NAMES, MARGIN = 860, 34, 330, 20
HEIGHT, LEFT, INK, FAINT = 380, 70, "#1b1f24", "#d0d7de"
COLOURS = ("#0b6e4f", "#5b6abf", "#c1440e", "#8a6d00", "#7a3e9d", "#3a7ca5", "#d16ba5", "#5f6b6d", "#2f4b26")


def bars(title: str, rates: Sequence[tuple[str, float]]) -> str:
    """One bar for each name, on a scale of powers of ten: ten times as much is always the same step."""
    rates = [(name, max(1.0, rate)) for name, rate in rates]
    most = math.log10(max(rate for _, rate in rates))
    room, parts = WIDTH - NAMES - 2 * MARGIN - 90, [_text(MARGIN, 26, title, size=16)]
    for place, (name, rate) in enumerate(rates):
        y, length = 48 + place * ROW, max(2.0, room * math.log10(rate) / max(1.0, most))
        parts.append(_text(MARGIN, y + 16, name))
        parts.append(
            f'<rect x="{NAMES}" y="{y}" width="{length:.0f}" height="{ROW - 12}" fill="{COLOURS[place > 0]}"/>'
        )
        parts.append(_text(NAMES + length + 8, y + 16, f"{rate:,.0f}"))
    foot = 48 + len(rates) * ROW + 18
    parts.append(
        _text(MARGIN, foot, "governed tasks a second; each step to the right of the same length is ten times as much")
    )
    return _drawing(parts, height=foot + MARGIN)


def lines(title: str, curves: Mapping[str, Sequence[tuple[float, float]]], *, below: str) -> str:
    """A curve for each name, both scales in powers of ten. What is zero stands on the ground."""
    points = [point for curve in curves.values() for point in curve]
    across = (min(x for x, _ in points), max(x for x, _ in points))
    positive = [y for _, y in points if y > 0] or [1.0]
    up = (min(positive), max(positive))
    parts = [_text(MARGIN, 26, title, size=16), _text(LEFT, HEIGHT - 8, below), *_ground(across, up)]
    for place, (name, curve) in enumerate(curves.items()):
        ink = COLOURS[place % len(COLOURS)]
        at = [(_across(x, across), _up(y, up)) for x, y in sorted(curve)]
        drawn = " ".join(f"{x:.0f},{y:.0f}" for x, y in at)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{ink}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{ink}"/>' for x, y in at)
        parts.append(_text(WIDTH - 240, 56 + place * 18, name, ink=ink))
    return _drawing(parts, height=HEIGHT)


def _ground(across: tuple[float, float], up: tuple[float, float]) -> list[str]:
    """The lines at powers of ten, with what they stand for."""
    parts: list[str] = []
    for power in range(math.floor(math.log10(up[0])), math.ceil(math.log10(up[1])) + 1):
        y = _up(10.0**power, up)
        parts.append(f'<line x1="{LEFT}" y1="{y:.0f}" x2="{WIDTH - 250}" y2="{y:.0f}" stroke="{FAINT}"/>')
        parts.append(_text(MARGIN, y + 4, f"{10.0**power:g}"))
    for power in range(math.floor(math.log10(across[0])), math.ceil(math.log10(across[1])) + 1):
        parts.append(_text(_across(10.0**power, across) - 10, HEIGHT - 28, f"{10**power:,}"))
    return parts


def _across(value: float, span: tuple[float, float]) -> float:
    return LEFT + (WIDTH - 260 - LEFT) * _share(value, span)


def _up(value: float, span: tuple[float, float]) -> float:
    return HEIGHT - 50 - (HEIGHT - 110) * (_share(value, span) if value > 0 else 0.0)


def _share(value: float, span: tuple[float, float]) -> float:
    low, high = math.log10(span[0]), math.log10(span[1])
    return (math.log10(value) - low) / max(1e-9, high - low) if high > low else 0.5


def _text(x: float, y: float, text: str, *, size: int = 13, ink: str = INK) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{ink}">{escape(text)}</text>'


def _drawing(parts: Sequence[str], *, height: float) -> str:
    inside = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" font-family="sans-serif">\n'
            f'<rect width="100%" height="100%" fill="#ffffff"/>\n{inside}\n</svg>\n')  # fmt: skip
