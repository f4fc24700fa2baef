"""Runs as the lines of a table; knows no files and no terminal."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from ..errors import printable
from .entries import Entry, date_of

__all__ = ["aligned", "as_html", "cells"]


def cells(entry: Entry, place: object) -> list[str]:
    """What a listing tells of a run: place, number, date, plan, …, uid."""
    return [
        str(place),
        "" if entry.scan_id is None else str(entry.scan_id),
        date_of(entry.started),
        entry.plan,
        " x ".join(map(str, entry.shape)),
        ", ".join(entry.detectors),
        entry.status or "no stop",
        entry.uid[:8],
    ]


def aligned(rows: Sequence[Sequence[str]], right: int = 1) -> Iterator[str]:
    """Rows as lines of equal columns; columns without any text are left out.

    Parameters
    ----------
    rows
        Cells of each row.
    right
        How many of the first columns stand at the right edge: numbers.

    Examples
    --------
    >>> print(*aligned([["-10", "scan"], ["-1", "count"]]), sep="|")
    -10  scan| -1  count
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        parts = [
            f"{cell:>{width}}" if number < right else f"{cell:<{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        yield "  ".join(parts).rstrip()


def as_html(rows: Iterable[Sequence[str]], caption: str) -> str:
    """Rows of `cells` as a table for a notebook."""
    names = ("", "scan_id", "date", "plan", "shape", "detectors", "status", "uid")
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
