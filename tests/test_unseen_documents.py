"""Documents that devices could emit and none of the recordings has: none costs the run.

What the tree cannot show is kept among the documents, and said to be so.
"""

import itertools
from pathlib import Path

import bluesky.plans as bp
import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from event_model import compose_run
from exactness import assert_replays, assert_same_documents
from ophyd.sim import SynAxis, SynSignal
from oracle.judge import BACKENDS, check

from pymo_bluesky import PymodaqWriter, export, open_dataset, replay, validate

LAYOUTS = ("pymodaq5", "pymodaq3")
RAW = {"pymodaq5": "RawData", "pymodaq3": "Raw_datas"}


@pytest.fixture(params=LAYOUTS)
def layout(request) -> str:
    return request.param


class Run:
    """A run of one stream, composed document by document."""

    def __init__(self, *keys, **metadata) -> None:
        self.run = compose_run(metadata=metadata)
        about = {"dtype": "array", "shape": [], "source": "SIM"}
        self.stream = self.run.compose_descriptor(
            name="primary",
            data_keys={key: dict(about) for key in keys},
            object_keys={key: [key] for key in keys},
        )
        start, descriptor = self.run.start_doc, self.stream.descriptor_doc
        self.documents = [("start", start), ("descriptor", descriptor)]

    def event(self, **data) -> None:
        times = dict.fromkeys(data, 1.0)
        event = self.stream.compose_event(data=data, timestamps=times, validate=False)
        self.documents.append(("event", event))

    def page(self, seq_num, **data) -> dict:
        """A page; its members are what the caller makes of them."""
        rows = len(seq_num)
        page = {
            "uid": [f"page {seq_num[0]} row {n}" for n in range(rows)],
            "descriptor": self.stream.descriptor_doc["uid"],
            "seq_num": seq_num,
            "time": [float(n) for n in range(rows)],
            "data": data,
            "timestamps": {key: [1.0] * rows for key in data},
            "filled": {},
        }
        self.documents.append(("event_page", page))
        return page

    def written(self, folder, layout) -> str:
        stop = self.run.compose_stop()
        counted = sum(
            1 if name == "event" else len(doc["seq_num"])
            for name, doc in self.documents
            if name.startswith("event")
        )
        stop["num_events"] = {"primary": counted}
        self.documents.append(("stop", stop))
        (path,) = export(self.documents, folder, "run", layout=layout)["pymodaq"]
        assert_replays(self.documents, path)
        assert not [p for p in validate(path) if p.severity == "error"]
        return path


def shown(path, layout, label) -> np.ndarray:
    """The array of a data key in the tree, by plain h5py."""
    found = []

    def note(name, node) -> None:
        label_of = str(node.attrs.get("label", b"").decode())
        data = "/Data" in name or name.rpartition("/")[2] == "Data"
        if isinstance(node, h5py.Dataset) and data and f"'{label}'" in label_of:
            found.append(node[()])

    with h5py.File(path) as file:
        file[RAW[layout]]["Scan000"].visititems(note)
    (array,) = found
    return array


@pytest.mark.parametrize("axes", [25, 32, 64])
def test_an_array_of_more_axes_than_hdf5_has_is_kept(layout, axes, tmp_path):
    run = Run("deep", "plain")
    for n in range(3):
        run.event(deep=np.full((1,) * axes, float(n)), plain=float(n))
    run.page([4, 5], deep=np.ones((2,) + (1,) * min(axes, 63)), plain=[3.0, 4.0])
    path = run.written(tmp_path, layout)
    assert shown(path, layout, "plain").ravel().tolist() == [0, 1, 2, 3, 4]
    assert [p for p in validate(path) if p.kind == "kept" and "'deep'" in p.message]


def test_a_list_nested_deeper_than_hdf5_has_axes_is_kept(layout, tmp_path):
    deep = 1.0
    for _ in range(40):
        deep = [deep]
    run = Run("deep")
    run.event(deep=deep)
    run.event(deep=[1.0])
    run.written(tmp_path, layout)


def test_columns_of_pages_keep_a_foreign_byte_order_among_others(layout, tmp_path):
    run = Run("a", "b", "t")
    run.event(a=1.5, b=np.ones(2), t=1.0)
    for n, order in enumerate("><>"):
        run.page(
            [3 * n + 2, 3 * n + 3, 3 * n + 4],
            a=np.arange(3).astype(f"{order}i4"),
            b=np.ones((3, 2), f"{order}f4"),
            t=np.arange(3).astype(f"{order}M8[s]"),
        )
    run.written(tmp_path, layout)


def test_columns_of_pages_that_are_tuples_are_in_the_tree(layout, tmp_path):
    run = Run("a")
    page = run.page((1, 2, 3), a=(1.0, 2.0, 3.0))
    page["time"] = tuple(page["time"])
    page["uid"] = tuple(page["uid"])
    run.page([4, 5], a=[4.0, 5.0])
    path = run.written(tmp_path, layout)
    assert shown(path, layout, "a").ravel().tolist() == [1, 2, 3, 4, 5]
    assert not [p for p in validate(path) if p.kind == "kept"]


def test_a_page_that_forms_no_columns_is_kept_and_not_called_missing(layout, tmp_path):
    run = Run("a")
    run.event(a=1.0)
    run.page([2, 3], a=[2.0, 3.0])["remark"] = "a member without rows"
    path = run.written(tmp_path, layout)
    (kept,) = [p for p in validate(path) if p.kind == "kept"]
    assert "2 events" in kept.message


@pytest.mark.parametrize("group", ["data", "timestamps"])
def test_an_event_with_a_member_that_is_no_text_is_kept(layout, group, tmp_path):
    run = Run("a")
    for n in range(3):
        run.event(a=float(n))
    run.documents[-2][1][group][5] = 2.0
    run.page([4, 5], a=[3.0, 4.0])[group][None] = [1.0, 1.0]
    run.documents.append(("stop", run.run.compose_stop()))
    (path,) = export(run.documents, tmp_path, "run", layout=layout)["pymodaq"]
    assert_same_documents(run.documents, replay(path))
    (kept,) = [p for p in validate(path) if p.kind == "kept"]
    assert "3 events" in kept.message


def test_a_structure_with_fields_out_of_order_comes_back(layout, tmp_path):
    table = np.zeros(3, "<i4,<f8,<U3")[["f2", "f0"]]
    run = Run("table", "row")
    for _ in range(3):
        run.event(table=table, row=table[0])
    run.written(tmp_path, layout)


# ---------------------------------------------------------------------------- units

# PyMoDAQ 5 takes the last ones for numbers or for nothing, and loads no such array.
LOADABLE = (
    "",
    "mm",
    "µm",
    "°C",
    "%",
    "1/s",
    "m s^-1",
    "mm²",
    "V/√Hz",
    "furlong",
    "a.u.",
)
UNLOADABLE = (
    "10^6 counts",
    "1e3",
    "2 mm",
    "cm-1",
    "counts/",
    "nan",
    "(",
    "\0",
    "\ud800",
)


def run_with_units() -> Run:
    """A run with a data key for each of the units."""
    run = Run(*(f"k{n}" for n in range(len(LOADABLE + UNLOADABLE))))
    for n, units in enumerate(LOADABLE + UNLOADABLE):
        run.documents[1][1]["data_keys"][f"k{n}"]["units"] = units
    for n in range(2):
        run.event(**{f"k{key}": float(n) for key in range(len(LOADABLE + UNLOADABLE))})
    return run


def test_units_that_pymodaq_5_cannot_load_stay_in_the_documents(layout, tmp_path):
    path = run_with_units().written(tmp_path, layout)
    units = {
        array.label: array.units
        for module in open_dataset(path).scans[0].detectors
        for array in module.arrays.values()
    }
    told = [units[f"k{n}"] for n in range(len(units))]
    assert told[: len(LOADABLE)] == [*LOADABLE]
    if layout == "pymodaq5":
        assert set(told[len(LOADABLE) :]) == {""}
    else:
        assert told[len(LOADABLE)] == UNLOADABLE[0]


@pytest.mark.oracle
@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_5_loads_arrays_of_any_units(pymodaq5, backend, tmp_path):
    path = Path(run_with_units().written(tmp_path, "pymodaq5"))
    check(pymodaq5, path, backend)


# ------------------------------------------------------------ positions that repeat


@pytest.fixture
def repeating(layout, tmp_path) -> str:
    """The dataset of a grid scan that visits one of its columns twice."""
    points = itertools.count()
    x, y = SynAxis(name="x"), SynAxis(name="y")
    signal = SynSignal(name="signal", func=lambda: float(next(points)))
    writer = PymodaqWriter(tmp_path, layout=layout)
    plan = bp.list_grid_scan([signal], x, [0, 1], y, [5, 3, 5])
    (uid,) = RunEngine({}, context_managers=[])(plan, writer)
    return str(writer.paths[uid])


@pytest.mark.parametrize("layout", ["pymodaq5"])
def test_a_grid_with_a_position_twice_is_one_for_pymodaq5(repeating, layout):
    signal = shown(repeating, layout, "signal")
    assert np.diff(signal).tolist() == [[1, 1], [1, 1]]
    assert open_dataset(repeating).scans[0].shape == (2, 3)


@pytest.mark.parametrize("layout", ["pymodaq3"])
def test_a_grid_with_a_position_twice_is_spread_for_pymodaq3(repeating, layout):
    """PyMoDAQ 3 takes the distinct positions for the axis: it would be too short."""
    signal = shown(repeating, layout, "signal").ravel()
    assert np.diff(signal).tolist() == [1, 1, 1, 1, 1]
    scan = open_dataset(repeating).scans[0]
    assert [axis.values.tolist() for axis in scan.axes] == [
        [0, 0, 0, 1, 1, 1],
        [5, 3, 5, 5, 3, 5],
    ]
    (note,) = [p for p in validate(repeating) if p.kind == "navigation"]
    assert "'y'" in note.message
    assert "'x'" not in note.message
    pytest.importorskip("xarray")
    assert scan.to_xarray()["signal"].values.tolist() == signal.tolist()
