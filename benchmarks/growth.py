"""How the cost of writing grows: with scans in the dataset, fields, and events.

    python benchmarks/growth.py                  all three, a table each
    python benchmarks/growth.py scans fields     some

Each figure is a process of its own; its documents are made while nothing is measured.
CPU time, as in `bench.py`.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from event_model import compose_run
from workloads import workload

from pymo_bluesky import PymodaqWriter, open_dataset, replay

ROOT = Path(__file__).parents[1]
Document = tuple[str, dict[str, Any]]


def documents(events: int, fields: int) -> Iterator[Document]:
    """A run, made while it is asked for: memory is the writer's alone."""
    bundle = compose_run(metadata={"plan_name": "count", "num_points": events})
    names = [f"d{n}" for n in range(fields)]
    key = {"source": "SIM:x", "dtype": "number", "shape": (), "dtype_numpy": "<f8"}
    told = bundle.compose_descriptor(
        name="primary", data_keys=dict.fromkeys(names, key)
    )
    yield "start", dict(bundle.start_doc)
    yield "descriptor", dict(told.descriptor_doc)
    for n in range(events):
        data = {name: n + 0.5 * k for k, name in enumerate(names)}
        stamps = dict.fromkeys(names, 1e9 + 0.01 * n)
        event = told.compose_event(data=data, timestamps=stamps, validate=False)
        yield "event", dict(event)
    yield "stop", dict(bundle.compose_stop())


def _status(key: str) -> float:
    """A line of the kernel's about this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _written(writer: PymodaqWriter, run: Iterator[Document]) -> float:
    """CPU seconds of the writer alone."""
    spent = 0.0
    while found := list(_some(run, 2000)):
        began = time.process_time()
        for name, doc in found:
            writer(name, doc)
        spent += time.process_time() - began
    return spent


def _some(run: Iterator[Document], most: int) -> Iterator[Document]:
    for _, item in zip(range(most), run, strict=False):
        yield item


def scans(there: int, folder: Path) -> dict[str, float]:
    """A run of 25 events into a dataset that holds so many scans."""
    writer = PymodaqWriter(folder, renew="never")
    for _ in range(there):
        _written(writer, documents(1, 1))
    runs = workload("W4", 0.1).runs
    gc.collect()
    gc.freeze()
    each = sorted(_written(writer, iter(run)) for run in runs)
    path = writer.path
    writer.close()
    assert path is not None
    with open_dataset(path) as dataset:
        assert len(dataset.scans) == there + len(runs)
    return {"ms a run": 1e3 * statistics.median(each)}


def fields(count: int, folder: Path) -> dict[str, float]:
    """200 events of so many fields."""
    with PymodaqWriter(folder) as writer:
        _written(writer, documents(2, count))
        events = 200
        spent = _written(writer, documents(events, count))
    per_event = 1e6 * spent / events
    return {"µs an event": per_event, "µs a field": per_event / count}


def events(count: int, folder: Path) -> dict[str, float]:
    """One run of so many events of one field."""
    with PymodaqWriter(folder) as writer:
        _written(writer, documents(1000, 1))
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        before = _status("VmRSS")
        spent = _written(writer, documents(count, 1))
        growth = _status("VmHWM") - before
    stored = sum(1 for name, _ in replay(writer.path, scan=-1) if name == "event")
    assert stored == count
    return {"µs an event": 1e6 * spent / count, "RSS growth MB": growth}


MODES: dict[str, tuple[Callable[[int, Path], dict[str, float]], tuple[int, ...]]] = {
    "scans": (scans, (1, 100, 900)),
    "fields": (fields, (10, 100, 1000)),
    "events": (events, (10_000, 100_000, 1_000_000)),
}


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        mode, number, folder = sys.argv[2:]
        print(json.dumps(MODES[mode][0](int(number), Path(folder))))
        return
    for mode in sys.argv[1:] or MODES:
        for turn, number in enumerate(MODES[mode][1]):
            with tempfile.TemporaryDirectory(prefix="pymo-bench-") as folder:
                done = subprocess.run(
                    [sys.executable, __file__, "--one", mode, str(number), folder],
                    capture_output=True,
                    text=True,
                    check=True,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                )
            found = json.loads(done.stdout.splitlines()[-1])
            if not turn:
                print(f"\n| {mode} | {' | '.join(found)} |")
                print("|---" * (1 + len(found)) + "|")
            cells = (f"{value:,.1f}" for value in found.values())
            print(f"| {number:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
