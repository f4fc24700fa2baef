"""Panels as tiny pictures, drawn by numpy alone; knows no scans, no files and no
matplotlib, which takes 10 ms for a picture and 600 ms to be loaded.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from .choosing import limits
from .panels import Panel

__all__ = ["SIDE", "raster"]

SIDE = 100
"""Pixels of the longer side, as PyMoDAQ's thumbnails have them."""

_HIGH = 75
_MARGIN = 3
_DENSE = 400
"""Curves of more points than this are drawn by their extremes."""

_WHITE, _FRAME, _LINES, _MAP = 0, 1, 2, 8
_COLOURS = ("ffffff", "b0b0b0", "1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd")
_VIRIDIS = (
    "44015448186a472d7b4240863b528b33638d2c728e26828e21918c1fa08828ae803fbc735ec962"
    "84d44baddc30d8e219fde725"
)
"""Matplotlib's, at 17 places."""

_SHADES = 64
_DIGITS = dict(
    zip(
        "0123456789.-+e",
        (
            *(0o75557, 0o26227, 0o71747, 0o71717, 0o55711, 0o74717, 0o74757),
            *(0o71122, 0o75757, 0o75717, 0o00002, 0o00700, 0o02720, 0o07747),
        ),
        strict=True,
    )
)
"""Digits as five rows of three pixels."""


def raster(panel: Panel) -> bytes:
    r"""A panel as a PNG of at most 100 x 100 pixels; empty when it shows no number.

    Examples
    --------
    >>> from .choosing import Dimension
    >>> from .panels import Curve
    >>> x = Dimension(label="x", units="mm", values=np.arange(9.0), signal=False)
    >>> curve = Curve(label="power", units="mW", values=x.values**2)
    >>> panel = Panel(title="", note="", how="line", axes=(x,), curves=(curve,))
    >>> raster(panel)[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    if not any(np.isfinite(curve.values).any() for curve in panel.curves):
        return b""
    draw = {"image": _image, "points": _points, "value": _value}.get(panel.how, _lines)
    pixels = draw(panel)
    if draw in (_image, _points):
        return _png(pixels, 8, _PALETTES[panel.camera])
    # Few colours: two pixels a byte. A PNG is stored as a text of four times its size.
    return _png(pixels[:, ::2] << 4 | pixels[:, 1::2], 4, _PLAIN)


# --------------------------------------------------------------------------- drawings


def _paper() -> np.ndarray:
    pixels = np.zeros((_HIGH, SIDE), np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = _FRAME
    return pixels


def _image(panel: Panel) -> np.ndarray:
    """Values as colours: the nearest one at each pixel, the first row at the bottom."""
    values = panel.curves[0].values
    high, wide = values.shape
    scale = SIDE / max(high, wide)
    size = (round(high * scale), round(wide * scale)) if panel.camera else (_HIGH, SIDE)
    rows, columns = (
        (np.arange(max(4, n)) * count / max(4, n)).astype(int)
        for n, count in zip(size, (high, wide), strict=True)
    )
    vertical, horizontal = (_rises(axis.values) for axis in panel.axes)
    rows = rows[::-1] if vertical else rows
    columns = columns if horizontal else columns[::-1]
    return _shades(values[np.ix_(rows, columns)], values)


def _points(panel: Panel) -> np.ndarray:
    """Each point of a spread scan as a coloured square where it was measured."""
    values = panel.curves[0].values
    x, y = (axis.values.astype(float) for axis in panel.axes)
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(values)
    x, y, values = x[known], y[known], values[known]
    pixels = _paper()
    if not values.size:
        return pixels
    half = int(np.clip(SIDE / np.sqrt(values.size) / 2, 1, 5))
    columns, rows = _scaled(x, SIDE, half), _scaled(y, _HIGH, half)
    shades = _shades(values, values)
    for down in range(-half, half + 1):
        for right in range(-half, half + 1):
            pixels[_HIGH - 1 - rows + down, columns + right] = shades
    return pixels


def _lines(panel: Panel) -> np.ndarray:
    """All arrays of a channel as curves over the same axis."""
    pixels = _paper()
    x = panel.axes[0].values.astype(float)
    finite = [curve.values[np.isfinite(curve.values)] for curve in panel.curves]
    everything = np.concatenate(finite)
    low, high = float(everything.min()), float(everything.max())
    for number, curve in enumerate(panel.curves):
        known = np.isfinite(x) & np.isfinite(curve.values)
        places = x[known]
        ends = (places.min(), places.max()) if places.size else ()
        places, values = _extremes(places, curve.values[known])
        across = _scaled(places, SIDE, 0, *ends)
        up = _scaled(values, _HIGH, 0, low, high)
        colour = _LINES + number % (len(_COLOURS) - _LINES)
        _stroke(pixels, across, _HIGH - 1 - up, colour)
    return pixels


def _value(panel: Panel) -> np.ndarray:
    """A single number, in digits three pixels wide that are shown twice as large."""
    pixels = _paper()
    text = f"{float(panel.curves[0].values):.3g}".replace("e+0", "e").replace(
        "e-0", "e-"
    )
    glyphs = [_DIGITS[sign] for sign in text if sign in _DIGITS]
    bits = [[glyph >> (14 - n) & 1 for n in range(15)] for glyph in glyphs]
    cells = np.array(bits, bool).reshape(-1, 5, 3)
    cells = np.pad(cells, ((0, 0), (0, 0), (0, 1)))
    line = np.concatenate(list(cells), axis=1).repeat(3, 0).repeat(3, 1)
    top, left = (_HIGH - line.shape[0]) // 2, (SIDE - line.shape[1]) // 2
    part = pixels[top : top + line.shape[0], left : left + line.shape[1]]
    part[line] = _LINES
    return pixels


# ------------------------------------------------------------------------------ parts


def _rises(values: np.ndarray) -> bool:
    return len(values) < 2 or bool(values[-1] >= values[0])


def _scaled(
    values: np.ndarray,
    size: int,
    half: int,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """Positions as pixels within the margins; what does not vary is in the middle."""
    if not values.size:
        return values.astype(int)
    first = values.min() if low is None else low
    last = values.max() if high is None else high
    margin = _MARGIN + half
    room = size - 1 - 2 * margin
    # Halves, so that the largest numbers there are do not overflow.
    span = last / 2 - first / 2
    part = (values / 2 - first / 2) / span if span > 0 else np.full(values.shape, 0.5)
    return (margin + np.rint(part * room)).astype(int)


def _extremes(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A long curve by the lowest and highest point of each of its parts."""
    if x.size <= _DENSE:
        return x, values
    starts = np.linspace(0, x.size, _DENSE // 2, endpoint=False).astype(int)
    low = np.minimum.reduceat(values, starts)
    high = np.maximum.reduceat(values, starts)
    return x[starts].repeat(2), np.column_stack([low, high]).ravel()


def _stroke(pixels: np.ndarray, across: np.ndarray, down: np.ndarray, n: int) -> None:
    """Lines between points, two pixels thick; a dot at each where they are few."""
    if not across.size:
        return
    if across.size <= 25:
        for shift in (-1, 0, 1):
            pixels[down + shift, across] = n
            pixels[down, across + shift] = n
    steps = np.maximum(np.abs(np.diff(across)), np.abs(np.diff(down))) + 1
    which = np.repeat(np.arange(steps.size), steps)
    first = np.cumsum(steps) - steps
    part = (np.arange(which.size) - first[which]) / steps[which]
    columns = np.rint(across[which] + part * np.diff(across)[which]).astype(int)
    rows = np.rint(down[which] + part * np.diff(down)[which]).astype(int)
    pixels[rows, columns] = n
    pixels[np.minimum(rows + 1, _HIGH - 2), columns] = n


def _shades(values: np.ndarray, all_of_them: np.ndarray) -> np.ndarray:
    """Values as numbers of the palette; white where there is none."""
    low, high, _ = limits(all_of_them)
    span = high / 2 - low / 2 or 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        part = np.clip((values / 2 - low / 2) / span, 0.0, 1.0) * (_SHADES - 1)
        shade = np.where(np.isfinite(values), np.rint(part) + _MAP, _WHITE)
    return shade.astype(np.uint8)


# -------------------------------------------------------------------------------- PNG


_PLAIN = bytes.fromhex("".join(_COLOURS)).ljust(3 * _MAP, b"\xff")


def _palette(*, gray: bool) -> bytes:
    steps = np.linspace(0.0, 1.0, _SHADES)
    if gray:
        shades = np.repeat(steps[:, None] * 255, 3, axis=1)
    else:
        known = np.frombuffer(bytes.fromhex(_VIRIDIS), np.uint8).reshape(-1, 3)
        places = np.linspace(0.0, 1.0, len(known))
        shades = np.column_stack([np.interp(steps, places, c) for c in known.T])
    return _PLAIN + np.rint(shades).astype(np.uint8).tobytes()


_PALETTES = {gray: _palette(gray=gray) for gray in (False, True)}


def _png(data: np.ndarray, bits: int, palette: bytes) -> bytes:
    """Numbers of the palette as a PNG, so many bits a pixel."""
    high, wide = data.shape
    head = struct.pack(">IIBBBBB", wide * 8 // bits, high, bits, 3, 0, 0, 0)
    rows = np.zeros((high, wide + 1), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = data
    parts = (
        (b"IHDR", head),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(rows.tobytes(), 2)),  # a seventh of the time of 6
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
