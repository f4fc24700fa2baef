"""What the bridge uses of PyMoDAQ and Qt, imported on demand; knows nothing of ophyd.

``import pymodaq`` takes 10 to 15 s and imports Qt and every installed plugin (5.3.8),
so nothing here does it before a plugin is built.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from dataclasses import dataclass
from typing import Any

from pymo_bluesky.devices.plugins.errors import PluginError
from pymo_bluesky.errors import MissingExtraError

__all__ = ["Toolkit", "toolkit"]


@dataclass(frozen=True, slots=True)
class Toolkit:
    """The names that the bridge uses of other packages.

    Attributes
    ----------
    qt
        ``qtpy.QtCore``.
    parameter
        ``pymodaq_gui.parameter.Parameter``: a tree of settings.
    data_actuator
        ``pymodaq.utils.data.DataActuator``: a position with its unit.
    application
        Qt's one application; plugins that build a widget abort Python without it.
    """

    qt: Any
    parameter: Any
    data_actuator: Any
    application: Any


@functools.cache
def toolkit() -> Toolkit:
    """Import PyMoDAQ, and start Qt if nobody has.

    Raises
    ------
    MissingExtraError
        When pymodaq, or Qt, is not installed.
    PluginError
        When they are, and cannot be imported; or outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise PluginError(
            "Qt belongs to the main thread: build the first PyMoDAQ plugin there"
        )
    if not _has_screen():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        # Neither has types, and an installation without the extra has neither.
        import qtpy  # pyright: ignore[reportMissingImports]
        from qtpy import QtCore, QtWidgets  # pyright: ignore[reportMissingImports]

        _refuse_binding(qtpy.API_NAME, qtpy.PYSIDE_VERSION)
        # A QCoreApplication would do for most plugins, but then nobody could make the
        # QApplication that Matplotlib's windows need.
        application = QtCore.QCoreApplication.instance() or QtWidgets.QApplication(
            sys.argv[:1]
        )
        from pymodaq.utils.data import (  # pyright: ignore[reportMissingImports]
            DataActuator,
        )
        from pymodaq_gui.parameter import (  # pyright: ignore[reportMissingImports]
            Parameter,
        )
    except PluginError:
        raise
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error.name or "pymodaq", "pymodaq") from error
    except Exception as error:
        raise PluginError(_broken(error)) from error
    return Toolkit(QtCore, Parameter, DataActuator, application)


def _refuse_binding(name: str, version: str | None) -> None:
    # Its QTimer.stop() returns None without a reference to it: a poll too many, and
    # Python dies of "deallocating None". Seen with 6.12.0; 6.11.3 is well. From Python
    # 3.12 on, None is immortal.
    if name == "PySide6" and version == "6.12.0" and sys.version_info < (3, 12):
        raise PluginError(
            "PySide6 6.12.0 ends Python 3.11 after some thousand timers; pip install "
            '"pyside6-essentials!=6.12.0"'
        )


def _has_screen() -> bool:
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in screens)


def _broken(error: Exception) -> str:
    return (
        "PyMoDAQ is installed but cannot be imported: "
        f"{type(error).__name__}: {error}; it needs a home folder to write to; without "
        "a Qt binding: pip install pyside6-essentials; without its libraries: "
        "apt-get install libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3 "
        "libglib2.0-0"
    )
