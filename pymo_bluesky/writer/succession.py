"""Which dataset a run goes to: the current or a new one; knows only the start."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..building import has_swmr, layout_of, local_time, make_dataset
from ..errors import PymoError
from ..journal import abandoned
from ..layouts import Layout
from ..names import dataset_name, unknown_fields
from .claiming import claim

__all__ = ["TEMPLATE", "Renewal", "Succession"]

log = logging.getLogger("pymo_bluesky")

TEMPLATE = "{year}/{date}/Dataset_{date}"
"""Where PyMoDAQ itself puts its datasets; ``_NNN.h5`` comes behind."""

Renewal = Literal["day", "run", "never"]


class Succession:
    """The datasets of one writer, one after the other.

    Parameters
    ----------
    directory
        Base folder.
    layout
        Of new datasets.
    template, renew, max_bytes
        As for `PymodaqWriter`.

    Attributes
    ----------
    current
        The dataset of the next run; None when that begins a new one.

    Raises
    ------
    PymoError
        For a template that gives no name, or an unknown `renew`.
    """

    def __init__(
        self,
        directory: Path,
        layout: Layout,
        *,
        template: str = TEMPLATE,
        renew: Renewal = "day",
        max_bytes: int | None = None,
    ) -> None:
        dataset_name(template, {}, _times(0.0))  # a wrong template is told at once
        if renew not in ("day", "run", "never"):
            raise PymoError(f"renew={renew!r}: 'day', 'run' or 'never' is expected")
        self.current: Path | None = None
        self.layout = layout
        self._directory = directory
        self._template = template
        self._renew: Renewal = renew
        self._max_bytes = max_bytes
        self._day = ""
        self._unknown: set[str] = set()

    def go_on_with(self, path: Path, layout: str | None = None) -> None:
        """Begin with an existing dataset, ours or PyMoDAQ's, in its own layout.

        Raises
        ------
        FormatError
            When it is no PyMoDAQ dataset, or one of before 2.0.1.
        PymoError
            When another `layout` is asked for than its own.
        """
        dataset = path.expanduser().absolute()
        if self._renew == "run":
            raise PymoError(
                f"append_to={dataset.name!r} wants one dataset for all runs, and "
                "renew='run' one for each; leave one of them away"
            )
        self.current = dataset
        self.layout = layout_of(dataset)
        if layout not in (None, self.layout.name):
            raise PymoError(
                f"{dataset} has the layout {self.layout.name!r}, and "
                f"layout={layout!r} was asked for; a dataset goes on in its own. Leave "
                "`layout` away, or `append_to`"
            )
        if self.layout.name == "pymodaq5" and not has_swmr(dataset):
            log.warning(
                "%s was made without SWMR: after this, PyMoDAQ 5.3 adds scans to it "
                "only while 'Enable SWMR' is off in its saving options",
                dataset.name,
            )

    def take(self, start: Mapping[str, Any]) -> Path:
        """The dataset for a run that starts."""
        day = _times(start.get("time"))["date"]
        new_day = self._renew == "day" and self._day not in ("", day)
        if self.current is None or new_day or not self._has_room(self.current):
            self.current = self._claim(start)
        self._day = day
        return self.current

    def take_other(self, than: Path, start: Mapping[str, Any]) -> Path:
        """A dataset for a run whose own cannot be had, in the same folder as that."""
        self.leave(than)
        here = self.current is not None and self.current.parent == than.parent
        if self.current is None or not here or self._renew == "run":
            self.current = self._claim(start, than.parent)
        return self.current

    def take_elsewhere(self, folder: Path, start: Mapping[str, Any]) -> Path:
        """A new dataset in a folder of its own, for a run whose own disk fails."""
        return self._claim(start, folder)

    def leave(self, dataset: Path) -> None:
        """Let a dataset have no more scans."""
        if self.current == dataset:
            self.current = None

    def _has_room(self, path: Path) -> bool:
        try:
            size = path.stat().st_size
        except OSError:
            return False
        full = self._max_bytes is not None and size >= self._max_bytes
        return not full and self._renew != "run"

    def _claim(self, start: Mapping[str, Any], folder: Path | None = None) -> Path:
        times = _times(start.get("time"))
        name = dataset_name(self._template, start, times)
        for field, like in unknown_fields(self._template, start, times):
            if field not in self._unknown:
                self._unknown.add(field)
                log.warning(
                    "template %r: the start document has no %r%s; 'none' stands in the "
                    "name of %s",
                    self._template,
                    field,
                    f" (is {like!r} meant?)" if like else "",
                    name,
                )
        folder = folder or self._directory / name.parent
        path = claim(folder, name.name, lambda p: make_dataset(p, self.layout, start))
        left = abandoned(folder)
        if left:
            log.warning(
                "%d runs were cut off: `pymo-bluesky recover %s` makes scans of them",
                len(left),
                folder,
            )
        return path


def _times(began: Any) -> dict[str, str]:
    """What a template can say of the time of a run."""
    when = local_time(began)
    return {
        "date": when.strftime("%Y%m%d"),
        "year": when.strftime("%Y"),
        "time": when.strftime("%H_%M_%S"),
    }
