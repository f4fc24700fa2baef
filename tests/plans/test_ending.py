"""However a plan ends, and wherever: the dataset opens and says what happened."""

import threading
import time

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from extras import needs
from plans.every import EVERY, Bench

from pymo_bluesky import PymodaqWriter, open_dataset, replay, validate
from pymo_bluesky.devices.simulated_lab import simulated_lab

# Some of all kinds: stock plans on lines and grids, loops of ours, streams, flights.
PLANS = [
    *("scan_1d", "scan_1d average", "rel_scan_1d", "scan_2d snake", "scan_2d random"),
    *("scan_2d spread", "sequential", "tabular", "adaptive", "continuous"),
    *("timelapse", "log", "move", "fly_1d"),
]
POINTS_BEFORE = 1
FIRST = ("scan_1d", "scan_2d snake", "log", "fly_1d")
"""One of each kind, tried with every change; the others are slow."""


def each(names):
    learns, slow = pytest.mark.extras, pytest.mark.slow
    return pytest.mark.parametrize(
        "name",
        [
            name
            if name in FIRST
            else pytest.param(name, marks=learns if "adaptive" in name else slow)
            for name in names
        ],
    )


@pytest.fixture
def bench():
    quick, fast = {"exposure": 0.0}, {"velocity": 1000.0}
    x, y, _, photodiode, _, camera = simulated_lab(
        actuators={"x": fast, "y": fast},
        photodiode=quick,
        camera={**quick, "shape": (4, 6)},
    )
    return Bench(x, y, camera, photodiode, "photodiode_signal")


@pytest.fixture
def engine(tmp_path):
    engine = RunEngine({}, context_managers=[])
    engine.documents = []
    with PymodaqWriter(tmp_path) as writer:
        engine.subscribe(writer)
        engine.subscribe(lambda *pair: engine.documents.append(pair))
        engine.writer = writer
        yield engine


def pause_after(engine, points):
    """Ask for a pause, as Ctrl-C twice does, when so many events have come."""
    asked = []

    def watch(name, doc):
        if name == "event":
            asked.append(None)
            if len(asked) == points:
                threading.Thread(target=engine.request_pause).start()
                time.sleep(0.05)  # it waits for the engine, which is here now

    engine.subscribe(watch)


def check_ended(engine, status, reason=""):
    """One scan, that says how it ended, with the points of its events and no other."""
    path = engine.writer.path
    dataset = open_dataset(path)
    assert not [p for p in dataset.problems if p.severity == "error"]
    (scan,) = dataset.scans
    assert scan.attributes["exit_status"] == status
    assert reason in scan.attributes["reason"]
    assert any(f"the run ends: {status}" in line for line in dataset.log)
    assert any(reason in line for line in dataset.log)
    assert not [p for p in validate(path) if p.severity == "error"]
    documents = list(replay(path))
    assert [n for n, _ in documents] == [n for n, _ in engine.documents]
    events = [doc for name, doc in engine.documents if name == "event"]
    if scan.visited is not None:
        assert np.count_nonzero(scan.visited) == len(events)
        check_values(scan, events)
    return scan, events


def check_values(scan, events):
    """What was measured stands where it was visited, and NaN everywhere else."""
    for module in scan.detectors:
        for label, array in module.arrays.items():
            values = np.asarray(array.data[()])
            if values.shape != scan.shape or not label.startswith("photodiode"):
                continue
            measured = sorted(event["data"][label] for event in events)
            np.testing.assert_array_equal(sorted(values[scan.visited]), measured)
            assert np.isnan(values[~scan.visited]).all()


@pytest.mark.parametrize("ending", ["abort", "stop", "halt"])
@each(PLANS)
def test_a_plan_that_is_ended_by_hand(engine, bench, name, ending):
    if "adaptive" in name:
        needs("adaptive", "adaptive")
    pause_after(engine, POINTS_BEFORE)
    with pytest.raises(RunEngineInterrupted):
        engine(EVERY[name].plan(bench))
    getattr(engine, ending)()
    status = "success" if ending == "stop" else "abort"
    scan, events = check_ended(engine, status)
    assert POINTS_BEFORE <= len(events) <= EVERY[name].points
    assert scan.attributes["scan_done"] == (ending == "stop")


@each([*PLANS, "snapshot", "snapshot background"])
def test_a_detector_that_fails(engine, bench, name):
    if "adaptive" in name:
        needs("adaptive", "adaptive")
    if name == "move":
        pytest.skip("it measures nothing")
    detector = bench.meter if name in ("sequential", "adaptive") else bench.camera
    detector.describe()  # it has measured once
    good, frames = detector.grab, iter(range(99))
    fails_at = 0 if name.startswith("snapshot") else 1

    def grab():
        if next(frames) == fails_at:
            raise OSError("the cable is out")
        return good()

    detector.grab = grab
    with pytest.raises(FailedStatus):
        engine(EVERY[name].plan(bench))
    if not engine.documents:  # it failed at the background, before the run began
        assert name == "snapshot background"
        return
    _, events = check_ended(engine, "fail", "the cable is out")
    assert len(events) <= EVERY[name].points


@each([name for name in PLANS if EVERY[name].kind != "Scan1D/Time"])
def test_an_actuator_that_fails(engine, bench, name):
    if "adaptive" in name:
        needs("adaptive", "adaptive")
    if name == "log":
        pytest.skip("it moves nothing")
    good, moves = bench.x.move_abs, iter(range(99))

    def move(value):
        if next(moves) == 1:
            raise OSError("the axis is blocked")
        return good(value)

    bench.x.move_abs = move
    with pytest.raises(FailedStatus):
        engine(EVERY[name].plan(bench))
    check_ended(engine, "fail", "the axis is blocked")


@each(PLANS)
def test_a_pause_costs_no_point_and_makes_none_twice(engine, bench, name):
    if "adaptive" in name:
        needs("adaptive", "adaptive")
    pause_after(engine, POINTS_BEFORE)
    with pytest.raises(RunEngineInterrupted):
        engine(EVERY[name].plan(bench))
    engine.resume()
    scan, events = check_ended(engine, "success")
    assert len({(e["descriptor"], e["seq_num"]) for e in events}) == EVERY[name].points
    assert scan.visited is None or scan.visited.all()
