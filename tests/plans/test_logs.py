"""DAQ_Logger as a plan: modules side by side, each along its own time."""

import threading

import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd import Signal
from ophyd.sim import det1

from pymo_bluesky import open_dataset, replay, validate
from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans.logs import log
from pymo_bluesky.plans.saving import ContinuousSaving


@pytest.fixture
def lab():
    quick = {"exposure": 0.001}
    devices = simulated_lab(photodiode=quick, spectrometer=quick, camera=quick)
    return {device.name: device for device in devices}


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


@pytest.fixture
def saving(tmp_path):
    return ContinuousSaving(tmp_path, "Log")


def events(path):
    """The number of events of each stream, by its name."""
    names, found = {}, {}
    for name, doc in replay(path):
        if name == "descriptor":
            names[doc["uid"]] = doc["name"]
            found.setdefault(doc["name"], 0)
        elif name == "event":
            found[names[doc["descriptor"]]] += 1
    return found


def test_each_module_has_a_stream_of_its_own(engine, lab, saving):
    modules = [lab["photodiode"], lab["camera"], lab["x"]]
    engine(log(modules, num=3, period=0, saving=saving))
    assert events(saving.path) == {"photodiode": 3, "camera": 3, "x": 3}
    assert validate(saving.path) == []
    (scan,) = open_dataset(saving.path).scans
    assert "success" in str(open_dataset(saving.path).tree(settings=False))
    assert scan.documents


def test_a_slow_module_delays_no_other(engine, lab, saving):
    """The camera is held until the photodiode has had its twenty."""
    camera, enough, begun = lab["camera"], threading.Event(), threading.Event()
    good = camera.grab
    camera.describe()  # which measures, in the RunEngine's own thread, if never done

    def grab():
        begun.set()
        assert enough.wait(60)
        return good()

    camera.grab = grab
    counted = []

    def watch(name, doc):
        if name == "event":
            counted.append(next(iter(doc["data"])))
            if sum("photodiode" in key for key in counted) == 20:
                enough.set()

    engine.subscribe(watch)

    def stop(name, doc):
        if name == "event" and "camera" in next(iter(doc["data"])):
            threading.Thread(target=engine.request_pause).start()

    engine.subscribe(stop)
    plan = log(
        [camera, lab["photodiode"]],
        period={"camera": 0, "photodiode": 0.001},
        saving=saving,
    )
    with pytest.raises(RunEngineInterrupted):
        engine(plan)
    engine.stop()
    assert begun.is_set()
    assert sum("photodiode" in key for key in counted[:20]) == 20
    assert events(saving.path)["camera"] >= 1


def test_signals_tell_by_themselves(engine, lab, saving):
    pressure = Signal(name="pressure", value=1.0)

    def change(name, doc):
        if name == "event" and "photodiode_signal" in doc["data"]:
            pressure.put(pressure.get() + 1)

    engine.subscribe(change)
    engine(
        log([lab["photodiode"]], monitors=[pressure], num=4, period=0, saving=saving)
    )
    found = events(saving.path)
    assert found["photodiode"] == 4
    assert found["pressure_monitor"] >= 4


def test_it_ends_by_time(engine, lab, saving):
    engine(log([lab["photodiode"]], duration=0.1, period=0.01, saving=saving))
    assert events(saving.path)["photodiode"] >= 1


@pytest.mark.parametrize("defer", [True, False])
def test_a_pause_loses_nothing_even_amid_a_measurement(engine, lab, saving, defer):
    documents = []

    def pause(name, doc):
        documents.append(name)
        if name == "event" and len(documents) in (6, 12, 18):
            threading.Thread(target=engine.request_pause, args=(defer,)).start()

    with pytest.raises(RunEngineInterrupted):
        engine(
            log([lab["photodiode"], lab["camera"]], num=20, period=0, saving=saving),
            pause,
        )
    while engine.state == "paused":
        try:
            engine.resume()
        except RunEngineInterrupted:
            continue
    assert events(saving.path) == {"photodiode": 20, "camera": 20}
    assert validate(saving.path) == []


def test_a_module_that_fails_ends_the_log_and_the_rest_is_there(engine, lab, saving):
    camera = lab["camera"]
    good, frames = camera.grab, iter(range(9))

    def grab():
        if next(frames) == 4:
            raise OSError("no frame")
        return good()

    camera.grab = grab
    with pytest.raises(FailedStatus):
        engine(log([camera, lab["photodiode"]], period=0, saving=saving))
    found = events(saving.path)
    assert found["camera"] == 4
    assert found["photodiode"] >= 1
    (stop,) = [doc for name, doc in replay(saving.path) if name == "stop"]
    assert stop["exit_status"] == "fail"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "there is nothing to log"),
        ({"modules": [det1, det1]}, "det1 is there 2 times"),
        ({"modules": [det1], "period": {"camera": 1}}, "period names camera"),
        ({"modules": [det1], "period": -1}, "period is -1"),
        ({"monitors": [det1], "num": 3}, "only modules are counted"),
    ],
)
def test_what_cannot_be_logged_is_refused(arguments, told):
    with pytest.raises(PlanError, match=told):
        list(log(**arguments))
