"""The tree holds what was measured, where it was measured.

Real plans move simulated motors under a real RunEngine; detectors answer with a formula
of the setpoints. Each file is read by plain h5py and compared with the formula on the
grid that the plan was asked for: nothing of our own navigation is used to judge it.
"""

import ast
import datetime
import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import RunEngineInterrupted
from ophyd.sim import SynAxis, SynSignal

from pymo_bluesky import PymodaqWriter, replay
from pymo_bluesky.devices.simulated_lab import simulated_lab

LAYOUTS = ("pymodaq5", "pymodaq3")

# ------------------------------------------------------------------------- the lab


class Motor(SynAxis):
    """A motor whose readback misses its setpoint, each time by something else."""

    def __init__(self, name: str) -> None:
        self.noise = np.random.default_rng(len(name))
        super().__init__(name=name, readback_func=self._missed)

    def _missed(self, setpoint: float) -> float:
        return setpoint + 0.01 * self.noise.standard_normal()

    def describe(self):
        return {
            key: {**about, "units": "mm"} for key, about in super().describe().items()
        }

    @property
    def sent(self) -> float:
        return self.setpoint.get()


def scalar(x, y, z):
    return x + 10 * y + 100 * z


def spectrum(x, y, z):
    return scalar(x, y, z) + np.arange(5.0) / 8


def image(x, y, z):
    return (scalar(x, y, z) * 1000 + np.arange(6).reshape(2, 3)).astype(np.int32)


FORMULAS = {"diode": scalar, "spectrometer": spectrum, "camera": image}


class Lab:
    """Three motors, three detectors that follow them, and a writer."""

    def __init__(self, folder: Path, layout: str) -> None:
        self.layout = layout
        self.motors = [Motor(name) for name in ("stage_x", "y", "z_long")]
        self.detectors = [
            SynSignal(name=name, func=lambda formula=formula: formula(*self.positions))
            for name, formula in FORMULAS.items()
        ]
        self.engine = RunEngine({}, context_managers=[])
        self.writer = PymodaqWriter(folder, layout=layout)
        self.documents: list = []
        self.engine.subscribe(self.writer)
        self.engine.subscribe(lambda name, doc: self.documents.append((name, doc)))

    @property
    def positions(self) -> list[float]:
        return [motor.sent for motor in self.motors]

    def run(self, plan, **metadata) -> "Tree":
        self.engine(plan, **metadata)
        return self.tree()

    def tree(self) -> "Tree":
        uid = self.documents[0][1]["uid"]
        path = self.writer.paths[uid]
        assert [name for name, _ in replay(path)] == [n for n, _ in self.documents]
        return Tree(path, self.layout)


@pytest.fixture(params=LAYOUTS)
def lab(request, tmp_path) -> Lab:
    return Lab(tmp_path, request.param)


# --------------------------------------------------------------- a file, by plain h5py


@dataclass(frozen=True)
class Stored:
    """One array of a file, with its attributes."""

    path: str
    values: np.ndarray
    attributes: dict


class Tree:
    """Everything of a scan (the last one, as a rule), read into memory."""

    def __init__(self, path: Path, layout: str, scan: str = "Scan000") -> None:
        self.layout = layout
        self.arrays: dict[str, Stored] = {}
        self.groups: dict[str, dict] = {}
        with h5py.File(path) as file:
            raw = file["RawData" if layout == "pymodaq5" else "Raw_datas"]
            self.dataset = attributes_of(raw)
            self.attributes = attributes_of(raw[scan])
            raw[scan].visititems(self._note)

    def _note(self, path: str, node) -> None:
        if path.startswith("Documents"):
            return
        attributes = attributes_of(node)
        if isinstance(node, h5py.Dataset):
            self.arrays[path] = Stored(path, node[()], attributes)
        else:
            self.groups[path] = attributes

    def data(self, label: str, below: str = "") -> Stored:
        """The one array of a data key."""
        (found,) = [
            array
            for array in self.arrays.values()
            if array.attributes.get("label") == label
            and array.path.startswith(below)
            and "Streams/" not in array.path.removeprefix(below)
            and is_data(array)
        ]
        return found

    @property
    def visited(self) -> np.ndarray:
        return self.data("Visited").values

    def navigation(self, below: str = "") -> dict[str, np.ndarray]:
        """Positions of each point by the label of the axis, in their order."""
        names = (
            [f"{below}NavAxes/Axis{n:02d}" for n in range(9)]
            if self.layout == "pymodaq5"
            else [f"{below}Scan_{letter}_axis" for letter in "xyzuvw"]
            + [f"{below}Scan_{n:02d}_axis" for n in range(9)]
        )
        found = [self.arrays[name] for name in names if name in self.arrays]
        return {axis.attributes["label"]: axis.values for axis in found}

    def module(self, title: str) -> dict:
        """Attributes of a module by its title."""
        (found,) = [
            attributes
            for path, attributes in self.groups.items()
            if attributes["TITLE"] == title and "/" not in path
        ]
        return found

    def settings(self, title: str) -> ET.Element:
        return ET.fromstring(self.module(title)["settings"])


def attributes_of(node) -> dict:
    return {name: attribute(value) for name, value in node.attrs.items()}


def attribute(stored):
    """The value of an attribute as PyMoDAQ understands it."""
    text = stored.decode() if isinstance(stored, bytes) else stored
    if not isinstance(text, str) or not text.startswith('{"module"'):
        return text
    return ast.literal_eval(json.loads(text)["data"])


def is_data(array: Stored) -> bool:
    kind = array.attributes.get("data_type") or array.attributes.get("type")
    return kind in ("data", "data_enlargeable")


# ----------------------------------------------------------------------------- grids

# What the plan is asked for: the points along each axis, and which axes are snaked.
GRIDS = {
    "plain": ([(0, 1, 3), (5, 8, 4)], False),
    "snaked": ([(0, 1, 3), (5, 8, 4)], True),
    "both descending": ([(1, 0, 3), (8, 5, 4)], False),
    "descending and snaked": ([(0, 1, 3), (8, -5, 4)], True),
    "slow axis descending": ([(3, 1, 2), (0, 2, 3)], True),
    "three axes snaked": ([(0, 1, 2), (5, 3, 3), (1, 2, 2)], True),
    "one point on an axis": ([(2, 2, 1), (0, 3, 4)], True),
    "nanometres in metres": ([(1e-9, 3e-9, 3), (0, 5e-9, 2)], True),
}


def expected(axes, formula, origin=(0.0, 0.0, 0.0)) -> np.ndarray:
    """The formula on a grid: navigation first, then the signal."""
    points = [formula(*(*point, *origin[len(axes) :])) for point in product(*axes)]
    return np.array(points).reshape(*map(len, axes), *np.shape(points[0]))


def assert_grid(tree: Tree, names, axes, signals=FORMULAS) -> None:
    """Each detector's array is its formula on the grid, along the tree's own axes."""
    shape = tuple(map(len, axes))
    if tree.layout == "pymodaq3":
        axes = [np.sort(axis) for axis in axes]
    navigation = tree.navigation()
    assert list(navigation) == list(names)
    for name, axis, found in zip(names, axes, navigation.values(), strict=True):
        if tree.layout == "pymodaq3":  # lists every point; the axis is what is in it
            assert len(found) == np.prod(shape)
            found = np.unique(found)
        np.testing.assert_allclose(found, axis, rtol=1e-12, err_msg=name)
    for label in signals:
        values = tree.data(label).values
        np.testing.assert_allclose(values, expected(axes, signals[label]), rtol=1e-12)
    assert tree.visited.shape == shape
    assert tree.visited.all()


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_grid_is_the_formula_on_the_grid_that_was_asked_for(lab, grid):
    ranges, snake = grid
    motors = lab.motors[: len(ranges)]
    args = [arg for motor, r in zip(motors, ranges, strict=True) for arg in (motor, *r)]
    tree = lab.run(bp.grid_scan(lab.detectors, *args, snake_axes=snake))
    names = [motor.name for motor in motors]
    assert_grid(tree, names, [np.linspace(*r) for r in ranges])


def test_a_list_grid_has_the_steps_that_were_listed(lab):
    listed = [[0, 1, 5, 7], [3, 2.5, -1]]
    (x, y, _) = lab.motors
    plan = bp.list_grid_scan(lab.detectors, x, listed[0], y, listed[1], snake_axes=[y])
    assert_grid(lab.run(plan), ["stage_x", "y"], [np.array(axis) for axis in listed])


@pytest.mark.parametrize("snake", [False, True], ids=["plain", "snaked"])
def test_a_relative_grid_lies_around_where_it_began(lab, snake):
    x, y, _ = lab.motors
    lab.engine(bps.mv(x, 10, y, -3))
    began = x.position, y.position
    plan = bp.rel_grid_scan(lab.detectors, x, -1, 1, 3, y, 1, -1, 2, snake_axes=snake)
    steps = np.array([-1, 0, 1]), np.array([1, -1])
    axes = [origin + step for origin, step in zip(began, steps, strict=True)]
    assert_grid(lab.run(plan), ["stage_x", "y"], axes)


def test_readbacks_are_kept_beside_and_never_become_the_axis(lab):
    x, y, _ = lab.motors
    tree = lab.run(bp.grid_scan(lab.detectors, x, 0, 1, 3, y, 5, 8, 4))
    asked = expected([np.linspace(0, 1, 3), np.linspace(5, 8, 4)], lambda x, y, z: x)
    readback, setpoint = (
        tree.data(f"stage_x{end}").values for end in ("", "_setpoint")
    )
    np.testing.assert_array_equal(setpoint, asked)
    assert 0 < np.abs(readback - asked).max() < 0.1


def test_axes_have_the_units_of_their_motor(lab):
    x, y, _ = lab.motors
    tree = lab.run(bp.grid_scan([], x, 0, 1, 2, y, 0, 1, 2))
    axes = [a for p, a in tree.arrays.items() if "axis" in p.lower() and not is_data(a)]
    assert [(a.attributes["label"], a.attributes["units"]) for a in axes] == [
        ("stage_x", "mm"),
        ("y", "mm"),
    ]


def test_modules_are_the_actuators_in_the_plan_and_the_detectors(lab):
    x, y, _ = lab.motors
    tree = lab.run(bp.grid_scan(lab.detectors, y, 0, 1, 2, x, 0, 1, 2))
    actuator = "Actuator" if lab.layout == "pymodaq5" else "Move"
    titles = {path: attributes["TITLE"] for path, attributes in tree.groups.items()}
    assert titles[f"{actuator}000"] == "y"
    assert titles[f"{actuator}001"] == "stage_x"
    assert [titles[f"Detector{n:03d}"] for n in range(3)] == [*FORMULAS]


@pytest.mark.parametrize(
    ("label", "where", "dtype"),
    [
        ("diode", "Data0D", np.float64),
        ("spectrometer", "Data1D", np.float64),
        ("camera", "Data2D", np.int32),
    ],
)
def test_an_array_lies_below_the_dimension_of_its_signal(lab, label, where, dtype):
    tree = lab.run(bp.scan(lab.detectors, lab.motors[0], 0, 1, 3))
    stored = tree.data(label)
    assert stored.path.split("/")[1] == where
    assert stored.values.dtype == dtype
    if lab.layout == "pymodaq5":
        assert stored.attributes["nav_indexes"] == (0,)
        assert stored.attributes["data_dimension"] == where


# ------------------------------------------------------------------------ cut short


def stop_after(lab, points, leave):
    """A per-step hook that leaves the plan after so many points."""
    taken = iter(range(100))

    def step(detectors, step, pos_cache):
        yield from bps.one_nd_step(detectors, step, pos_cache)
        if next(taken) == points - 1:
            yield from leave()

    return step


@pytest.mark.parametrize("points", [1, 5, 9])
def test_of_an_aborted_grid_the_points_not_visited_are_empty_and_marked(lab, points):
    x, y, _ = lab.motors
    step = stop_after(lab, points, bps.pause)
    plan = bp.grid_scan(
        lab.detectors, x, 0, 1, 3, y, 8, 5, 4, snake_axes=True, per_step=step
    )
    with pytest.raises(RunEngineInterrupted):
        lab.engine(plan)
    lab.engine.abort("beam was lost")
    tree = lab.tree()
    stop = lab.documents[-1][1]  # bluesky 1.15 forgets the reason of an abort
    assert tree.attributes["exit_status"] == stop["exit_status"] == "abort"
    assert tree.attributes["reason"] == stop["reason"]
    assert tree.attributes["points_visited"] == points
    assert not tree.attributes["scan_done"]
    assert_partly_visited(tree, points)


def assert_partly_visited(tree, points):
    """The first points of a 3 x 4 grid, x 0 to 1 and y 8 to 5, snaked."""
    axes = [np.linspace(0, 1, 3), np.linspace(8, 5, 4)]
    seen = np.zeros((3, 4), bool)
    for n in range(points):
        row, column = divmod(n, 4)
        seen[row, 3 - column if row % 2 else column] = True
    if tree.layout == "pymodaq3":  # ascending
        axes, seen = [axes[0], axes[1][::-1]], seen[:, ::-1]
    np.testing.assert_array_equal(tree.visited, seen)
    assert tree.navigation()["y"].size == (4 if tree.layout == "pymodaq5" else 12)
    for label, formula in FORMULAS.items():
        values = tree.data(label).values
        np.testing.assert_allclose(values[seen], expected(axes, formula)[seen])
        empty = values[~seen]
        assert np.isnan(empty).all() if values.dtype.kind == "f" else not empty.any()


def test_a_plan_that_raised_says_so(lab):
    def fail():
        yield from bps.null()
        raise ValueError("the shutter is stuck")

    x, y, _ = lab.motors
    step = stop_after(lab, 5, fail)
    with pytest.raises(ValueError, match="stuck"):
        lab.engine(
            bp.grid_scan(
                lab.detectors, x, 0, 1, 3, y, 8, 5, 4, snake_axes=True, per_step=step
            )
        )
    tree = lab.tree()
    assert tree.attributes["exit_status"] == "fail"
    assert tree.attributes["reason"] == "the shutter is stuck"
    assert_partly_visited(tree, 5)


def test_a_point_measured_again_after_a_rewind_shows_the_last_reading(lab):
    readings = iter(range(1000))
    counter = SynSignal(name="counter", func=lambda: next(readings))
    x, y, _ = lab.motors
    pauses = iter([bps.pause])

    def step(detectors, step, pos_cache):
        yield from bps.checkpoint()
        yield from bps.move_per_step(step, pos_cache)
        yield from bps.trigger_and_read([*detectors, *step])
        if x.sent == 1 and y.sent == 6:
            yield from next(pauses, bps.null)()

    plan = bp.grid_scan(
        [counter], x, 0, 1, 2, y, 5, 7, 3, snake_axes=False, per_step=step
    )
    with pytest.raises(RunEngineInterrupted):
        lab.engine(plan)
    lab.engine.resume()
    events = [doc for name, doc in lab.documents if name == "event"]
    assert [event["seq_num"] for event in events] == [1, 2, 3, 4, 5, 5, 6]
    again = events[5]["data"]["counter"]
    tree = lab.tree()
    stored = tree.data("counter").values
    assert stored[1, 1] == again != events[4]["data"]["counter"]
    assert tree.visited.all()
    back = [doc for name, doc in replay(lab.writer.path) if name == "event"]
    assert [event["data"] for event in back] == [event["data"] for event in events]


# ----------------------------------------------------------------- lines and scatter


def test_a_line_has_one_axis(lab):
    tree = lab.run(bp.scan(lab.detectors, lab.motors[1], 3, -1, 5))
    axis = np.linspace(3, -1, 5)
    found = tree.navigation()["y"]
    if lab.layout == "pymodaq3":  # ascending; the axis lists the points as visited
        axis, found = axis[::-1], np.unique(found)
    np.testing.assert_array_equal(found, axis)
    np.testing.assert_allclose(tree.data("diode").values, 10 * axis)
    assert tree.data("camera").values.shape == (5, 2, 3)


def test_motors_that_move_together_share_one_dimension(lab):
    x, y, _ = lab.motors
    tree = lab.run(bp.scan(lab.detectors, x, 0, 3, y, 7, 4, num=4))
    navigation = tree.navigation()
    np.testing.assert_array_equal(navigation["stage_x"], [0, 1, 2, 3])
    np.testing.assert_array_equal(navigation["y"], [7, 6, 5, 4])
    np.testing.assert_array_equal(tree.data("diode").values, [70, 61, 52, 43])
    if lab.layout == "pymodaq5":
        assert tree.data("diode").attributes["distribution"] == "spread"


def scattered(lab):
    x, y, _ = lab.motors
    return {
        "spiral": bp.spiral(lab.detectors, x, y, 0, 0, 2, 2, 0.8, 5),
        "relative spiral": bp.rel_spiral(lab.detectors, x, y, 2, 2, 0.8, 5),
        "fermat spiral": bp.spiral_fermat(lab.detectors, x, y, 0, 0, 2, 2, 0.7, 1),
        "list with repeats": bp.list_scan(lab.detectors, x, [0, 1, 0], y, [3, 3, 1]),
        "adaptive": bp.adaptive_scan(
            lab.detectors[:1], "diode", x, 0, 3, 0.1, 1, 0.5, True
        ),
    }


@pytest.mark.parametrize("name", ["spiral", "relative spiral", "fermat spiral"])
@pytest.mark.parametrize("start", [(0, 0), (4, -2)], ids=["at 0", "elsewhere"])
def test_scattered_points_lie_at_their_setpoints(lab, name, start):
    x, y, _ = lab.motors
    lab.engine(bps.mv(x, start[0], y, start[1]))
    assert_scattered(lab, lab.run(scattered(lab)[name]), ("stage_x", "y"))


@pytest.mark.parametrize(
    ("name", "moved"),
    [("list with repeats", ("stage_x", "y")), ("adaptive", ("stage_x",))],
)
def test_points_in_any_order_lie_at_their_setpoints(lab, name, moved):
    assert_scattered(lab, lab.run(scattered(lab)[name]), moved)


def assert_scattered(lab, tree, moved):
    events = [doc["data"] for name, doc in lab.documents if name == "event"]
    assert len(events) > 2
    navigation = tree.navigation()
    assert list(navigation) == list(moved)
    for name in moved:
        sent = [event[f"{name}_setpoint"] for event in events]
        np.testing.assert_array_equal(navigation[name], sent)
    np.testing.assert_array_equal(
        tree.data("diode").values.ravel(), [event["diode"] for event in events]
    )


def test_a_count_runs_along_time(lab):
    tree = lab.run(bp.count(lab.detectors, num=4, delay=0.02))
    (times,) = tree.navigation().values()
    assert list(tree.navigation()) == ["time"]
    assert np.all(np.diff(times) > 0)
    assert tree.data("spectrometer").values.shape == (4, 5)


def test_timestamps_are_seconds_since_the_run_began(lab):
    tree = lab.run(bp.count(lab.detectors[:1], num=3, delay=0.01))
    start = lab.documents[0][1]["time"]
    times = [doc["time"] - start for name, doc in lab.documents if name == "event"]
    np.testing.assert_allclose(tree.data("Timestamps").values, times, atol=1e-6)


# ----------------------------------------------------------------------- other streams


def test_each_other_stream_has_a_place_of_its_own(lab):
    x, y, z = lab.motors

    def plan():
        yield from bps.open_run()
        yield from bps.create("dark")
        yield from bps.read(lab.detectors[0])
        yield from bps.save()
        for position in (1, 2, 3):
            yield from bps.mv(x, position)
            yield from bps.trigger_and_read([*lab.detectors[:1], x], name="primary")
        yield from bps.trigger_and_read([y, z], name="baseline")
        yield from bps.close_run()

    tree = lab.run(plan())
    titles = {
        attributes["TITLE"]: f"{path}/"
        for path, attributes in tree.groups.items()
        if path.startswith("Streams/") and path.count("/") == 1
    }
    assert [*titles] == ["dark", "baseline"]
    assert tree.data("diode").values.ravel().tolist() == [1, 2, 3]
    assert tree.data("diode", titles["dark"]).values.size == 1
    assert tree.data("y_setpoint", titles["baseline"]).values.ravel().tolist() == [0]


# -------------------------------------------------------------------------- attributes


def test_a_scan_says_who_did_what_when_and_how_it_ended(lab):
    x, y, _ = lab.motors
    plan = bp.grid_scan([], x, 0, 1, 2, y, 0, 1, 2, snake_axes=True)
    tree = lab.run(
        plan, author="M. Curie", sample="pitchblende", description="first light"
    )
    start = lab.documents[0][1]
    assert tree.attributes["author"] == "M. Curie"
    assert tree.attributes["sample"] == "pitchblende"
    assert tree.attributes["description"] == "first light"
    assert tree.attributes["plan_name"] == "grid_scan"
    assert tree.attributes["run_uid"] == start["uid"]
    assert tree.attributes["exit_status"] == "success"
    assert tree.attributes["reason"] == ""
    assert tree.attributes["scan_done"] is True
    assert tree.attributes["points_visited"] == 4
    date = datetime.datetime.fromtimestamp(start["time"]).isoformat(" ", "seconds")
    assert tree.attributes["date_time"] == date
    assert tree.dataset["author"] == "M. Curie"
    assert tree.dataset["sample"] == "pitchblende"


@pytest.mark.parametrize(
    ("plan", "arguments", "kind", "sub_kind"),
    [
        (bp.scan, "x 0 1 2", "Scan1D", "Linear"),
        (bp.scan, "x 0 1 y 0 1 2", "Tabular", "Linear"),
        (bp.log_scan, "x 1 2 2", "Scan1D", "Sparse"),
        (bp.grid_scan, "x 0 1 2 y 0 1 2", "Scan2D", "Linear"),
        (bp.grid_scan, "x 0 1 2 y 0 1 2 True", "Scan2D", "LinearBackForce"),
        (bp.grid_scan, "x 0 1 2 y 0 1 2 z 0 1 2", "Sequential", "Linear"),
        (bp.spiral, "x y 0 0 2 2 1 5", "Scan2D", "Spiral"),
        (bp.spiral_square, "x y 0 0 2 2 3 3", "Scan2D", "Spiral"),
        (bp.count, "3", "Scan1D", "Time"),
    ],
)
def test_a_plan_has_a_scan_type_that_pymodaq_knows(
    lab, plan, arguments, kind, sub_kind
):
    named = dict(zip("xyz", lab.motors, strict=True))
    args = [named.get(word) or ast.literal_eval(word) for word in arguments.split()]
    tree = lab.run(plan(lab.detectors, *args))
    found = tree.attributes["scan_type"], tree.attributes["scan_sub_type"]
    assert found == (kind, sub_kind)


# --------------------------------------------------------- modules with their settings


@pytest.fixture
def simulated(lab):
    """A scan of the simulated lab, whose devices declare their axes and ROIs."""
    fast = {"velocity": 1e4}
    devices = {
        device.name: device
        for device in simulated_lab(
            actuators={"x": fast, "y": fast, "power": fast},
            photodiode={"exposure": 0.0},
            spectrometer={
                "exposure": 0.0,
                "rois": [{"position": [620, 640], "math_function": "sum"}],
            },
            camera={
                "exposure": 0.0,
                "rois": [{"position": [0, 0], "size": [100, 60]}],
            },
        )
    }
    detectors = [devices[n] for n in ("photodiode", "spectrometer", "camera")]
    plan = bp.grid_scan(detectors, devices["x"], -1, 1, 2, devices["y"], -1, 1, 3)
    return devices, lab.run(plan)


def signal_axes(tree: Tree, stored: Stored) -> dict[int, Stored]:
    """Signal axes of an array by the dimension (of the signal) that they lie on."""
    channel = stored.path.rpartition("/")[0]
    beside = [a for p, a in tree.arrays.items() if p.rpartition("/")[0] == channel]
    axes = [axis for axis in beside if "axis" in axis.path.rpartition("/")[2].lower()]
    if tree.layout == "pymodaq5":
        nav = len(stored.attributes["nav_indexes"])
        return {axis.attributes["index"] - nav: axis for axis in axes}
    last = stored.values.ndim - tree.visited.ndim - 1
    return {last - "XYZ".index(axis.path.rpartition("/")[2][0]): axis for axis in axes}


def test_signal_axes_lie_on_the_dimension_they_describe(simulated):
    devices, tree = simulated
    frame = tree.data("camera_image")
    assert frame.values.shape[:2] == (2, 3)
    y, x = (signal_axes(tree, frame)[dimension] for dimension in (0, 1))
    assert (y.values.size, x.values.size) == frame.values.shape[2:]
    camera = devices["camera"].read_configuration()
    for axis, name in ((x, "camera_x"), (y, "camera_y")):
        np.testing.assert_array_equal(axis.values, camera[name]["value"])
        assert axis.attributes["units"] == "um"
    curve = tree.data("spectrometer_spectrum")
    (wavelength,) = signal_axes(tree, curve).values()
    assert wavelength.attributes["units"] == "nm"
    assert wavelength.values.size == curve.values.shape[2]


def test_modules_carry_their_settings(simulated):
    _, tree = simulated
    text = ET.tostring(tree.settings("x"), "unicode")
    assert "velocity" in text
    assert "10000" in text


def test_rois_stand_in_the_settings_of_their_detector(simulated):
    _, tree = simulated
    (roi,) = tree.settings("camera").iter("ROI_00")
    assert roi.find("roi_type").text.count("RectROI")
    assert [float(roi.find(f"size/{n}").text) for n in ("width", "height")] == [100, 60]
    (line,) = tree.settings("spectrometer").iter("ROI_00")
    edges = ("x", "y") if tree.layout == "pymodaq5" else ("left", "right")
    assert [float(line.find(f"position/{n}").text) for n in edges] == [620, 640]
