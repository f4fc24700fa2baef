"""What reading costs: replay, pages and arrays beside raw h5py; opening; importing.

CPU time, the best of some repetitions; imports and listings are processes of their own.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from large import make
from subjects import RawHDF5
from workloads import workload

_ROOT = Path(__file__).parents[1]
_READ = ("W1", "W2", "W3")


def reading_table(scale: float, scans: int, repetitions: int) -> str:
    """Markdown: a table of workloads, and one of opening and importing."""
    lines = [
        "| read | raw h5py ms | arrays ms | raw/arrays | both open already | "
        "pages ms | raw/pages | events/s | as pages/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory(prefix="pymo-bench-") as folder:
        for name in _READ:
            lines.append(_line(name, scale, repetitions, Path(folder, name)))
        lines += ["", *_opening(make(Path(folder, "large"), scans), scans, repetitions)]
    return "\n".join(lines)


def _line(name: str, scale: float, repetitions: int, folder: Path) -> str:
    from pymo_bluesky import PymodaqWriter, replay

    work = workload(name, scale)
    (folder / "raw").mkdir(parents=True)
    raw = RawHDF5(folder / "raw")
    with PymodaqWriter(folder / "ours", renew="never", template="a") as ours:
        for kind, doc in work.runs[0]:
            raw(kind, doc)
            ours(kind, doc)
    path, other = ours.path, next((folder / "raw").glob("*.h5"))
    assert path is not None

    def spend(pages: bool) -> None:
        for _ in replay(path, pages=pages):
            pass

    by_hand = _best(lambda: _raw_arrays(other), repetitions)
    arrays = _best(lambda: _our_arrays(path), repetitions)
    opened = _both_open(other, path, repetitions)
    events = _best(lambda: spend(False), repetitions)
    pages = _best(lambda: spend(True), repetitions)
    return (
        f"| {name} | {1e3 * by_hand:.1f} | {1e3 * arrays:.1f} | {by_hand / arrays:.2f} "
        f"| {opened:.2f} | {1e3 * pages:.1f} | {by_hand / pages:.2f} "
        f"| {work.events / events:,.0f} | {work.events / pages:,.0f} |"
    )


def _best(function: Callable[[], object], repetitions: int) -> float:
    found: list[float] = []
    for _ in range(max(3, repetitions)):
        cpu = time.process_time()
        function()
        found.append(time.process_time() - cpu)
    return min(found)


def _raw_arrays(path: Path) -> int:
    with h5py.File(path) as file:
        return sum(array[()].nbytes for array in _of_raw(file))


def _of_raw(file: h5py.File) -> list[h5py.Dataset]:
    group = file["primary"]
    return [group[name] for name in group if name.startswith("d_")]


def _our_arrays(path: Path) -> int:
    from pymo_bluesky import open_dataset

    with open_dataset(path) as dataset:
        return sum(np.asarray(array.data).nbytes for array in _of_ours(dataset))


def _of_ours(dataset: Any) -> list[Any]:
    return [
        array
        for scan in dataset.scans
        for module in scan.modules
        for array in module.arrays.values()
    ]


def _both_open(raw: Path, ours: Path, repetitions: int) -> float:
    """Raw h5py to ours, when files were opened and looked at before."""
    from pymo_bluesky import open_dataset

    with h5py.File(raw) as file, open_dataset(ours) as dataset:
        by_hand, arrays = _of_raw(file), _of_ours(dataset)
        spent = [
            _best(lambda: sum(x[()].nbytes for x in by_hand), repetitions),
            _best(lambda: sum(np.asarray(x.data).nbytes for x in arrays), repetitions),
        ]
    return spent[0] / spent[1]


def _opening(path: Path, scans: int, repetitions: int) -> list[str]:
    size = path.stat().st_size / 2**30
    opened = f"from pymo_bluesky import open_dataset; open_dataset({str(path)!r}).scans"
    asked = [
        ("Python", ["-c", ""]),
        ("`import h5py`", ["-c", "import h5py"]),
        ("`import pymo_bluesky`", ["-c", "import pymo_bluesky"]),
        ("`open_dataset`, imported", ["-c", "from pymo_bluesky import open_dataset"]),
        (f"… of {scans:,} scans, {size:.1f} GiB, opened", ["-c", opened]),
    ]
    found = [(what, _process(words, repetitions)) for what, words in asked]
    words = ["-m", "pymo_bluesky", "ls", str(path)]
    first, again = "", str(path.parent / "cache")  # the index in the user's cache
    for what, cache in (("the first time", first), ("again", again)):
        cost = _process(words, repetitions, PYMO_CACHE=cache)
        found.append((f"`pymo-bluesky ls` of it, {what}", cost))
    rows = [f"| {what} | {1e3 * seconds:.0f} |" for what, seconds in found]
    return ["| a process that does | CPU ms |", "|---|---|", *rows]


def _process(words: list[str], repetitions: int, **variables: str) -> float:
    """CPU time of a Python and of what it starts."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), **variables}
    # As an installed package: its modules are compiled once.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found: list[float] = []
    for _ in range(max(3, repetitions)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *words],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        )
    return min(found)
