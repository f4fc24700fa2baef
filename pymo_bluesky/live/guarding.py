"""Callbacks that cannot harm a run; knows nothing of what they show."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Guarded", "has_display", "qt_fault", "windows_open"]

log = logging.getLogger("pymo_bluesky")

_ONE_THREAD = ("tk", "gtk", "wx", "macosx")  # backends of matplotlib
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_FIRST_WINDOW = (
    "from matplotlib.backends.qt_compat import QtWidgets; QtWidgets.QApplication([])"
)
_PATIENCE = 30.0  # s; a display behind ssh is slow


def has_display() -> bool:
    """Whether windows can be opened.

    Examples
    --------
    >>> isinstance(has_display(), bool)
    True
    """
    windowed = sys.platform in ("win32", "darwin")
    return windowed or any(os.environ.get(name) for name in _SCREENS)


def windows_open() -> bool:
    """Whether windows can be drawn on while a plan runs: a display, and Qt.

    Documents come in the engine's thread. Bluesky hands them over to the main thread
    for Qt only; Tk, GTK, wx and macOS end the program when another thread draws, Tk
    with "Calling Tcl from different apartment". A backend without windows is safe.

    Examples
    --------
    >>> isinstance(windows_open(), bool)
    True
    """
    if not has_display():
        return False
    try:
        import matplotlib
    except ModuleNotFoundError:
        return False
    return not matplotlib.get_backend().lower().startswith(_ONE_THREAD)


def qt_fault(backend: str) -> str:
    """Say why Qt opens no window here; nothing when it does, or is not asked for.

    Qt ends the program when it lacks a library of the system (Qt 6.5 asks for
    libxcb-cursor0, which pip cannot install): so another process opens the first one.

    Parameters
    ----------
    backend
        Of matplotlib, in lower case.

    Returns
    -------
    str
        What Qt said, in one line; ``""`` when all is well.

    Examples
    --------
    >>> qt_fault("agg")
    ''
    """
    if not backend.startswith("qt"):
        return ""
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _FIRST_WINDOW],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no window within {_PATIENCE:g} s"
    if tried.returncode == 0:
        return ""
    said = [line.strip() for line in tried.stderr.splitlines() if line.strip()]
    if not said:
        return f"exit code {tried.returncode}"
    return said[-1 if said[0].startswith("Traceback") else 0]


class Guarded:
    """Calls a callback; when it fails, says so once and is quiet until the next run.

    Parameters
    ----------
    callback
        Takes name and document.
    what
        What the log calls it.

    Examples
    --------
    >>> heard = []
    >>> guarded = Guarded(lambda name, doc: heard.append(1 / 0), "a plot")
    >>> guarded("event", {})
    >>> heard
    []
    """

    def __init__(self, callback: Callable[..., Any], what: str) -> None:
        self._callback = callback
        self._what = what
        self._failed = False

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Pass one document on."""
        self.through(name, doc)

    def through(self, name: str, doc: Mapping[str, Any], **how: Any) -> None:
        """Pass one document on, with what else the callback takes."""
        if name == "start":
            self._failed = False
        if self._failed:
            return
        try:
            self._callback(name, doc, **how)
        except Exception as error:  # noqa: BLE001 - a view is worth no run
            self._failed = True
            log.warning(
                "%s failed (%s: %s) and is off for the rest of the run, which goes on",
                self._what,
                type(error).__name__,
                error,
            )
