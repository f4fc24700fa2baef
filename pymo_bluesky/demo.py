"""The demonstration: plans on the simulated lab, their dataset, and all back again.

Knows how a user works with this package, and nothing of how files are made.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import bluesky.plans as bp
import numpy as np
from bluesky import RunEngine
from bluesky.utils import RunEngineInterrupted
from tqdm import tqdm

from .compression import Library
from .errors import MissingExtraError, PymoError, WriteError
from .instrument import Devices, data_folder, load_devices
from .layouts import layout_named
from .plotting import save_map
from .reader import open_dataset, replay
from .replaying.comparing import differences
from .writer import PymodaqWriter

__all__ = ["run_demo"]

_ABOUT = {"sample": "simulated beam", "operator": "pymo-bluesky demo"}
_MAPPED = "photodiode_signal"


def run_demo(
    directory: str | os.PathLike[str],
    *,
    layout: str = "pymodaq5",
    compression: Library | None = None,
    compression_level: int | None = None,
) -> bool:
    """Scan the simulated lab, write a dataset, and show what can be done with it.

    Parameters
    ----------
    directory
        Base folder of the datasets; nothing in it is replaced.
    layout
        Of the dataset: ``"pymodaq5"`` or ``"pymodaq3"``.
    compression, compression_level
        As for `PymodaqWriter`.

    Returns
    -------
    bool
        Whether the dataset gives back the very documents that went in.

    Raises
    ------
    PymoError
        When something that the demonstration needs is missing or fails.

    Examples
    --------
    >>> import tempfile
    >>> run_demo(tempfile.mkdtemp())  # doctest: +SKIP
    True
    """
    if find_spec("matplotlib") is None:  # not only when all is measured
        raise MissingExtraError.of("matplotlib", "demo")
    layout_named(layout)
    try:  # before a plan runs, whose abort would bury the reason
        Path(directory).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"the folder {directory} cannot be made: {error.strerror}; give --out a "
            "folder that can be made and written"
        ) from error
    began = time.monotonic()
    devices = load_devices("simulated_lab")
    if devices.failed:
        raise PymoError(f"the simulated lab is not complete: {devices.failed[0]}")
    with PymodaqWriter(
        directory,
        layout=layout,
        renew="never",
        compression=compression,
        compression_level=compression_level,
    ) as writer:
        documents = _measure(writer, devices)
    dataset = writer.path
    assert dataset is not None, "two runs were written"
    _tell_tree(dataset)
    same = _tell_replay(dataset, documents)
    picture = _save_picture(dataset)
    _tell_next(dataset, picture, Path(directory))
    print(f"\nAll of this took {time.monotonic() - began:.0f} s.")
    return same


class _Documents:
    """Collects documents as they are when they come, and shows the progress."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._bar: Any = None

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        self.seen.append((name, deepcopy(dict(doc))))
        if name == "start":
            self._bar = tqdm(
                total=doc["num_points"],
                desc=f"  {doc['plan_name']} over {', '.join(doc['motors'])}",
                bar_format="{desc:<24}{bar:30} {n_fmt:>3}/{total_fmt} points",
                file=sys.stdout,
                # Into a file each state of the bar would be a line to read.
                mininterval=0.1 if sys.stdout.isatty() else 60.0,
            )
        elif name in ("event", "event_page"):
            self._bar.update(np.size(doc["seq_num"]))
        elif name == "stop":
            self._bar.close()


def _measure(
    writer: PymodaqWriter, devices: Devices
) -> list[tuple[str, dict[str, Any]]]:
    """Run a scan and a snaked grid scan; return their documents."""
    engine = RunEngine()
    documents = _Documents()
    engine.subscribe(writer)
    engine.subscribe(documents)
    detectors = [devices.photodiode, devices.spectrometer, devices.camera]
    x, y = devices.x, devices.y
    print(f"Two plans over {', '.join(d.name for d in detectors)}:", flush=True)
    try:
        engine(bp.scan(detectors, x, -4, 4, 25, md=_ABOUT))
        grid = (y, -3, 3, 11, x, -4, 4, 13)
        engine(bp.grid_scan(detectors, *grid, snake_axes=True, md=_ABOUT))
    except RunEngineInterrupted as error:
        engine.abort("interrupted by the user")
        raise PymoError(
            f"interrupted; what was measured is in {writer.path}"
        ) from error
    return documents.seen


def _tell_tree(dataset: Path) -> None:
    print(f"\n{dataset}")
    print(open_dataset(dataset).tree(settings=False))


def _tell_replay(dataset: Path, documents: list[tuple[str, dict[str, Any]]]) -> bool:
    print(f"\nReplaying {dataset.name}: ", end="")
    found = list(differences(documents, replay(dataset)))
    for line in found[:10]:
        print(f"\n  {line}", end="")
    if found:
        print(f"\nThe documents are NOT the same: {len(found)} differences.")
    else:
        print(
            f"the same {len(documents)} documents that the plans emitted, bit for bit."
        )
    return not found


def _save_picture(dataset: Path) -> Path:
    """Draw the grid scan as it lies in the dataset."""
    scan = open_dataset(dataset).scans[1]
    arrays = {k: v for module in scan.detectors for k, v in module.arrays.items()}
    y, x = scan.axes
    picture = dataset.with_name(f"{dataset.stem}_{scan.name}.png")
    return save_map(
        picture, arrays[_MAPPED], (y, x), title=f"{dataset.stem} {scan.name}"
    )


def _tell_next(dataset: Path, picture: Path, directory: Path) -> None:
    print(f"A map of {_MAPPED}: {picture}")
    file, data = shlex.quote(str(dataset)), shlex.quote(str(directory.absolute()))
    profile = shlex.quote(str(data_folder("profiles") / "profile_pymodaq"))
    ours = _program("pymo-bluesky", "pymo_bluesky")
    ipython = _program("ipython", "IPython")
    print("\nGo on:")
    print(f"  look at it in PyMoDAQ   h5browser --input {file}")
    print(f"  look at it here         {ours} show --settings {file}")
    print(f"  get the documents       {ours} replay --jsonl - {file}")
    print(
        f"  measure yourself        PYMO_DATA={data} {ipython} --profile-dir={profile}"
    )


def _program(name: str, module: str) -> str:
    """How this environment's program is called from here, be it activated or not."""
    here = Path(sys.executable).with_name(name)
    if not here.exists():
        return f"{shlex.quote(sys.executable)} -m {module}"
    found = which(name)
    return name if found and Path(found) == here else shlex.quote(str(here))
