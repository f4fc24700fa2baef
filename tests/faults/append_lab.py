"""Appends under fault injection; run as a program, with ``shim.c`` preloaded.

One process forks a child per fault, so that a child may die in any way, and another
child per check, so that a damaged dataset cannot harm the lab. A child that meets an
error instead of a kill leaves by the interpreter's normal exit: that is where HDF5
crashes when a write failed under it.

    append_lab.py <task> <folder> <settings as JSON>     -> one JSON line per fault
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import json
import os
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from pymo_bluesky.append import Overlay, appending, creating, roll_back
from pymo_bluesky.errors import AppendError

LIBVER = ("v110", "v110")
SEEDED = 3  # scans in the dataset before the append; the next one is under test
FRAMES = 8_000_000  # bytes in the scan under test; the others have less
SWITCHES = (
    *("shim_on", "shim_count", "shim_at", "shim_kill", "shim_half", "shim_sticky"),
    *("shim_errno", "shim_skip_fd", "shim_flock_errno", "shim_link_errno"),
)


def shim_variables() -> dict[str, ctypes.c_int | ctypes.c_long]:
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    wide = {"shim_count", "shim_at"}
    return {
        name: (ctypes.c_long if name in wide else ctypes.c_int).in_dll(library, name)
        for name in SWITCHES
    }


# --- what is written, and how it is recognised ------------------------------------


def add_scan(overlay: Overlay, number: int, mode: str = "r+") -> None:
    """Write about 20 datasets and one big array, closing HDF5 before returning."""
    with h5py.File(overlay, mode, libver=LIBVER) as file:
        scan = file.require_group("RawData").create_group(f"Scan{number:03d}")
        for i in range(20):
            channel = scan.create_group(f"Detector{i:03d}")
            data = channel.create_dataset(
                "Data00", data=np.arange(25.0) + i + 100 * number, chunks=(25,)
            )
            data.attrs["label"] = f"channel {i} of scan {number}"
        scan["Frames"] = frames(number)


def frames(number: int) -> np.ndarray:
    size = FRAMES if number == SEEDED else FRAMES // 100
    return np.resize(np.arange(number + 1, 252, dtype="u1"), size)


def digests(dataset: Path) -> dict[str, str]:
    """Give a digest of every scan: its tree, its values, its attributes."""
    found = {}
    with h5py.File(dataset, "r") as file:
        for name, scan in file["RawData"].items():
            digest = hashlib.blake2b()

            def add(path: str, node: h5py.HLObject, digest=digest) -> None:
                digest.update(path.encode())
                digest.update(repr(sorted(node.attrs.items())).encode())
                if isinstance(node, h5py.Dataset):
                    digest.update(f"{node.dtype} {node.shape}".encode())
                    digest.update(node[()].tobytes())

            scan.visititems(add)
            found[name] = digest.hexdigest()
    return found


def make_seed(folder: Path) -> tuple[Path, dict[str, str]]:
    """Make a dataset of three scans, and say what it shall hold with a fourth."""
    seed, full = folder / "seed.h5", folder / "full.h5"
    with creating(seed) as overlay:
        add_scan(overlay, 0, "w")
    for number in range(1, SEEDED):
        with appending(seed) as overlay:
            add_scan(overlay, number)
    shutil.copy(seed, full)
    with appending(full) as overlay:
        add_scan(overlay, SEEDED)
    return seed, digests(full)


# --- children -----------------------------------------------------------------------


def forked(work: Callable[[int], object], *, finalize: bool = False) -> tuple[int, str]:
    """Run ``work(report)`` in a child; give its exit code and what it reported.

    ``report`` is a file descriptor; what `work` returns is written there as JSON.
    With `finalize` the child goes through the interpreter's whole exit.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            os.write(write, json.dumps(work(write)).encode())
        except Exception:  # noqa: BLE001 - told by the exit code
            traceback.print_exc()
            os._exit(1)
        if finalize:
            sys.exit(0)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said.decode()


def under_fault(
    act: Callable[[], None], settings: dict[str, int]
) -> Callable[[int], dict]:
    """Run `act` with the shim set; report its outcome and the calls counted.

    The shim stays on: what HDF5 writes at interpreter exit is to fail as well.
    """

    def work(report: int) -> dict:
        variables = shim_variables()
        for name, value in {**settings, "shim_skip_fd": report}.items():
            variables[name].value = value
        variables["shim_on"].value = 1
        try:
            act()
        except AppendError as error:
            outcome = f"refused: {error}"
        else:
            outcome = "done"
        return {"outcome": outcome, "calls": variables["shim_count"].value}

    return work


def faults(
    act: Callable[[Path], None],
    prepare: Callable[[Path], Path],
    folder: Path,
    *,
    every: int = 1,
    **how: int,
) -> Iterator[tuple[Path, dict]]:
    """Let `act` meet the fault at its first state-changing call, then `every` later.

    Ends when the fault lies beyond the last call.
    """
    for n in itertools.count(1, every):
        here = folder / "trial"
        here.mkdir()
        dataset = prepare(here)
        settings = {"shim_at": n, **how}
        work = under_fault(lambda path=dataset: act(path), settings)
        rc, said = forked(work, finalize=True)
        result = json.loads(said) if said else {"outcome": "killed", "calls": n}
        if result["calls"] < n:
            shutil.rmtree(here)
            return
        yield dataset, {"n": n, "rc": rc, **result}
        shutil.rmtree(here)


def judged(dataset: Path, wanted: dict[str, str]) -> dict:
    """Say, from a child, what became of a dataset, and whether it can go on."""

    def work(_: int) -> object:
        undo = Path(f"{dataset}.undo").exists()
        rolled_back = roll_back(dataset)
        found = digests(dataset)
        new = f"Scan{SEEDED:03d}"
        there = found.pop(new, None)
        with appending(dataset) as overlay:
            add_scan(overlay, 9)
        after = digests(dataset)
        return {
            "undo": undo,
            "rolled_back": rolled_back,
            "earlier": all(found.get(k) == v for k, v in wanted.items() if k != new),
            "new": {None: "absent", wanted[new]: "whole"}.get(there, "damaged"),
            "goes_on": all(after[k] == v for k, v in found.items())
            and "Scan009" in after,
            "left_over": sorted(
                p.name for p in dataset.parent.iterdir() if p != dataset
            ),
        }

    rc, said = forked(work)
    return json.loads(said) if rc == 0 else {"check": f"rc {rc}"}


# --- tasks --------------------------------------------------------------------------


def append_task(folder: Path, how: dict[str, int]) -> None:
    """Let an append to a dataset of three scans go wrong at every call."""
    seed, wanted = make_seed(folder)
    for dataset, result in faults(append_fourth, copied(seed), folder, **how):
        tell(result | judged(dataset, wanted))


def once_task(folder: Path, how: dict[str, int]) -> None:
    """Append once, and say what warnings that gave."""
    seed, wanted = make_seed(folder)
    dataset = copied(seed)(folder)

    def warned(report: int) -> object:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = under_fault(lambda: append_fourth(dataset), how)(report)
        return {**result, "warnings": [str(w.message) for w in caught]}

    _, said = forked(warned)
    for path in (seed, folder / "full.h5"):
        path.unlink()
    tell(json.loads(said) | judged(dataset, wanted))


def roll_back_task(folder: Path, how: dict[str, int]) -> None:
    """Let the roll-back of every half-applied append go wrong at every call."""
    seed, wanted = make_seed(folder)
    torn = []
    for half in (0, 1):
        kill = {"shim_kill": 1, "shim_half": half}
        for dataset, _ in faults(append_fourth, copied(seed), folder, **kill):
            undo = Path(f"{dataset}.undo")
            if undo.exists():
                torn.append(folder / f"torn{len(torn)}.h5")
                shutil.copy(dataset, torn[-1])
                shutil.copy(undo, f"{torn[-1]}.undo")
    for start in torn:
        for dataset, result in faults(roll_back_once, copied(start), folder, **how):
            tell(result | judged(dataset, wanted) | {"start": start.name})


def create_task(folder: Path, how: dict[str, int]) -> None:
    """Let the making of a new dataset go wrong at every call."""
    seed, wanted = make_seed(folder)
    del seed
    first = {"Scan000": wanted["Scan000"]}
    for dataset, result in faults(create, named, folder, **how):
        rc, said = forked(lambda _, path=dataset: created(path, first))
        tell(result | (json.loads(said) if rc == 0 else {"check": f"rc {rc}"}))


def created(dataset: Path, wanted: dict[str, str]) -> dict:
    there = dataset.exists()
    empty = there and dataset.stat().st_size == 0
    new = "whole" if there and not empty and digests(dataset) == wanted else "damaged"
    if there and not empty:
        roll_back_and_append(dataset)
    else:
        dataset.unlink(missing_ok=True)
        create(dataset)
    return {
        "new": "claimed" if empty else new if there else "absent",
        "goes_on": digests(dataset).items() >= wanted.items(),
        "left_over": sorted(p.name for p in dataset.parent.iterdir() if p != dataset),
    }


def roll_back_and_append(dataset: Path) -> None:
    with appending(dataset) as overlay:
        add_scan(overlay, 9)


def append_fourth(dataset: Path) -> None:
    with appending(dataset) as overlay:
        add_scan(overlay, SEEDED)


def create(dataset: Path) -> None:
    with creating(dataset) as overlay:
        add_scan(overlay, 0, "w")


def roll_back_once(dataset: Path) -> None:
    roll_back(dataset)


def named(folder: Path) -> Path:
    return folder / "dataset.h5"


def copied(source: Path) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        for suffix in ("", ".undo"):
            if Path(f"{source}{suffix}").exists():
                shutil.copy(f"{source}{suffix}", f"{named(folder)}{suffix}")
        return named(folder)

    return prepare


def tell(result: dict) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


TASKS = {
    "append": append_task,
    "once": once_task,
    "roll_back": roll_back_task,
    "create": create_task,
}

if __name__ == "__main__":
    TASKS[sys.argv[1]](Path(sys.argv[2]), json.loads(sys.argv[3]))
