"""Runs whose detector wrote its images into files of its own, with those files.

Each run is made of real documents (event-model composes them) and real files; what each
event measured is kept beside, so that no reader is judged by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from event_model import compose_run

Document = tuple[str, dict[str, Any]]
IMAGE = (3, 4)
LINE = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


@dataclass
class ExternalRun:
    """A run, what each of its events measured, and where that stands in the scan.

    Attributes
    ----------
    values
        The image of each event as `replay(fill=True)` gives it; None where its file is
        not there.
    tree
        All images as the tree shows them, shape (points..., image).
    files
        What the detector wrote.
    """

    documents: list[Document]
    values: list[np.ndarray | None]
    tree: np.ndarray
    files: list[Path] = field(default_factory=list)


def images(number: int, seed: int = 1, dtype: str = "<u2", shape=IMAGE) -> np.ndarray:
    """Images that are never 0, which is what stands where nothing was measured."""
    random = np.random.default_rng(seed)
    return random.integers(1, 60_000, (number, *shape)).astype(dtype)


def write_h5(path: Path, array: np.ndarray, dataset: str = "/entry/data/data") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[dataset] = array
    return path


def line_start(points: int = len(LINE)) -> dict[str, Any]:
    return {
        "plan_name": "scan",
        "motors": ["x"],
        "detectors": ["cam"],
        "num_points": points,
        "hints": {"dimensions": [(["x"], "primary")]},
    }


def grid_start(shape: tuple[int, int], snaking: tuple[bool, bool]) -> dict[str, Any]:
    return {
        "plan_name": "grid_scan",
        "motors": ["y", "x"],
        "detectors": ["cam"],
        "num_points": int(np.prod(shape)),
        "shape": shape,
        "extents": [[0, n - 1] for n in shape],
        "snaking": snaking,
        "hints": {
            "gridding": "rectilinear",
            "dimensions": [(["y"], "primary"), (["x"], "primary")],
        },
    }


def grid_points(
    shape: tuple[int, int], snaking: tuple[bool, bool]
) -> list[tuple[int, ...]]:
    """Index of each point of a grid, in the order of visiting."""
    rows, columns = shape
    turns = snaking[1]
    return [
        (y, x if not turns or y % 2 == 0 else columns - 1 - x)
        for y in range(rows)
        for x in range(columns)
    ]


class Detector:
    """Composes the documents of one run, event by event."""

    def __init__(self, start: dict[str, Any], about: dict[str, Any], *, streamed: bool):
        self.run = compose_run(metadata=start)
        self.documents: list[Document] = [("start", self.run.start_doc)]
        self.streamed = streamed
        motors = list(start.get("motors", ()))
        number = {"dtype": "number", "shape": [], "source": "SIM"}
        keys = {name: dict(number) for name in motors} | {"cam": about}
        objects = {name: [name] for name in keys}
        self.descriptor = self.run.compose_descriptor(
            name="primary", data_keys=keys, object_keys=objects
        )
        self.documents.append(("descriptor", self.descriptor.descriptor_doc))
        self.seq_num = 0

    def emit(self, name: str, doc: Any) -> None:
        self.documents.append((name, doc))

    def resource(self, path: Path, spec: str = "AD_HDF5", **options: Any) -> Callable:
        """A resource, and what composes its datums."""
        made = self.run.compose_resource(
            spec=spec,
            root=str(path.parent),
            resource_path=path.name,
            resource_kwargs=options,
        )
        self.emit("resource", made.resource_doc)
        return made.compose_datum

    def stream_resource(self, path: Path, **options: Any) -> Callable:
        """A stream resource, and what composes its stream datums."""
        made = self.run.compose_stream_resource(
            mimetype=options.pop("mimetype", "application/x-hdf5"),
            uri=f"file://localhost{path}",
            data_key=options.pop("data_key", "cam"),
            parameters=options or {"dataset": "/entry/data/data"},
        )
        self.emit("stream_resource", made.stream_resource_doc)
        return made.compose_stream_datum

    def tell(self, compose: Callable, first: int, value: int, rows: int = 1) -> None:
        """A stream datum: rows from a seq_num on, values from an index on."""
        doc = compose(
            indices={"start": value, "stop": value + rows},
            seq_nums={"start": first, "stop": first + rows},
            descriptor=self.descriptor.descriptor_doc,
        )
        self.emit("stream_datum", doc)

    def event(self, positions: dict[str, float], datum: str | None = None) -> None:
        self.seq_num += 1
        data: dict[str, Any] = dict(positions)
        if datum is not None:
            data["cam"] = datum
        doc = self.descriptor.compose_event(
            data=data,
            timestamps=dict.fromkeys(data, 1.0),
            filled={} if datum is None else {"cam": False},
            seq_num=self.seq_num,
            validate=not self.streamed,
        )
        self.emit("event", doc)

    def stop(self) -> list[Document]:
        self.emit("stop", self.run.compose_stop())
        return self.documents


def about(shape: tuple[int, ...], external: str) -> dict[str, Any]:
    return {
        "dtype": "array",
        "shape": list(shape),
        "dtype_numpy": "<u2",
        "source": "SIM",
        "external": external,
    }


# ---------------------------------------------------------------------------- families


def step_line(folder: Path) -> ExternalRun:
    """A datum for each event, all in one file."""
    frames = images(len(LINE))
    file = write_h5(folder / "cam.h5", frames)
    detector = Detector(line_start(), about(IMAGE, "FILESTORE:"), streamed=False)
    compose = detector.resource(file)
    for n, x in enumerate(LINE):
        datum = compose(datum_kwargs={"point_number": n})
        detector.emit("datum", datum)
        detector.event({"x": x}, datum["datum_id"])
    values = [frames[n : n + 1] for n in range(len(LINE))]
    return ExternalRun(detector.stop(), values, frames, [file])


def datums_behind(folder: Path) -> ExternalRun:
    """A datum page that comes behind the events it belongs to."""
    frames = images(len(LINE), seed=2)
    file = write_h5(folder / "cam.h5", frames)
    detector = Detector(line_start(), about(IMAGE, "FILESTORE:"), streamed=False)
    compose = detector.resource(file)
    datums = [compose(datum_kwargs={"point_number": n}) for n in range(len(LINE))]
    for x, datum in zip(LINE, datums, strict=True):
        detector.event({"x": x}, datum["datum_id"])
    page = {
        "resource": datums[0]["resource"],
        "datum_id": [datum["datum_id"] for datum in datums],
        "datum_kwargs": {"point_number": list(range(len(LINE)))},
    }
    detector.emit("datum_page", page)
    values = [frames[n : n + 1] for n in range(len(LINE))]
    return ExternalRun(detector.stop(), values, frames, [file])


def several_frames(folder: Path) -> ExternalRun:
    """Three frames of one file for each event."""
    frames = images(3 * len(LINE), seed=3)
    file = write_h5(folder / "cam.h5", frames)
    detector = Detector(line_start(), about((3, *IMAGE), "FILESTORE:"), streamed=False)
    compose = detector.resource(file, frame_per_point=3)
    for n, x in enumerate(LINE):
        datum = compose(datum_kwargs={"point_number": n})
        detector.emit("datum", datum)
        detector.event({"x": x}, datum["datum_id"])
    tree = frames.reshape(len(LINE), 3, *IMAGE)
    return ExternalRun(detector.stop(), list(tree), tree, [file])


def a_file_for_each(folder: Path) -> ExternalRun:
    """A file for each event (areaDetector's single mode)."""
    frames = images(len(LINE), seed=4)
    detector = Detector(line_start(), about(IMAGE, "FILESTORE:"), streamed=False)
    compose = detector.resource(
        folder / "single",
        "AD_HDF5_SINGLE",
        template="%s%s_%4.4d.h5",
        filename="img",
    )
    files = []
    for n, x in enumerate(LINE):
        path = folder / "single" / f"img_{n:04d}.h5"
        files.append(write_h5(path, frames[n]))
        datum = compose(datum_kwargs={"point_number": n})
        detector.emit("datum", datum)
        detector.event({"x": x}, datum["datum_id"])
    values = [frames[n : n + 1] for n in range(len(LINE))]
    return ExternalRun(detector.stop(), values, frames, files)


def snaked_grid(folder: Path) -> ExternalRun:
    """Stream datums on a grid whose every second line runs backwards."""
    shape, snaking = (4, 5), (False, True)
    frames = images(20, seed=5)
    file = write_h5(folder / "cam.h5", frames)
    start = grid_start(shape, snaking)
    detector = Detector(start, about((1, *IMAGE), "STREAM:"), streamed=True)
    compose = detector.stream_resource(file)
    tree = np.zeros((*shape, *IMAGE), frames.dtype)
    for n, (y, x) in enumerate(grid_points(shape, snaking)):
        detector.tell(compose, n + 1, n)
        detector.event({"y": float(y), "x": float(x)})
        tree[y, x] = frames[n]
    values = [frames[n : n + 1] for n in range(20)]
    return ExternalRun(detector.stop(), values, tree, [file])


def grid_cut_short(folder: Path) -> ExternalRun:
    """The same grid, ended after its eighth point: a failed run."""
    whole = snaked_grid(folder)
    events = [n for n, (name, _) in enumerate(whole.documents) if name == "event"]
    documents = whole.documents[: events[7] + 1]
    stop = {**whole.documents[-1][1], "exit_status": "fail", "reason": "beam lost"}
    tree = np.zeros_like(whole.tree)
    tree[0], tree[1, 2:] = whole.tree[0], whole.tree[1, 2:]
    return ExternalRun(
        [*documents, ("stop", stop)], whole.values[:8], tree, whole.files
    )


def several_files(folder: Path) -> ExternalRun:
    """The detector begins a new file after every second frame."""
    frames = images(len(LINE), seed=6)
    detector = Detector(line_start(), about((1, *IMAGE), "STREAM:"), streamed=True)
    files = []
    for n, x in enumerate(LINE):
        if n % 2 == 0:
            files.append(write_h5(folder / f"cam_{n}.h5", frames[n : n + 2]))
            compose = detector.stream_resource(files[-1])
        detector.tell(compose, n + 1, n % 2)
        detector.event({"x": x})
    values = [frames[n : n + 1] for n in range(len(LINE))]
    return ExternalRun(detector.stop(), values, frames, files)


def skipped_frames(folder: Path) -> ExternalRun:
    """Of the frames in the file, only some belong to events."""
    frames = images(20, seed=7)
    taken = [1, 2, 5, 7, 11, 19]
    file = write_h5(folder / "cam.h5", frames)
    detector = Detector(line_start(), about(IMAGE, "STREAM:"), streamed=True)
    compose = detector.stream_resource(file)
    for n, x in enumerate(LINE):
        detector.tell(compose, n + 1, taken[n])
        detector.event({"x": x})
    return ExternalRun(
        detector.stop(), list(frames[taken]), frames[taken].copy(), [file]
    )


def frames_by_the_five(folder: Path) -> ExternalRun:
    """Five frames along the file's first axis make one event, as the shape tells."""
    frames = images(5 * len(LINE), seed=8)
    file = write_h5(folder / "cam.h5", frames)
    detector = Detector(line_start(), about((5, *IMAGE), "STREAM:"), streamed=True)
    compose = detector.stream_resource(file)
    detector.tell(compose, 1, 0, len(LINE))
    for x in LINE:
        detector.event({"x": x})
    tree = frames.reshape(len(LINE), 5, *IMAGE)
    return ExternalRun(detector.stop(), list(tree), tree, [file])


def a_missing_file(folder: Path) -> ExternalRun:
    """Two files, of which the second is not there."""
    run = several_files(folder)
    run.files.pop(1).unlink()
    run.values[2] = run.values[3] = None
    run.tree[2:4] = 0
    return run


def flying(folder: Path) -> ExternalRun:
    """No events at all: stream datums in batches, as a flyer collects them."""
    frames = images(12, seed=9)
    file = write_h5(folder / "cam.h5", frames)
    start = {"plan_name": "fly", "detectors": ["cam"]}
    detector = Detector(start, about((1, *IMAGE), "STREAM:"), streamed=True)
    compose = detector.stream_resource(file)
    detector.tell(compose, 1, 0, 10)
    detector.tell(compose, 11, 10, 2)
    return ExternalRun(detector.stop(), [], frames, [file])


def flying_over_a_grid(folder: Path) -> ExternalRun:
    """No events, but the start document announces the grid that was flown over."""
    shape, snaking = (4, 5), (False, True)
    frames = images(20, seed=11)
    file = write_h5(folder / "cam.h5", frames)
    start = grid_start(shape, snaking)
    detector = Detector(start, about((1, *IMAGE), "STREAM:"), streamed=True)
    compose = detector.stream_resource(file)
    detector.tell(compose, 1, 0, 20)
    tree = np.zeros((*shape, *IMAGE), frames.dtype)
    for n, place in enumerate(grid_points(shape, snaking)):
        tree[place] = frames[n]
    return ExternalRun(detector.stop(), [], tree, [file])


def rewound(folder: Path) -> ExternalRun:
    """The third point was measured twice: the later one counts."""
    frames = images(7, seed=10)
    file = write_h5(folder / "cam.h5", frames)
    detector = Detector(line_start(), about(IMAGE, "FILESTORE:"), streamed=False)
    compose = detector.resource(file)
    for n, x in enumerate([*LINE[:3], *LINE[2:]]):
        datum = compose(datum_kwargs={"point_number": n})
        detector.emit("datum", datum)
        if n == 3:
            detector.seq_num -= 1
        detector.event({"x": x}, datum["datum_id"])
    values = [frames[n : n + 1] for n in range(7)]
    tree = frames[[0, 1, 3, 4, 5, 6]]
    return ExternalRun(detector.stop(), values, tree, [file])


LINKABLE = (
    step_line,
    datums_behind,
    several_frames,
    a_file_for_each,
    snaked_grid,
    grid_cut_short,
    several_files,
    skipped_frames,
    frames_by_the_five,
    a_missing_file,
    flying,
    flying_over_a_grid,
    rewound,
)
"""Runs whose data lie in HDF5 files: they can be shown where they are."""


def events_of(documents: Iterator[Document] | list[Document]) -> list[dict[str, Any]]:
    return [doc for name, doc in documents if name == "event"]
