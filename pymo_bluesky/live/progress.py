"""How far a run is, and how long it will take, in one line; knows no plans."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

import numpy as np

from .guarding import Guarded

__all__ = ["Progress"]

_KNOWN = (
    "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
    "{elapsed}<{remaining}{postfix}"
)
_ENDLESS = "{desc} {n_fmt} points {elapsed} {rate_fmt}{postfix}"


class _Screen:
    """A terminal that may be gone: told behind tqdm's back.

    An error inside of tqdm would leave its lock closed, for all bars of the process.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.error: Exception | None = None

    def write(self, text: str) -> None:
        try:
            self._file.write(text)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.error = error

    def flush(self) -> None:
        try:
            self._file.flush()
        except (OSError, ValueError) as error:
            self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Progress:
    """A progress bar for each run: points done, time left, the place in each dimension.

    Parameters
    ----------
    file
        Where it is written; by default standard error.
    enabled
        By default only in a terminal.

    Attributes
    ----------
    before
        A callback that clears the line. Subscribe it before what prints (a table), and
        the bar itself after that: they do not mix then.

    Examples
    --------
    >>> import io
    >>> screen = io.StringIO()
    >>> progress = Progress(screen, enabled=True)
    >>> start = {"uid": "4b1d", "plan_name": "grid_scan", "num_points": 6,
    ...          "shape": [2, 3], "motors": ["y", "x"]}
    >>> progress("start", start)
    >>> progress("descriptor", {"uid": "d", "name": "primary", "run_start": "4b1d"})
    >>> for n in range(1, 5):
    ...     progress("event", {"descriptor": "d", "seq_num": n})
    >>> progress("stop", {"run_start": "4b1d"})
    >>> screen.getvalue().splitlines()[-1].strip().endswith("y 2/2, x 1/3")
    True
    """

    def __init__(
        self, file: TextIO | None = None, *, enabled: bool | None = None
    ) -> None:
        screen = sys.stderr if file is None else file
        self.enabled = screen.isatty() if enabled is None else enabled
        self._screen = _Screen(screen)
        self._run = ""
        self._bar: Any = None
        self._shape: list[int] = []
        self._names: list[str] = []
        self._stream: str | None = None
        self._counted: dict[
            str, int
        ] = {}  # descriptor to points, of streams that count
        self._take = Guarded(self._checked, "the progress bar")
        self.before = Guarded(self._clear, "the progress bar")

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document."""
        if self.enabled:
            self._take(name, doc)

    def _checked(self, name: str, doc: Mapping[str, Any]) -> None:
        self._screen.error = None
        try:
            self._document(name, doc)
            if self._screen.error is not None:
                raise self._screen.error
        except Exception:
            self._run = ""  # the next run has a bar again
            raise

    def _document(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start" and not self._run:  # one inside of another shows no bar
            self._start(doc)
        elif name == "descriptor" and doc["run_start"] == self._run:
            if self._stream in (None, doc["name"]):
                self._counted[doc["uid"]] = 0
        elif name in ("event", "event_page") and doc["descriptor"] in self._counted:
            self._reach(doc["descriptor"], int(np.max(doc["seq_num"], initial=0)))
        elif name == "stream_datum" and doc["descriptor"] in self._counted:
            self._reach(doc["descriptor"], int(doc["seq_nums"]["stop"]) - 1)
        elif name == "stop" and doc["run_start"] == self._run:
            self._run = ""
            self._bar.refresh()
            self._bar.close()

    def _start(self, doc: Mapping[str, Any]) -> None:
        from tqdm import tqdm

        self._run = str(doc["uid"])
        self._counted = {}
        self._shape, self._names = _dimensions(doc)
        total = _total(doc, self._shape)
        self._stream = None if doc.get("plan_name") == "log" else _stream(doc)
        self._bar = tqdm(
            total=total,
            desc=str(doc.get("plan_name", "run")),
            bar_format=_ENDLESS if total is None else _KNOWN,
            file=cast(Any, self._screen),
            dynamic_ncols=True,
            unit=" points",
            leave=True,
        )

    def _reach(self, descriptor: str, seq_num: int) -> None:
        """Count up to a point; one that is measured again counts once."""
        self._counted[descriptor] = max(self._counted[descriptor], seq_num)
        done = sum(self._counted.values())
        self._bar.set_postfix_str(_place(done, self._shape, self._names), refresh=False)
        self._bar.update(done - self._bar.n)

    def _clear(self, name: str, doc: Mapping[str, Any]) -> None:
        if self.enabled and self._run and self._bar is not None:
            self._bar.clear()


def _dimensions(start: Mapping[str, Any]) -> tuple[list[int], list[str]]:
    """Lengths and names of the dimensions, slow to fast; empty when it has but one."""
    shape, motors = start.get("shape"), start.get("motors")
    if not _is_list(shape) or not all(
        type(n) is int and n > 0 for n in cast(Any, shape)
    ):
        return [], []
    lengths = list(cast("Sequence[int]", shape))
    names = list(map(str, cast(Any, motors))) if _is_list(motors) else []
    if len(lengths) < 2:
        return [], []
    if len(names) != len(lengths):
        names = [f"dimension {n}" for n in range(len(lengths))]
    return lengths, names


def _total(start: Mapping[str, Any], shape: Sequence[int]) -> int | None:
    arguments = start.get("plan_args")
    asked = cast(Any, arguments).get("num") if isinstance(arguments, Mapping) else None
    for number in (start.get("num_points"), math.prod(shape) if shape else None, asked):
        if type(number) is int and number > 0:
            return number
    return None


def _stream(start: Mapping[str, Any]) -> str:
    hints = start.get("hints")
    dimensions = (
        cast(Any, hints).get("dimensions") if isinstance(hints, Mapping) else ()
    )
    return str(dimensions[0][1]) if dimensions else "primary"


def _place(done: int, shape: Sequence[int], names: Sequence[str]) -> str:
    """Where a point lies, e.g. ``"y 2/11, x 4/13"``."""
    if not shape or not 0 < done <= math.prod(shape):
        return ""
    place = np.unravel_index(done - 1, shape)
    each = zip(names, place, shape, strict=True)
    return ", ".join(f"{name} {n + 1}/{length}" for name, n, length in each)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))
