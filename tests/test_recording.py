"""Documents to operations, without a file: what is made, written, and never twice."""

import tracemalloc
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from corpus import load, stream
from generating import document_streams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymo_bluesky.layouts import LAYOUTS, Role
from pymo_bluesky.operations import Append, MakeArray, MakeGroup, WriteSlab
from pymo_bluesky.recording import Recording

RAW = {layout.name: layout.place(Role.RAW, "/").path for layout in LAYOUTS}
EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.name)


@dataclass
class Tree:
    """Takes operations as a store would, and refuses what a store cannot do."""

    groups: set[str]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, dict] = field(default_factory=dict)
    written: Counter = field(default_factory=Counter)

    def take(self, operation) -> None:
        match operation:
            case MakeGroup(path, attributes):
                self._new(path, attributes)
                self.groups.add(path)
            case MakeArray():
                self._new(operation.path, operation.attributes)
                fill = 0 if operation.fill is None else operation.fill
                array = np.full(operation.shape, fill, operation.dtype)
                if operation.data is not None:
                    array[...] = operation.data
                    self.written[operation.path] += operation.data.nbytes
                self.arrays[operation.path] = array
            case WriteSlab(path, start, values):
                self._slab(self.arrays[path], start, values)
                self.written[path] += values.nbytes
            case Append(path, values):
                self.arrays[path] = np.concatenate([self.arrays[path], values])
                self.written[path] += values.nbytes
            case _:
                raise AssertionError(f"no store is asked for {operation}")

    def _new(self, path, attributes) -> None:
        assert path not in self.attributes, f"{path} is made twice"
        assert path.rpartition("/")[0] in self.groups, (
            f"{path} is made before its group"
        )
        assert "CLASS" in attributes
        self.attributes[path] = dict(attributes)

    def _slab(self, array, start, values) -> None:
        free = array.ndim - values.ndim
        corner = (*start, *([0] * array.ndim))[: array.ndim]
        sizes = (1,) * free + values.shape
        ends = [at + n for at, n in zip(corner, sizes, strict=True)]
        assert all(end <= n for end, n in zip(ends, array.shape, strict=True))
        part = tuple(slice(at, end) for at, end in zip(corner, ends, strict=True))
        array[part] = values


def recorded(documents, layout) -> tuple[Tree, Recording]:
    recording = Recording(lambda: documents, layout)
    tree = Tree({RAW[layout.name]})
    for operation in recording.operations(RAW[layout.name], 0):
        tree.take(operation)
    return tree, recording


@EVERY_LAYOUT
def test_operations_of_every_run_can_be_done_in_their_order(layout, corpus_stream):
    runs = [d for name, d in load(corpus_stream) if name == "start"]
    if len(runs) == 1:
        tree, _ = recorded(load(corpus_stream), layout)
        assert f"{RAW[layout.name]}/Scan000" in tree.groups


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document_streams(most_runs=1), st.sampled_from(LAYOUTS))
def test_whatever_a_run_holds_its_operations_fit_together(documents, layout):
    recorded(documents, layout)


def frames(count, shape=(40, 50)):
    """A run of frames; each is filled with its number."""
    start = {"uid": "r", "time": 0.0, "num_points": count, "plan_name": "count"}
    keys = {"camera": {"dtype": "array", "shape": list(shape), "source": ""}}
    descriptor = {
        **{"uid": "d", "run_start": "r", "time": 0.0, "name": "primary"},
        **{"data_keys": keys, "object_keys": {"camera": ["camera"]}},
        **{"configuration": {}, "hints": {}},
    }
    yield "start", start
    yield "descriptor", descriptor
    for n in range(count):
        yield (
            "event",
            {
                **{"uid": f"e{n}", "descriptor": "d", "seq_num": n + 1, "time": n / 10},
                "data": {"camera": np.full(shape, n, np.uint16)},
                "timestamps": {"camera": n / 10},
                "filled": {},
            },
        )
    yield "stop", {"uid": "s", "run_start": "r", "time": 9.0, "exit_status": "success"}


@EVERY_LAYOUT
def test_a_frame_is_written_once_and_nowhere_else(layout):
    documents = list(frames(30))
    tree, _ = recorded(documents, layout)
    (camera,) = [p for p, a in tree.arrays.items() if a.shape == (30, 40, 50)]
    assert (tree.arrays[camera] == np.arange(30)[:, None, None]).all()
    payload = 30 * 40 * 50 * 2
    assert tree.written[camera] == payload
    assert sum(tree.written.values()) < payload + 20_000


@EVERY_LAYOUT
def test_the_documents_are_asked_for_at_most_twice(layout):
    asked = []

    def source():
        asked.append(1)
        return frames(3)

    list(Recording(source, layout).operations(RAW[layout.name], 0))
    assert len(asked) <= 2


@EVERY_LAYOUT
def test_a_run_is_never_held_in_memory(layout):
    """Of 64 MB of frames that come one by one, only those of a block live at a time."""
    recording = Recording(lambda: frames(400, (200, 400)), layout)
    tracemalloc.start()
    try:
        for _ in recording.operations(RAW[layout.name], 0):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * 2**20


@EVERY_LAYOUT
def test_what_no_array_can_hold_is_reported_in_words(layout):
    _, recording = recorded(load(stream("p33")), layout)
    messages = [str(problem) for problem in recording.problems]
    assert any("'shape' fit no array of numbers" in message for message in messages)
    assert all(problem.severity == "warning" for problem in recording.problems)


@EVERY_LAYOUT
def test_nothing_is_reported_of_an_ordinary_scan(layout):
    for name in ("p02", "p05", "p11"):
        assert recorded(load(stream(name)), layout)[1].problems == []


@EVERY_LAYOUT
def test_settings_keep_their_history(layout):
    documents = list(frames(2))
    changed = {
        **documents[1][1],
        "uid": "d2",
        "time": 5.0,
        "configuration": configuration(gain=7),
    }
    documents[1][1]["configuration"] = configuration(gain=3)
    documents[3:3] = [("descriptor", changed)]
    documents[4][1]["descriptor"] = "d2"
    tree, _ = recorded(documents, layout)
    scan = f"{RAW[layout.name]}/Scan000"
    now = tree.attributes[f"{scan}/Detector000"]["settings"]
    before = tree.attributes[f"{scan}/Detector000/EarlierSettings000"]["settings"]
    assert ">7<" in now
    assert ">3<" in before


def configuration(**values):
    keys = {name: {"dtype": "integer", "shape": [], "source": ""} for name in values}
    stamps = dict.fromkeys(values, 0.0)
    return {"camera": {"data": values, "timestamps": stamps, "data_keys": keys}}
