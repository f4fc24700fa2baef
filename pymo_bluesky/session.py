"""What the IPython profile starts, as functions; knows nothing of file formats.

A step that fails is told in one line and leaves the others, and the prompt, alone.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pymo_bluesky.errors import MissingExtraError, WriteError

__all__ = ["data_directory", "start_session", "user_folder"]

Namespace = MutableMapping[str, Any]

# The order in which the banner names what there is.
_TOLD = (
    "RE",
    "bec",
    "writer",
    "bp",
    "bps",
    "bpp",
    "plans",
    "preview",
    "replay",
    "recover",
    "catalog",
    "load_devices",
)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def data_directory(directory: str | Path | None = None) -> Path:
    """Return the folder of datasets, made when it is not there.

    Parameters
    ----------
    directory
        By default the environment's ``PYMO_DATA``, or ``~/pymodaq_data``.

    Raises
    ------
    WriteError
        When it cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data_directory(Path(folder) / "data").name
    'data'
    """
    chosen = directory or os.environ.get("PYMO_DATA") or Path.home() / "pymodaq_data"
    path = Path(chosen).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"the folder of datasets {path} cannot be made: {error}; give another "
            "by PYMO_DATA or start_session(..., directory=...)"
        ) from error
    return path


def user_folder(kind: str) -> Path:
    """Return a folder for what a user keeps between sessions, made when needed.

    Parameters
    ----------
    kind
        ``"metadata"`` for `RE.md`, ``"history"`` for the prompt's.

    Raises
    ------
    MissingExtraError
        When platformdirs is not installed.
    """
    try:
        from platformdirs import user_data_path
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("platformdirs", "session") from error
    path = user_data_path("pymo_bluesky") / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(slots=True)
class _Startup:
    """One start of a session: the names it gives, and what failed."""

    names: Namespace
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, consequence: str) -> Iterator[None]:
        """Tell in one line when the step fails, and what that means to the user."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the prompt matters more
            self.failed.append(name)
            reason = " ".join(str(error).split())
            _tell(f"! {name}: {type(error).__name__}: {reason}; {consequence}")


def start_session(
    user_ns: Namespace,
    devices: str | Path = "simulated_lab",
    directory: str | Path | None = None,
    *,
    layout: str = "pymodaq5",
    required: Mapping[str, Any] | None = None,
) -> list[str]:
    """Give a prompt all that it takes to measure.

    Parameters
    ----------
    user_ns
        Where the names go, ``get_ipython().user_ns``: RE, bec, writer, devices and
        each device by its name, bp, bps, bpp, plans, preview, replay, recover,
        catalog, data_directory.
    devices
        What `load_devices` takes.
    directory
        What `data_directory` takes.
    layout
        Of the datasets: ``"pymodaq5"`` or ``"pymodaq3"``.
    required
        Metadata that a run may not lack, as `plans.required_metadata` takes them.

    Returns
    -------
    list of str
        The steps that failed; each has been told in one line.

    Examples
    --------
    In a startup file of an IPython profile::

        start_session(get_ipython().user_ns, devices="/home/me/lab/room12.yml")
    """
    startup = _Startup(user_ns)
    # The writer comes before all other subscribers: they may change documents.
    for start in (_start_engine, _start_plans):
        start(startup)
    if required:
        with startup.step("required", "runs may begin without these metadata"):
            user_ns["plans"].required_metadata(user_ns["RE"], required)
    _start_writer(startup, directory, layout)
    _start_table(startup)
    _start_devices(startup, devices)
    _start_magics(startup)
    _tell(_banner(user_ns))
    return startup.failed


def _start_engine(startup: _Startup) -> None:
    with startup.step("RE", "no plan can run; install pymo-bluesky again"):
        from bluesky import RunEngine
        from bluesky.utils import ProgressBarManager

        metadata: Any = {}
        with startup.step("RE.md", "scan numbers begin anew with each session"):
            metadata = _persistent_metadata()
        engine: Any = RunEngine(metadata)
        engine.waiting_hook = ProgressBarManager()
        engine.preprocessors.append(_explaining(engine))
        startup.names["RE"] = engine


def _explaining(engine: Any) -> Any:
    """Let the stop documents of all plans say why, also what ``RE.abort`` was told."""
    from pymo_bluesky.plans.reasons import why_wrapper

    # Bluesky keeps the reason there, and uses it for runs that are still open only.
    return partial(why_wrapper, asked=lambda: str(getattr(engine, "_reason", "")))


def _persistent_metadata() -> MutableMapping[str, Any]:
    try:
        import zict  # noqa: F401 - PersistentDict only says RuntimeError
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("zict", "session") from error
    from bluesky.utils import PersistentDict

    folder = user_folder("metadata")
    _hold(folder.with_suffix(".lock"))
    return PersistentDict(str(folder))


def _hold(lock: Path) -> None:
    """Keep other sessions from the metadata: zict serves one process at a time."""
    file = lock.open("a")
    atexit.register(file.close)  # which also keeps it open until then
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise WriteError(
            f"another session uses {lock.with_suffix('')}; close it, then start again"
        ) from error


def _start_plans(startup: _Startup) -> None:
    with startup.step("bp, bps, bpp", "there are no plans"):
        import bluesky.plan_stubs
        import bluesky.plans
        import bluesky.preprocessors

        startup.names.update(
            bp=bluesky.plans, bps=bluesky.plan_stubs, bpp=bluesky.preprocessors
        )
    with startup.step("plans", "PyMoDAQ's scans are not there; bluesky's are"):
        import pymo_bluesky.plans

        startup.names["plans"] = pymo_bluesky.plans
        startup.names["preview"] = pymo_bluesky.plans.preview


def _start_writer(startup: _Startup, directory: str | Path | None, layout: str) -> None:
    names = startup.names
    with startup.step("writer", "RUNS ARE NOT SAVED"):
        from pymo_bluesky import PymodaqWriter

        names["data_directory"] = data_directory(directory)
        writer = PymodaqWriter(names["data_directory"], layout=layout)
        atexit.register(writer.close)
        names["writer"] = writer
        names["RE"].subscribe(writer)
    with startup.step("replay", "datasets cannot be read back here"):
        from pymo_bluesky import replay

        names["replay"] = replay
    with startup.step("recover", "`pymo-bluesky recover DIR` does it"):
        _offer_recovery(names)
    with startup.step("catalog", "datasets can still be opened one by one"):
        from pymo_bluesky import open_catalog

        names["catalog"] = open_catalog(names["data_directory"])


def _offer_recovery(names: Namespace) -> None:
    """Say which runs a crash cut off, and what makes scans of them."""
    from pymo_bluesky import recover
    from pymo_bluesky.recovery import cut_off
    from pymo_bluesky.writer.rescue import rescue_folders

    names["recover"] = recover
    folders = [names.get("data_directory"), *rescue_folders()]
    for folder in filter(None, folders):
        left = cut_off(folder)
        if left:
            runs = "1 run was" if len(left) == 1 else f"{len(left)} runs were"
            _tell(f"! {runs} cut off: recover({str(folder)!r}) makes scans of that")


def _start_table(startup: _Startup) -> None:
    with startup.step("bec", "no live tables and plots"):
        try:
            import matplotlib
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("matplotlib", "session") from error
        if not _has_display():
            matplotlib.use("Agg")
        from bluesky.callbacks.best_effort import BestEffortCallback

        table = BestEffortCallback()
        table.disable_plots()
        if _has_display():
            _start_plots(startup, matplotlib, table)
        startup.names["bec"] = table
        progress, engine = _progress(startup), startup.names["RE"]
        if progress is not None:
            engine.subscribe(progress.before)
        engine.subscribe(table)
        if progress is not None:
            engine.subscribe(progress)
    if "bec" in startup.names and "plots" not in startup.failed and _windows_open():
        _start_views(startup)


def _start_plots(startup: _Startup, matplotlib: Any, table: Any) -> None:
    from pymo_bluesky.live.guarding import qt_fault

    with startup.step("plots", "tables only; is DISPLAY what it should be?"):
        # IPython does not know MPLBACKEND=TkAgg, as it is spelt everywhere.
        backend = matplotlib.get_backend().lower()
        if fault := qt_fault(backend):
            matplotlib.use("Agg")
            raise RuntimeError(f"Qt opens no window: {fault}")
        matplotlib.use(backend)
        if (shell := _ipython()) is not None:
            shell.enable_matplotlib()
        if _windows_open():
            table.enable_plots()
        else:
            _tell(
                f"! plots: live plots need Qt, and matplotlib has {backend}; there are "
                "tables only; pip install pyside6-essentials"
            )


def _progress(startup: _Startup) -> Any:
    with startup.step("progress", "no bar with the time left"):
        from pymo_bluesky.live import Progress

        startup.names["progress"] = Progress()
        return startup.names["progress"]


def _start_views(startup: _Startup) -> None:
    with startup.step("views", "no live maps, spectra and cameras"):
        from pymo_bluesky.live import LivePlots

        startup.names["views"] = LivePlots()
        startup.names["RE"].subscribe(startup.names["views"])


def _has_display() -> bool:
    from pymo_bluesky.live.guarding import has_display

    return has_display()


def _windows_open() -> bool:
    from pymo_bluesky.live.guarding import windows_open

    return windows_open()


def _start_devices(startup: _Startup, file: str | Path) -> None:
    names = startup.names
    with startup.step("devices", "load others by load_devices('…')"):
        from pymo_bluesky import load_devices

        names["load_devices"] = load_devices
        loaded = load_devices(file)
        names["devices"] = loaded
        for name, device in loaded.items():
            with startup.step(name, f"it is devices[{name!r}] only"):
                if name in names:
                    raise ValueError("the session has this name already")
                names[name] = device


def _ipython() -> Any:
    if "IPython" not in sys.modules:  # a script, or a test
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def _start_magics(startup: _Startup) -> None:
    with startup.step("magics", "%mov, %wa, %ct are not there"):
        if (shell := _ipython()) is not None:
            from bluesky.magics import BlueskyMagics

            shell.register_magics(BlueskyMagics)


def _banner(names: Namespace) -> str:
    """Say what is there, and the next command, of what did start."""
    devices = names.get("devices", {})
    lines = [
        "pymo_bluesky: " + ", ".join(n for n in _TOLD if n in names),
        f"  devices   {', '.join(devices) or 'none'}",
    ]
    if "writer" in names:
        lines.append(f"  datasets  go to {names['data_directory']}")
    if (plan := _first_plan(devices)) and "bp" in names:
        lines.append(f"  next      RE({plan})")
        if "replay" in names:
            lines.append("  and then  writer.path; list(replay(writer.path))")
    return "\n".join(lines)


def _first_plan(devices: Mapping[str, Any]) -> str | None:
    """Write a scan of the first thing that moves over all that measure."""
    moves = [name for name, device in devices.items() if hasattr(device, "position")]
    measure = [name for name in devices if name not in moves]
    if not moves or not measure:
        return None
    low, high = getattr(devices[moves[0]], "limits", None) or (0, 0)
    low, high = (low, high) if low < high else (-1, 1)
    span = (f"{low / 4:g}", f"{high / 4:g}")
    return f"bp.scan([{', '.join(measure)}], {moves[0]}, {', '.join(span)}, 11)"
