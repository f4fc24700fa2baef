"""Runs into files of their own, as DAQ_Viewer saves; knows no node names."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..building import local_time, make_dataset
from ..errors import PymoError, WriteError
from ..layouts import layout_named
from ..live.pictures import Pictures
from ..names import safe_name
from ..writer import PymodaqWriter
from ..writer.options import packed_by

__all__ = ["ContinuousSaving", "SnapshotSaving"]

log = logging.getLogger("pymo_bluesky")

_PICTURE = ".png"


class _OwnFile:
    """A callback that writes each run into a dataset of its own.

    Attributes
    ----------
    path
        The dataset of the run that goes on, or of the last one; None before the first.
    """

    def __init__(self, layout: str, writer: Mapping[str, Any]) -> None:
        taken = {"append_to", "template", "renew", "max_bytes"} & set(writer)
        if taken:
            raise PymoError(
                f"{', '.join(sorted(taken))}: this saving chooses the file itself; "
                "give what else `PymodaqWriter` takes"
            )
        self.layout = layout_named(layout)
        packed_by(writer.get("compression"), writer.get("compression_level"))
        self.path: Path | None = None
        self._options = dict(writer)
        self._writer: PymodaqWriter | None = None

    def _begin(self, start: Mapping[str, Any]) -> Path:
        """Make the empty dataset of a run."""
        raise NotImplementedError

    def obstacles(self) -> Iterator[str]:
        """Tell why a run that began now could not be saved; makes and writes nothing.

        Plans ask before anything moves: the start document comes after a background
        was taken and devices were staged.
        """
        raise NotImplementedError

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; the file is complete when the stop document returns."""
        if name == "start":
            self.close()
            self.path = self._begin(doc)
            self._writer = PymodaqWriter(
                self.path.parent, append_to=self.path, **self._options
            )
        if self._writer is None:
            raise PymoError(
                f"a {name} document belongs to no run that this saving saw start; "
                "give it to the plan, or subscribe it before the run begins"
            )
        self._writer(name, doc)
        if name == "stop":
            self.path = self._writer.paths[str(doc["run_start"])]
            self.close()

    def close(self) -> None:
        """Write the run that has not stopped as it is."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()


class ContinuousSaving(_OwnFile):
    """DAQ_Viewer's continuous saving: each run begins a new file, named by its time.

    The files are ``<base_path>/<year>/<day>/<base_name>_<day>_<time>.h5``, e.g.
    ``Data/2018/20181220/Data_20181220_16_58_48.h5``.

    Parameters
    ----------
    base_path
        Folder that is made when it is not there.
    base_name
        What the name of the file begins with.
    layout
        ``"pymodaq5"`` or ``"pymodaq3"``.
    **writer
        What else `PymodaqWriter` takes: `compression` and `compression_level`, say.

    Attributes
    ----------
    path
        The current path; None before the first run.

    Raises
    ------
    PymoError
        When nothing of `base_name` can stand in a file name.
    WriteError
        When a run starts and the folder cannot be made or written. Our plans refuse
        that before anything moves, as a `PlanError`.

    Examples
    --------
    >>> import tempfile
    >>> from event_model import compose_run
    >>> saving = ContinuousSaving(tempfile.mkdtemp(), "Data")
    >>> run = compose_run(time=1545321528.0)
    >>> saving("start", run.start_doc)
    >>> saving("stop", run.compose_stop())
    >>> saving.path.name[:14]
    'Data_20181220_'
    """

    def __init__(
        self,
        base_path: str | os.PathLike[str],
        base_name: str = "Data",
        *,
        layout: str = "pymodaq5",
        **writer: Any,
    ) -> None:
        super().__init__(layout, writer)
        self.base_path = Path(base_path).expanduser().absolute()
        self.base_name = safe_name(base_name)
        if not self.base_name:
            raise PymoError(f"base_name={base_name!r} gives no file name")

    def obstacles(self) -> Iterator[str]:
        """Tell why the folder cannot be made or written; makes and writes nothing."""
        yield from _obstacles(self.base_path)

    def _begin(self, start: Mapping[str, Any]) -> Path:
        when = local_time(start.get("time"))
        folder = self.base_path / f"{when:%Y}" / f"{when:%Y%m%d}"
        _make(folder)
        stem = f"{self.base_name}_{when:%Y%m%d_%H_%M_%S}"
        for n in itertools.count():
            # Two within one second, which PyMoDAQ's own names cannot tell apart.
            path = folder / (f"{stem}_{n:03d}.h5" if n else f"{stem}.h5")
            try:
                make_dataset(path, self.layout, start)
            except WriteError:
                if not path.exists():
                    raise
            else:
                return path
        raise AssertionError("the count has no end")


class SnapshotSaving(_OwnFile):
    """DAQ_Viewer's single save: one run in the file that the user names.

    A picture of what was measured lies beside it, with the suffix ``.png``; it replaces
    nothing either.

    Parameters
    ----------
    path
        Of the file; ``.h5`` is added when it has no suffix. Its folder is made when it
        is not there. No dataset is replaced.
    layout
        ``"pymodaq5"`` or ``"pymodaq3"``.
    picture
        Whether there is a picture; one that cannot be made is told in the log.
    **writer
        What else `PymodaqWriter` takes: `compression` and `compression_level`, say.

    Raises
    ------
    PymoError
        When `path` has the suffix of the picture.
    WriteError
        When the run starts and the file is there already, or cannot be made. Our plans
        refuse that before anything moves, as a `PlanError`.

    Examples
    --------
    >>> SnapshotSaving("beam").target.name
    'beam.h5'
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        layout: str = "pymodaq5",
        picture: bool = True,
        **writer: Any,
    ) -> None:
        super().__init__(layout, writer)
        self._pictures = Pictures() if picture else None
        target = Path(path).expanduser().absolute()
        self.target = target if target.suffix else target.with_suffix(".h5")
        if self.target.suffix.lower() == _PICTURE:
            raise PymoError(
                f"{target} would be a dataset with the name of a picture; "
                f"give {target.with_suffix('.h5').name!r}"
            )

    def obstacles(self) -> Iterator[str]:
        """Tell why the file cannot be made: it is there already, say."""
        if os.path.lexists(self.target):
            yield f"{self.target} is there already and is not replaced; give a new name"
        else:
            yield from _obstacles(self.target.parent)

    def _begin(self, start: Mapping[str, Any]) -> Path:
        _make(self.target.parent)
        make_dataset(self.target, self.layout, start)
        return self.target

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; file and picture are there when the stop returns."""
        super().__call__(name, doc)
        if self._pictures is None or self.path is None:
            return
        self._pictures(name, doc)
        if name == "stop":
            try:
                self._pictures.save(self.path.with_suffix(_PICTURE))
            except PymoError as error:
                log.warning("%s has no picture: %s", self.path, error)


def _obstacles(folder: Path) -> Iterator[str]:
    """Tell why no file can be made in a folder that may still have to be made."""
    there = next(f for f in (folder, *folder.parents) if os.path.lexists(f))
    if not there.is_dir():
        yield f"the folder {folder} cannot be made: {there} is no folder; give another"
    elif not os.access(there, os.W_OK | os.X_OK):
        yield f"nothing may be written into the folder {there}; give another"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            error.errno,
            f"the folder {folder} cannot be made: {error.strerror}; give another",
        ) from error
