"""An actuator moves, takes its time, can be stopped, and refuses what it cannot."""

import math
import threading
import time

import bluesky.plan_stubs as bps
import pytest
from bluesky.utils import ProgressBarManager, RunEngineInterrupted
from ophyd.status import wait
from ophyd.utils import LimitError, StatusTimeoutError

from pymo_bluesky.devices import Actuator, DeviceError
from pymo_bluesky.devices.beam import Beam
from pymo_bluesky.devices.simulated_lab import Mirror


def mirror(velocity=10.0, **options):
    options = {"units": "mm", "limits": (-10, 10), **options}
    return Mirror(name="x", beam=Beam(), moves="x", velocity=velocity, **options)


def test_a_move_takes_the_time_of_the_way():
    x = mirror(velocity=10.0)
    begin = time.monotonic()
    status = x.set(1.0)
    assert x.moving
    assert not status.done
    wait(status, timeout=5)
    assert time.monotonic() - begin >= 0.1
    assert not x.moving
    assert (x.position, x.setpoint.get()) == (1.0, 1.0)


def test_the_readings_declare_their_roles():
    keys = mirror(precision=4).describe()
    assert list(keys) == ["x", "x_setpoint"]
    assert keys["x"]["pymodaq"] == {"role": "readback"}
    assert keys["x_setpoint"]["pymodaq"] == {"role": "setpoint"}
    for key in keys.values():
        assert (key["units"], key["precision"]) == ("mm", 4)
        assert (key["lower_ctrl_limit"], key["upper_ctrl_limit"]) == (-10, 10)


def test_the_readback_is_hinted_alone():
    assert mirror().hints == {"fields": ["x"]}


def test_the_readback_is_the_encoders_and_the_setpoint_the_users():
    x = mirror(velocity=1e4, resolution=0.25)
    x.set(1.1).wait(5)
    assert (x.position, x.setpoint.get()) == (1.0, 1.1)


@pytest.mark.parametrize("target", [10.5, -11, math.nan, math.inf])
def test_beyond_the_limits_nothing_moves(engine, target):
    x = mirror()
    with pytest.raises(LimitError):
        engine(bps.mv(x, target))
    assert (x.position, x.moving, x.setpoint.get()) == (0.0, False, 0.0)


def test_limits_are_settings_that_a_plan_changes(engine):
    x = mirror(velocity=1e4)
    engine(bps.mv(x.bounds.max_bound, 20))
    engine(bps.mv(x, 15))
    engine(bps.mv(x.bounds.is_bounds, False))
    assert (x.position, x.limits) == (15.0, (0.0, 0.0))


def test_limits_in_the_wrong_order_are_told():
    with pytest.raises(DeviceError, match="not in ascending order"):
        mirror(limits=(1, -1))


def test_stop_stops_where_it_is_and_fails_the_move():
    x = mirror(velocity=1.0)
    status = x.set(10)
    time.sleep(0.1)
    x.stop()
    with pytest.raises(DeviceError, match="x was stopped on its way"):
        status.wait(5)
    here = x.position
    assert 0 < here < 10
    time.sleep(0.05)
    assert x.position == here


def test_stop_without_a_move_is_no_error():
    mirror().stop()


def test_a_new_target_fails_the_move_before():
    x = mirror(velocity=100.0)
    first, second = x.set(10), x.set(-1)
    with pytest.raises(DeviceError, match=r"sent on to -1\.0"):
        first.wait(5)
    second.wait(5)
    assert x.position == -1.0


def test_a_move_that_takes_too_long_is_stopped_and_fails():
    x = mirror(velocity=1.0, timeout=0.05)
    with pytest.raises(StatusTimeoutError):
        x.set(10).wait(5)
    time.sleep(0.1)
    here = x.position
    time.sleep(0.05)
    assert (x.position, x.moving) == (here, False)
    x.set(here + 0.01).wait(5)


def test_settling_counts_to_the_move():
    x = mirror(velocity=1e4, settle_time=0.1)
    begin = time.monotonic()
    x.set(1).wait(5)
    assert time.monotonic() - begin >= 0.1


def test_progress_is_told_to_a_watcher():
    x = mirror(velocity=20.0)
    told = []
    status = x.set(2)
    status.watch(lambda **progress: told.append(progress["current"]))
    status.wait(5)
    assert told == sorted(told)
    assert any(0 < current < 2 for current in told)


def test_a_progress_bar_shows_the_move(engine, capsys, caplog):
    engine.waiting_hook = ProgressBarManager()
    # 0.8 s: bluesky draws no bar for what takes 0.2 s.
    engine(bps.mv(mirror(velocity=5.0), 4))
    assert "4.0" in capsys.readouterr().out
    assert not caplog.records


def test_interrupting_the_engine_stops_the_actuator(engine):
    x = mirror(velocity=1.0)
    threading.Timer(0.1, engine.request_pause).start()
    with pytest.raises(RunEngineInterrupted):
        engine(bps.mv(x, 10))
    assert not x.moving
    engine.stop()
    assert x.position < 5


def test_a_paused_move_goes_on_after_resume(engine):
    x = mirror(velocity=20.0)

    def plan():
        yield from bps.checkpoint()
        yield from bps.mv(x, 4)

    threading.Timer(0.05, engine.request_pause).start()
    with pytest.raises(RunEngineInterrupted):
        engine(plan())
    engine.resume()
    assert x.position == 4.0


class Broken(Actuator):
    """A stage whose cable is pulled while it moves."""

    pulled = False

    def get_actuator_value(self):
        if self.pulled:
            raise ConnectionError("no answer from COM3")
        return 0.0

    def move_abs(self, value):
        self.pulled = True

    def stop_motion(self):
        pass


def test_a_failure_of_the_hardware_reaches_the_plan():
    with pytest.raises(ConnectionError, match="COM3"):
        Broken(name="broken").set(1).wait(5)


def test_a_mistake_in_the_class_is_told_as_what_it_is():
    class Mistaken(Broken):
        def get_actuator_value(self):
            return self.drvier.position()

    with pytest.raises(DeviceError, match=r"cannot tell where it is: .*drvier"):
        _ = Mistaken(name="mistaken").position
