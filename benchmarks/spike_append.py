"""How a scan could enter a dataset: four ways, and what each of them costs and risks.

    spike_append.py cost      adding scan 1,000: time, as a ratio to h5py in place
    spike_append.py faults    every state-changing call killed, or made to fail
    spike_append.py memory    growth of the process while 400 MB of frames go in
    spike_append.py frames    bytes written per byte of frame, and time

Prints Markdown; `docs/decisions/0003-how-a-scan-enters-a-dataset.md` holds one run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "faults")]

import append_lab as lab  # noqa: E402

from pymo_bluesky.append import _commit, appending, roll_back  # noqa: E402
from pymo_bluesky.append.overlay import Overlay  # noqa: E402
from pymo_bluesky.errors import AppendError  # noqa: E402

LIBVER = ("v110", "v110")
MB = 1 << 20
Body = Callable[[h5py.File], None]
Way = Callable[[Path, Body], None]


# --- the four ways ---------------------------------------------------------------


def in_place(dataset: Path, body: Body) -> None:
    """(a) What everyone does."""
    with h5py.File(dataset, "r+", libver=LIBVER) as file:
        body(file)


def in_place_synced(dataset: Path, body: Body) -> None:
    """(a) with the one fsync that makes it last."""
    in_place(dataset, body)
    fd = os.open(dataset, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def whole_copy(dataset: Path, body: Body) -> None:
    """(b) Copy the dataset, append to the copy, rename it over."""
    copy = dataset.with_suffix(".copy")
    shutil.copyfile(dataset, copy)
    in_place_synced(copy, body)
    copy.rename(dataset)


class LiveUndo:
    """(c) HDF5 writes to the dataset; old bytes are saved just before each write."""

    def __init__(self, dataset: Path) -> None:
        self.fd = os.open(dataset, os.O_RDWR)
        self.size = self.base = os.fstat(self.fd).st_size
        self.log = os.open(f"{dataset}.live", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.write(self.log, struct.pack("<q", self.base))
        os.fsync(self.log)
        self.at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int) -> bytes:
        return os.pread(self.fd, size, self.at)

    def readinto(self, buffer) -> int:
        data = os.pread(self.fd, len(buffer), self.at)
        view = memoryview(buffer).cast("B")
        view[: len(data)] = data
        view[len(data) :] = bytes(len(view) - len(data))
        return len(view)

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        saved = os.pread(self.fd, max(min(len(view), self.base - self.at), 0), self.at)
        if saved:
            os.write(self.log, struct.pack("<qq", self.at, len(saved)) + saved)
            os.fsync(self.log)
        done = 0
        while done < len(view):
            done += os.pwrite(self.fd, view[done:], self.at + done)
        self.size = max(self.size, self.at + len(view))
        return len(view)

    def truncate(self, size: int) -> int:
        os.ftruncate(self.fd, size)
        self.size = size
        return size

    def flush(self) -> None:
        pass


def live_undo(dataset: Path, body: Body) -> None:
    target = LiveUndo(dataset)
    try:
        with h5py.File(target, "r+", libver=LIBVER) as file:
            body(file)
        os.fsync(target.fd)
    except Exception:
        live_recover(dataset)
        raise
    Path(f"{dataset}.live").unlink()


def live_recover(dataset: Path) -> None:
    with contextlib.suppress(FileNotFoundError, struct.error):
        data = Path(f"{dataset}.live").read_bytes()
        (base,) = struct.unpack_from("<q", data)
        records, at = [], 8
        while at + 16 <= len(data):
            offset, size = struct.unpack_from("<qq", data, at)
            if at + 16 + size > len(data):
                break  # torn: its write never began
            records.append((offset, data[at + 16 : at + 16 + size]))
            at += 16 + size
        with dataset.open("r+b") as file:
            for offset, saved in reversed(records):
                file.seek(offset)
                file.write(saved)
            file.truncate(base)
    Path(f"{dataset}.live").unlink(missing_ok=True)


def overlaid(dataset: Path, body: Body) -> None:
    """(d) What is implemented."""
    with appending(dataset) as overlay, h5py.File(overlay, "r+", libver=LIBVER) as file:
        body(file)


def nothing(dataset: Path) -> None:
    del dataset


WAYS: dict[str, Way] = {
    "h5py r+ in place": in_place,
    "h5py r+ in place, fsync": in_place_synced,
    "whole copy + rename": whole_copy,
    "undo written live": live_undo,
    "overlay (implemented)": overlaid,
}


# --- cost ------------------------------------------------------------------------


def scan(file: h5py.File, number: int) -> None:
    """25 events, 20 datasets, two attributes each."""
    group = file.require_group("RawData").create_group(f"Scan{number:03d}")
    for i in range(20):
        node = group.create_group(f"Detector{i:03d}").create_dataset(
            "Data00", data=np.arange(25.0) + i, chunks=(25,)
        )
        node.attrs["label"] = f"channel {i}"
        node.attrs["units"] = "V"


def dataset_of_999(folder: Path, size: int) -> Path:
    """999 scans, small ones, and bulk up to `size` bytes."""
    path = folder / f"{size // MB}MB.h5"
    with h5py.File(path, "w", libver=LIBVER) as file:
        for number in range(999):
            group = file.require_group("RawData").create_group(f"Scan{number:03d}")
            group["Data00"] = np.arange(25.0)
    rest = size - path.stat().st_size
    if rest > 0:
        with h5py.File(path, "r+", libver=LIBVER) as file:
            file["RawData/Scan000/Frames"] = np.resize(np.arange(251, dtype="u1"), rest)
    return path


def cost(folder: Path) -> None:
    print("| way | dataset | median, ms | ratio to in place | bytes written |")
    print("|---|---|---|---|---|")
    for size, rounds in ((MB, 15), (500 * MB, 5)):
        seed = dataset_of_999(folder, size)
        taken: dict[str, list[float]] = {name: [] for name in WAYS}
        written = {}
        for _ in range(rounds):
            for name, way in WAYS.items():
                dataset = folder / "dataset.h5"
                shutil.copyfile(seed, dataset)
                os.sync()
                before, start = wchar(), time.perf_counter()
                way(dataset, lambda file: scan(file, 999))
                taken[name].append(time.perf_counter() - start)
                written[name] = wchar() - before
                dataset.unlink()
        median = {name: 1e3 * statistics.median(times) for name, times in taken.items()}
        first = next(iter(median.values()))
        actual = f"{seed.stat().st_size / MB:.1f} MiB"
        for name, ms in median.items():
            ratio = f"{ms / first:.2f}"
            print(f"| {name} | {actual} | {ms:.1f} | {ratio} | {written[name]:,} |")
        seed.unlink()


def wchar() -> int:
    """Bytes this process has handed to the system to write."""
    fields = dict(line.split(": ") for line in open("/proc/self/io"))  # noqa: PTH123, SIM115
    return int(fields["wchar"])


# --- faults ------------------------------------------------------------------------

RECOVER = {
    "undo written live": live_recover,
    "overlay (implemented)": lambda dataset: roll_back(dataset) and None,
}
HOW = {
    "killed": {"shim_kill": 1},
    "killed, half a write": {"shim_kill": 1, "shim_half": 1},
    "ENOSPC once": {"shim_errno": 28},
    "ENOSPC sticky": {"shim_errno": 28, "shim_sticky": 1},
    "EIO once": {"shim_errno": 5},
    "EIO sticky": {"shim_errno": 5, "shim_sticky": 1},
}
COLUMNS = (
    *("points", "as it lies", "recovered", "earlier harmed", "new damaged"),
    *("signal", "silent", "reader crashed"),
)


def faults(folder: Path) -> None:
    print("| way | fault |", " | ".join(COLUMNS), "|")
    print("|---" * (2 + len(COLUMNS)) + "|", flush=True)
    shim = folder / "shim.so"
    source = ROOT / "tests" / "faults" / "shim.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, source], check=True)
    for name in WAYS:
        if name == "h5py r+ in place, fsync":
            continue
        subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "faults-of", folder, name],
            env={**os.environ, "LD_PRELOAD": str(shim)},
            stderr=subprocess.DEVNULL,
            check=True,
        )


def faults_of(folder: Path, name: str) -> None:
    lab.FRAMES = MB
    room = folder / name.split()[0]
    room.mkdir()
    seed, wanted = lab.make_seed(room)
    way, recover = WAYS[name], RECOVER.get(name, nothing)

    def act(dataset: Path) -> None:
        try:
            way(dataset, lambda file: lab_scan(file, lab.SEEDED))
        except Exception as error:
            raise AppendError(str(error)) from error

    for kind, how in HOW.items():
        seen: Counter[str] = Counter()
        for dataset, result in lab.faults(act, lab.copied(seed), room, **how):
            found = looked_at(dataset, wanted, recover)
            found["signal"] = "shim_errno" in how and result["rc"] < 0
            found["silent"] = result["outcome"] == "done" and not found.get("whole")
            seen.update(key for key, value in found.items() if value)
            seen["points"] += 1
        row = " | ".join(str(seen[key]) for key in COLUMNS)
        print(f"| {name} | {kind} | {row} |", flush=True)


def lab_scan(file: h5py.File, number: int) -> None:
    """The lab's scan, in a file that is open already."""
    group = file.require_group("RawData").create_group(f"Scan{number:03d}")
    for i in range(20):
        data = group.create_group(f"Detector{i:03d}").create_dataset(
            "Data00", data=np.arange(25.0) + i + 100 * number, chunks=(25,)
        )
        data.attrs["label"] = f"channel {i} of scan {number}"
    group["Frames"] = lab.frames(number)


def looked_at(dataset: Path, wanted: dict[str, str], recover) -> dict[str, bool]:
    """Read it as it lies, then after recovery; each in a child, for it may crash."""
    rc, said = lab.forked(lambda _: read_or_none(dataset) is not None)
    found = {"as it lies": rc == 0 and json.loads(said), "reader crashed": rc < 0}
    rc, said = lab.forked(lambda _: recovered(dataset, wanted, recover))
    found |= json.loads(said) if rc == 0 else {"reader crashed": rc < 0}
    return found


def recovered(dataset: Path, wanted: dict[str, str], recover) -> dict[str, bool]:
    recover(dataset)
    found = read_or_none(dataset) or {}
    new = f"Scan{lab.SEEDED:03d}"
    earlier = all(found.get(key) == wanted[key] for key in wanted if key != new)
    return {
        "recovered": bool(found),
        "earlier harmed": not earlier,
        "whole": found.get(new) == wanted[new],
        "new damaged": found.get(new, wanted[new]) != wanted[new],
    }


def read_or_none(dataset: Path) -> dict[str, str] | None:
    try:
        return lab.digests(dataset)
    except (OSError, RuntimeError, KeyError, ValueError):
        return None


# --- memory and frames -------------------------------------------------------------

COUNT, FRAME = 200, 2 * MB


def frames_in(file: h5py.File) -> None:
    group = file.require_group("RawData").create_group("Scan999")
    frames = group.create_dataset("Frames", (COUNT, FRAME), "u1")
    for i in range(COUNT):
        frames[i] = np.full(FRAME, i, "u1")


def memory(folder: Path) -> None:
    print("| way | growth of peak RSS, MiB |")
    print("|---|---|")
    for name in WAYS:
        command = [sys.executable, __file__, "memory-of", folder, name]
        subprocess.run(command, check=True)


def memory_of(folder: Path, name: str) -> None:
    dataset = folder / "dataset.h5"
    with h5py.File(dataset, "w", libver=LIBVER) as file:
        scan(file, 0)
    overlaid(dataset, lambda file: scan(file, 1))
    _ = np.full(FRAME, 1, "u1")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    WAYS[name](dataset, frames_in)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"| {name} | {grown / 1024:.1f} |", flush=True)


def laid_out(file: h5py.File) -> int:
    """Make room for the frames, unfilled; give the place of the first in the file."""
    group = file.require_group("RawData").create_group("Scan999")
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((COUNT, FRAME))
    node = h5py.h5d.create(group.id, b"Frames", h5py.h5t.NATIVE_UINT8, space, plist)
    return node.get_offset()


def frames_once(dataset: Path, payload: bytes) -> dict[str, float]:
    """Each frame straight to its last place; the commit needs only the metadata."""
    fd = os.open(dataset, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_SH)
    overlay = Overlay(fd)
    start = time.perf_counter()
    with h5py.File(overlay, "r+", libver=LIBVER) as file:
        offset = laid_out(file)
    for i in range(COUNT):
        overlay.seek(offset + i * FRAME)
        overlay.write(payload)
    ran = time.perf_counter()
    with h5py.File(dataset, "r") as file:
        assert "Scan999" not in file["RawData"]
    with contextlib.suppress(BlockingIOError):
        h5py.File(dataset, "r+").close()
        raise AssertionError("a writer got in")
    stop = time.perf_counter()
    with h5py.File(overlay, "r+", libver=LIBVER) as file:
        file["RawData/Scan999"].attrs["exit_status"] = "success"
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _commit(fd, overlay, dataset)
    done = time.perf_counter()
    overlay.detach()
    os.close(fd)
    return {"run": ran - start, "stop": done - stop}


def journal_then_copy(
    dataset: Path, payload: bytes, move: Callable
) -> dict[str, float]:
    """Each frame to a journal; at stop all are copied into the tail."""
    journal = dataset.with_suffix(".journal")
    source = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    start = time.perf_counter()
    for _ in range(COUNT):
        os.write(source, payload)
    ran = time.perf_counter()
    with appending(dataset) as overlay:
        with h5py.File(overlay, "r+", libver=LIBVER) as file:
            offset = laid_out(file)
        move(source, overlay, offset)
    done = time.perf_counter()
    os.close(source)
    journal.unlink()
    return {"run": ran - start, "stop": done - ran}


def by_read_and_write(source: int, overlay: Overlay, offset: int) -> None:
    overlay.seek(offset)
    for i in range(COUNT):
        overlay.write(os.pread(source, FRAME, i * FRAME))


def by_copy_file_range(source: int, overlay: Overlay, offset: int) -> None:
    overlay.seek(offset)
    overlay.write(os.pread(source, FRAME, 0))  # also makes the tail begin
    done = FRAME
    while done < COUNT * FRAME:
        target = overlay._fd  # noqa: SLF001 - a spike
        left = COUNT * FRAME - done
        done += os.copy_file_range(source, target, left, done, offset + done)
    overlay._on_disk = max(overlay._on_disk, offset + done)  # noqa: SLF001


FRAME_WAYS = {
    "once, into the reserved tail": frames_once,
    "journal, then read + write": lambda d, p: journal_then_copy(
        d, p, by_read_and_write
    ),
    "journal, then copy_file_range": lambda d, p: journal_then_copy(
        d, p, by_copy_file_range
    ),
}


def frames(folder: Path) -> None:
    payload = np.random.default_rng(1).integers(0, 255, FRAME, "u1").tobytes()
    print("| frames | bytes written per byte | run, s | stop, s | total, ratio |")
    print("|---|---|---|---|---|")
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in FRAME_WAYS}
    for _ in range(3):
        for name, way in FRAME_WAYS.items():
            dataset = folder / "dataset.h5"
            with h5py.File(dataset, "w", libver=LIBVER) as file:
                scan(file, 0)
            os.sync()
            before = wchar()
            row = way(dataset, payload)
            row["bytes"] = (wchar() - before) / (COUNT * FRAME)
            with h5py.File(dataset) as file:
                stored = file["RawData/Scan999/Frames"]
                assert all(stored[i].tobytes() == payload for i in (0, 7, COUNT - 1))
            rows[name].append(row)
            dataset.unlink()
    best = {
        n: min(r, key=lambda row: row["run"] + row["stop"]) for n, r in rows.items()
    }
    first = sum(next(iter(best.values()))[key] for key in ("run", "stop"))
    for name, row in best.items():
        ratio = (row["run"] + row["stop"]) / first
        print(
            f"| {name} | {row['bytes']:.3f} | {row['run']:.2f} | {row['stop']:.2f} "
            f"| {ratio:.2f} |"
        )


if __name__ == "__main__":
    tasks = {"cost": cost, "faults": faults, "memory": memory, "frames": frames}
    parts = {"faults-of": faults_of, "memory-of": memory_of}
    if sys.argv[1] in parts:
        parts[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
    else:
        with tempfile.TemporaryDirectory(dir=".") as scratch:
            tasks[sys.argv[1]](Path(scratch).resolve())
