"""The app's two icons: a speech bubble whose inside is a clock, drawn by the standard library alone."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from functools import cache

Colour = tuple[int, int, int, int]

COLOR_SIZE, OUTLINE_SIZE = 192, 32
_NAVY: Colour = (0x1F, 0x3A, 0x5F, 255)
_WHITE: Colour = (255, 255, 255, 255)
_AMBER: Colour = (0xFF, 0xB3, 0x47, 255)
_FINE = 4
"""Samples along each side of a pixel, for smooth edges."""


@cache
def color() -> bytes:
    """192 × 192, full colour, no transparency: Teams rounds the corners itself."""

    def paint(x: float, y: float) -> Colour:
        if _hands(x, y, 0.035):
            return _AMBER
        return _NAVY if _dial(x, y) or not _bubble(x, y, 0.32) else _WHITE

    return _png(COLOR_SIZE, paint)


@cache
def outline() -> bytes:
    """32 × 32, white lines on nothing."""
    nothing = (255, 255, 255, 0)

    def paint(x: float, y: float) -> Colour:
        line = _bubble(x, y, 0.44) and not _bubble(x, y, 0.36)
        return _WHITE if line or _hands(x, y, 0.045) else nothing

    return _png(OUTLINE_SIZE, paint)


def _bubble(x: float, y: float, radius: float) -> bool:
    """A disc with a corner at its lower left; the middle is at 0, y goes down."""
    return math.hypot(x, y) <= radius or (-radius <= x <= 0 <= y <= radius)


def _dial(x: float, y: float) -> bool:
    return math.hypot(x, y) <= 0.23


def _hands(x: float, y: float, thick: float) -> bool:
    """Ten past twelve: one hand up, one to the right and down."""
    return _near(x, y, 0.0, -0.17, thick) or _near(x, y, 0.11, 0.08, thick)


def _near(x: float, y: float, to_x: float, to_y: float, thick: float) -> bool:
    """Whether a point lies on the hand from the middle to there."""
    along = (x * to_x + y * to_y) / (to_x * to_x + to_y * to_y)
    along = min(max(along, 0.0), 1.0)
    return math.hypot(x - along * to_x, y - along * to_y) <= thick


def _png(size: int, paint: Callable[[float, float], Colour]) -> bytes:
    rows = bytearray()
    for row in range(size):
        rows.append(0)
        for column in range(size):
            rows += bytes(_blend([paint(*_at(column, row, step, size)) for step in range(_FINE * _FINE)]))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _at(column: int, row: int, step: int, size: int) -> tuple[float, float]:
    across, down = step % _FINE, step // _FINE
    return (
        (column + (across + 0.5) / _FINE) / size - 0.5,
        (row + (down + 0.5) / _FINE) / size - 0.5,
    )


def _blend(samples: list[Colour]) -> Colour:
    """The mean, weighted by how opaque each is."""
    opaque = sum(sample[3] for sample in samples)
    if not opaque:
        return (255, 255, 255, 0)
    red, green, blue = (round(sum(s[n] * s[3] for s in samples) / opaque) for n in range(3))
    return red, green, blue, round(opaque / len(samples))
