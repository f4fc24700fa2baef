"""Seven workloads of documents; knows no writer.

Composed before anything is measured. W1 scalars, W2 spectra, W3 camera, W4 many short
runs, W5 a long monitor, W6 pages, W7 a camera that counts few photons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from event_model import compose_run

Document = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Workload:
    name: str
    about: str
    runs: list[list[Document]]
    events: int
    bytes: int


def workload(name: str, scale: float = 1.0) -> Workload:
    about, make = _WORKLOADS[name]
    runs = make(scale)
    events = sum(_events(doc) for run in runs for _, doc in run if "seq_num" in doc)
    size = sum(_size(doc) for run in runs for _, doc in run if "seq_num" in doc)
    return Workload(name, about, runs, events, size)


def names() -> list[str]:
    return list(_WORKLOADS)


def _events(doc: dict[str, Any]) -> int:
    return int(np.size(doc["seq_num"]))


def _size(doc: dict[str, Any]) -> int:
    return sum(np.asarray(v).nbytes for v in doc["data"].values())


def key(shape: tuple[int, ...] = (), dtype: str = "<f8") -> dict[str, Any]:
    kind = "array" if shape else "number"
    return {"source": "SIM:x", "dtype": kind, "shape": shape, "dtype_numpy": dtype}


def run(
    points: int,
    keys: dict[str, dict[str, Any]],
    values: Callable[[int], dict[str, Any]],
    *,
    motors: tuple[str, ...] = (),
    stream: str = "primary",
    page: int = 0,
) -> list[Document]:
    dimensions = [[[motor], stream] for motor in motors]
    bundle = compose_run(
        metadata={
            "plan_name": "scan",
            "num_points": points,
            "motors": motors,
            "hints": {"dimensions": dimensions},
        }
    )
    descriptor = bundle.compose_descriptor(name=stream, data_keys=keys)
    documents: list[Document] = [
        ("start", bundle.start_doc),
        ("descriptor", descriptor.descriptor_doc),
    ]
    began = bundle.start_doc["time"]
    if page:
        documents += _pages(descriptor, points, page, values, began)
    for n in range(0 if page else points):
        data = values(n)
        event = descriptor.compose_event(
            data=data,
            timestamps=dict.fromkeys(data, began + 0.01 * n),
            time=began + 0.01 * n,
            validate=False,
        )
        documents.append(("event", event))
    documents.append(("stop", bundle.compose_stop()))
    return [(name, dict(doc)) for name, doc in documents]


def _pages(
    descriptor: Any, points: int, page: int, values: Any, began: float
) -> Iterator[Document]:
    for first in range(0, points, page):
        rows = range(first, min(first + page, points))
        each = [values(n) for n in rows]
        times = [began + 0.01 * n for n in rows]
        found = descriptor.compose_event_page(
            data={key: [row[key] for row in each] for key in each[0]},
            timestamps={key: list(times) for key in each[0]},
            time=times,
            seq_num=[n + 1 for n in rows],
            validate=False,
        )
        yield "event_page", found


def _scalars(
    points: int, motors: int, detectors: int, seed: int = 0
) -> tuple[dict[str, Any], Callable[[int], dict[str, Any]], tuple[str, ...]]:
    moved = tuple(f"m{n}" for n in range(motors))
    names = [*moved, *(f"d{n}" for n in range(detectors))]
    table = np.random.default_rng(seed).random((points, len(names))).tolist()
    for n, row in enumerate(table):
        row[:motors] = [0.1 * n] * motors
    keys = {name: key() for name in names}
    return keys, lambda n: dict(zip(names, table[n], strict=True)), moved


def _steps(scale: float, *, page: int = 0) -> list[list[Document]]:
    points = max(4, int(20_000 * scale))
    keys, values, motors = _scalars(points, 2, 4)
    return [run(points, keys, values, motors=motors, page=page)]


def _spectra(scale: float) -> list[list[Document]]:
    points = max(4, int(2000 * scale))
    keys, values, motors = _scalars(points, 2, 2)
    spectra = np.random.default_rng(1).random((points, 2048))
    keys["spectrum"] = key((2048,))
    return [
        run(
            points,
            keys,
            lambda n: {**values(n), "spectrum": spectra[n].copy()},
            motors=motors,
        )
    ]


def _camera(scale: float, *, photons: bool = False) -> list[list[Document]]:
    points = max(4, int(200 * scale))
    keys, values, motors = _scalars(points, 1, 0)
    rng = np.random.default_rng(2)
    frames = [
        rng.poisson(0.02, (1024, 1024)).astype(np.uint16)
        if photons
        else rng.integers(0, 4096, (1024, 1024), dtype=np.uint16)
        for _ in range(min(points, 40))
    ]
    keys["image"] = key((1024, 1024), "<u2")
    return [
        run(
            points,
            keys,
            lambda n: {**values(n), "image": frames[n % len(frames)]},
            motors=motors,
        )
    ]


def _many(scale: float) -> list[list[Document]]:
    runs: list[list[Document]] = []
    for seed in range(max(2, int(200 * scale))):
        keys, values, motors = _scalars(25, 2, 4, seed)
        runs.append(run(25, keys, values, motors=motors))
    return runs


def _monitor(scale: float) -> list[list[Document]]:
    points = max(4, int(100_000 * scale))
    keys, values, _ = _scalars(points, 0, 1)
    return [run(points, keys, values, stream="d0_monitor")]


_WORKLOADS: dict[str, tuple[str, Callable[[float], list[list[Document]]]]] = {
    "W1": ("20,000 events of 6 scalars", _steps),
    "W2": ("2,000 spectra of 16 KiB", _spectra),
    "W3": ("200 frames of 2 MiB", _camera),
    "W4": ("200 runs of 25 events", _many),
    "W5": ("100,000 events of one monitor", _monitor),
    "W6": ("20,000 rows in pages of 500", lambda scale: _steps(scale, page=500)),
    "W7": ("200 frames of few photons", lambda scale: _camera(scale, photons=True)),
}
