"""Scans on the fly: the file is that of a step scan, however the flight ended."""

import threading
import time

import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import FailedStatus, RunEngineInterrupted
from extras import needs
from oracle.judge import BACKENDS, check, nodes

from pymo_bluesky import PymodaqWriter, open_dataset, replay, validate
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.flyer import Flyer, FlyPath
from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans import fly
from pymo_bluesky.plans.fly import fly_1d, fly_async


@pytest.fixture
def flyer():
    x, *_, camera = simulated_lab(camera={"exposure": 0.0, "shape": (4, 6)})
    return Flyer(name="flyer", actuator=x, detector=camera)


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


@pytest.fixture
def writer(engine, tmp_path):
    with PymodaqWriter(tmp_path / "data") as writer:
        engine.subscribe(writer)
        yield writer


def how_it_ended(path):
    (stop,) = [doc for name, doc in replay(path) if name == "stop"]
    return stop["exit_status"]


def events(path):
    return [doc for name, doc in replay(path) if name == "event"]


def test_a_flight_is_stored_like_a_step_scan(engine, writer, flyer):
    velocity = flyer.actuator.velocity.get()
    engine(fly_1d(flyer, 1, -1, num=5, period=0.02))
    assert validate(writer.path) == []
    (scan,) = open_dataset(writer.path).scans
    assert [module.title for module in scan.actuators] == ["x"]
    (module,) = scan.detectors
    assert module.title == "camera"
    assert module.arrays["camera_image"].data.shape == (5, 4, 6)
    np.testing.assert_allclose(scan.axes[0].values, [1, 0.5, 0, -0.5, -1])
    assert scan.axes[0].units == "mm"
    where = [event["data"]["x"] for event in events(writer.path)]
    assert where == sorted(where, reverse=True)
    assert flyer.actuator.velocity.get() == velocity


def test_bluesky_own_fly_plan_flies_it_too(engine, writer, flyer):
    flyer.prepare(FlyPath(0, 1, 3, 0.01)).wait()
    engine(bp.fly([flyer]))
    assert how_it_ended(writer.path) == "success"


def test_a_camera_that_fails_on_the_way_leaves_what_was_measured(engine, writer, flyer):
    good, frames = flyer.detector.grab, iter(range(9))

    def grab():
        if next(frames) == 3:
            raise OSError("no frame")
        return good()

    flyer.detector.grab = grab
    with pytest.raises(FailedStatus):
        engine(fly_1d(flyer, 0, 1, num=6, period=0.01))
    assert how_it_ended(writer.path) == "fail"
    assert len(events(writer.path)) >= 2
    assert not flyer.actuator.moving


def test_an_axis_that_stops_on_the_way_ends_the_measurement(engine, writer, flyer):
    def stuck(name, doc):
        if name == "event":
            flyer.actuator.stop()

    with pytest.raises(FailedStatus):
        engine(fly_1d(flyer, 0, 5, num=50, period=0.1), stuck)
    assert 1 <= len(events(writer.path)) < 50


def test_a_camera_that_hangs_does_not_hold_an_abort_for_ever(
    engine, flyer, monkeypatch
):
    hanging, over = threading.Event(), threading.Event()

    def grab():
        hanging.set()
        over.wait(60)
        raise RuntimeError("over")

    monkeypatch.setattr(fly, "_LANDING", 0.2)
    flyer.detector.grab = grab
    threading.Thread(target=lambda: hanging.wait(60) and engine.request_pause()).start()
    try:
        with pytest.raises(RunEngineInterrupted):
            engine(fly_1d(flyer, 0, 1, num=5, period=0.05))
        with pytest.raises(DeviceError, match="does not land"):
            engine.abort()
    finally:
        over.set()


@pytest.mark.parametrize(
    ("ending", "status"), [("abort", "abort"), ("stop", "success")]
)
def test_a_flight_can_be_ended_by_hand(engine, writer, flyer, ending, status):
    def pause(name, doc):
        if name == "event" and doc["seq_num"] == 1:
            threading.Thread(target=engine.request_pause).start()

    engine.subscribe(pause)
    with pytest.raises(RunEngineInterrupted):
        engine(fly_1d(flyer, 0, 5, num=500, period=0.1))
    getattr(engine, ending)()
    assert not flyer.actuator.moving
    assert how_it_ended(writer.path) == status
    assert events(writer.path)


@pytest.mark.parametrize("ending", ["abort", "stop"])
@pytest.mark.parametrize("command", ["create", "read", "save"])
def test_no_event_is_lost_or_doubled_when_it_is_ended_amid_one(
    engine, writer, flyer, command, ending
):
    measured, collect, seen = [], flyer.collect, []

    def noted():
        for event in collect():
            measured.append(event["data"]["x"])
            yield event

    def interrupt(msg):
        seen.append(msg.command)
        if msg.command == command and seen.count("create") == 2 and not asked:
            asked.append(threading.Thread(target=engine.request_pause))
            asked[0].start()
            time.sleep(0.05)  # it waits for the engine, which is here now

    asked, flyer.collect, engine.msg_hook = [], noted, interrupt
    with pytest.raises(RunEngineInterrupted):
        engine(fly_1d(flyer, 0, 5, num=200, period=0.02))
    getattr(engine, ending)()
    asked[0].join(60)
    recorded = [event["data"]["x"] for event in events(writer.path)]
    assert len(measured) >= 2
    assert recorded == measured


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ({"start": 0, "stop": 0, "num": 3}, "no way to fly"),
        ({"start": 0, "stop": 1, "num": 1}, "no way to fly"),
        ({"start": 0, "stop": 1, "num": 3, "period": 0}, "no way to fly"),
        ({"start": 0, "stop": 11, "num": 3}, "limits -10 to 10"),
    ],
)
def test_a_way_that_cannot_be_flown_is_refused(flyer, way, told):
    moved = []
    simulator = RunEngineSimulator()
    simulator.add_handler("prepare", moved.append)
    with pytest.raises(PlanError, match=told):
        simulator.simulate_plan(fly_1d(flyer, **way))
    assert not moved


@pytest.mark.oracle
@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_opens_a_flight(engine, writer, flyer, pymodaq5, backend):
    engine(fly_1d(flyer, 0, 1, num=5, period=0.02))
    found = nodes(check(pymodaq5, writer.path, backend)).values()
    assert [5, 4, 6] in [node.get("shape") for node in found]


@pytest.mark.extras
def test_devices_of_ophyd_async_fly(engine, writer, tmp_path):
    core = needs("ophyd_async.core", "async")
    sim = needs("ophyd_async.sim", "async")
    where = core.StaticPathProvider(core.UUIDFilenameProvider(), tmp_path)
    with core.init_devices():
        blob = sim.SimBlobDetector(where, sim.PatternGenerator(), name="blob")
        stage = sim.SimMotor(name="stage", instant=False)
    engine(fly_async([blob], stage, 0, 1, num=5, period=0.05))
    (scan,) = open_dataset(writer.path, external=True).scans
    arrays = {k: v for m in scan.detectors for k, v in m.arrays.items()}
    assert arrays["blob"].data.shape == (5, 240, 320)
    np.testing.assert_allclose(scan.axes[0].values, np.linspace(0, 1, 5))
