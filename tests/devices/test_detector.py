"""What a detector measures is what its data keys declare, or the plan fails."""

import threading
import time

import bluesky.plans as bp
import numpy as np
import pytest
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd import Component as Cpt

from pymo_bluesky.devices import (
    Axis,
    Channel,
    Detector0D,
    Detector1D,
    Detector2D,
    DeviceError,
)


class Scope(Detector1D):
    """A scope whose trace a test decides."""

    trace = Cpt(Channel, units="V", label="Channel A")
    time = Cpt(Axis, index=0, value=np.linspace(0, 1, 5), units="s", label="Time")

    def __init__(self, *args, trace=lambda: np.zeros(5), **kwargs):
        self.next_trace = trace
        super().__init__(*args, **kwargs)

    def grab(self):
        return {"trace": self.next_trace()}


def test_the_axis_says_what_it_labels():
    scope = Scope(name="scope")
    assert scope.describe_configuration()["scope_time"] == {
        "source": "SIM:scope_time",
        "dtype": "array",
        "shape": [5],
        "dtype_numpy": "<f8",
        "units": "s",
        "pymodaq": {"role": "axis", "of": "scope_trace", "index": 0, "label": "Time"},
    }
    assert scope.describe()["scope_trace"]["pymodaq"] == {"label": "Channel A"}


def test_an_axis_of_several_channels_names_them_all():
    class Pair(Detector2D):
        one = Cpt(Channel)
        two = Cpt(Channel)
        mask = Cpt(Channel)
        x = Cpt(Axis, index=1, value=[0.0, 1.0], of=("one", "two"))

    keys = Pair(name="pair").describe_configuration()
    assert keys["pair_x"]["pymodaq"]["of"] == ["pair_one", "pair_two"]


def test_numbers_are_hinted_and_arrays_are_not():
    class Both(Detector0D):
        value = Cpt(Channel)

        def grab(self):
            return {"value": 1}

    assert Both(name="both").hints == {"fields": ["both_value"]}
    assert Scope(name="scope").hints == {"fields": []}


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        (lambda: np.zeros(4), "axis 'time' of dimension 0 has 5 values"),
        (lambda: np.zeros((5, 1)), r"'trace' with 2 dimensions \(5, 1\)"),
        (lambda: 1 / 0, "division by zero"),
    ],
)
def test_a_bad_measurement_fails_the_plan(engine, run, trace, told):
    with pytest.raises(FailedStatus) as caught:
        engine(bp.count([Scope(name="scope", trace=trace)]))
    with pytest.raises((DeviceError, ZeroDivisionError), match=told):
        raise caught.value.__cause__ or caught.value.args[0].exception()
    assert run.of("stop")[0]["exit_status"] == "fail"
    assert run.of("event") == []


def test_a_failure_does_not_stop_the_next_measurement():
    traces = iter([np.zeros(3), np.ones(5)])
    scope = Scope(name="scope", trace=lambda: next(traces))
    with pytest.raises(DeviceError):
        scope.trigger().wait()
    scope.trigger().wait()
    assert scope.read()["scope_trace"]["value"].tolist() == [1.0] * 5


def test_a_missing_channel_is_named():
    class Half(Detector0D):
        one = Cpt(Channel)
        two = Cpt(Channel)

        def grab(self):
            return {"one": 1.0}

    with pytest.raises(DeviceError, match=r"gave the channels \['one'\]; declared"):
        Half(name="half").trigger().wait()


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        ({"index": 1}, "is of dimension 1, but a Detector1D has 1, counted from 0"),
        ({"index": 0, "of": "trace"}, "is of trace; expected one of the channels spec"),
    ],
)
def test_an_axis_of_nothing_is_refused(axis, told):
    class Wrong(Detector1D):
        spectrum = Cpt(Channel)
        energy = Cpt(Axis, **axis)

    with pytest.raises(DeviceError, match=told):
        Wrong(name="wrong")


def test_a_description_waits_for_a_measurement_under_way():
    go = threading.Event()
    scope = Scope(name="scope", trace=lambda: np.full(5, float(go.wait(5))))
    scope.trigger()
    threading.Timer(0.05, go.set).start()
    assert scope.describe()["scope_trace"]["shape"] == [5]
    assert scope.read()["scope_trace"]["value"][0] == 1.0


def test_a_detector_without_channels_is_refused():
    with pytest.raises(DeviceError, match="Detector0D has no channel"):
        Detector0D(name="nothing")


def test_a_measurement_that_takes_too_long_fails():
    never = threading.Event()
    scope = Scope(name="scope", trace=lambda: never.wait(5), timeout=0.05)
    with pytest.raises(TimeoutError):
        scope.trigger().wait()
    with pytest.raises(DeviceError, match="is measuring"):
        scope.trigger()
    never.set()


def test_what_a_pause_left_ends_before_the_plan_triggers_again():
    """Of a plan that is paused in the middle of a point, and goes on at once."""
    gates, shots = [threading.Event(), threading.Event()], iter((1.0, 2.0, 3.0))

    def trace():
        shot = next(shots)
        assert gates[min(int(shot) - 1, 1)].wait(5)
        return np.full(5, shot)

    scope = Scope(name="scope", trace=trace)
    first = scope.trigger()
    scope.pause()
    scope.resume()
    again = scope.trigger()
    gates[0].set()
    first.wait(5)
    assert not again.done
    gates[1].set()
    again.wait(5)
    assert scope.read()["scope_trace"]["value"][0] == 2.0
    scope.trigger().wait(5)
    assert scope.read()["scope_trace"]["value"][0] == 3.0


def test_a_pause_cuts_an_average_short():
    shots = []
    gate = threading.Event()

    def trace():
        shots.append(1)
        assert gate.wait(5)
        return np.zeros(5)

    scope = Scope(name="scope", trace=trace)
    scope.naverage.put(50)
    left = scope.trigger()
    scope.pause()
    gate.set()
    left.wait(5)
    assert len(shots) == 1


def test_a_run_that_is_paused_within_a_point_goes_on(engine):
    def trace():
        time.sleep(0.4)
        return np.zeros(5)

    scope, documents = Scope(name="scope", trace=trace), []
    threading.Timer(0.2, engine.request_pause).start()
    with pytest.raises(RunEngineInterrupted):
        engine(bp.count([scope], 2), lambda *document: documents.append(document))
    engine.resume()
    assert [name for name, _ in documents].count("event") == 2
    assert documents[-1][1]["exit_status"] == "success"


def test_a_description_before_any_trigger_is_the_true_one():
    scope = Scope(name="scope", trace=lambda: np.zeros(5, "float32"))
    key = scope.describe()["scope_trace"]
    assert (key["shape"], key["dtype_numpy"]) == ([5], "<f4")


def test_channels_and_axes_are_the_devices_own():
    scope = Scope(name="scope")
    assert not scope.trace.write_access
    with pytest.raises(DeviceError, match="one dimension, this has 2"):
        scope.time.put(np.zeros((2, 2)))
