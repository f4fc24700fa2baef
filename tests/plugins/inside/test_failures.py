"""What a plugin does wrong reaches the plan, in words; and the hardware is stopped."""

import threading
import time

import pytest
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd.utils import LimitError, ReadOnlyError

from pymo_bluesky.devices.plugins import (
    PluginActuator,
    PluginDetector,
    PluginError,
    PluginTimeoutError,
)
from pymo_bluesky.errors import PymoError

MOVE, VIEW = "DAQ_Move_Faulty", "DAQ_0DViewer_Faulty"


def wait_until(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


def cause(failed) -> BaseException:
    """The exception of the device, behind bluesky's."""
    return failed.value.__cause__ or failed.value


def plan_fails(engine, plan, words):
    with pytest.raises((FailedStatus, PymoError)) as failed:
        engine(plan)
    told = str(cause(failed))
    assert words in told
    return cause(failed)


# ---------------------------------------------------------------------------- building


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("init says no", "not initialised: 'the power is off'"),
        ("init raises", "no such port: COM7"),
        ("init returns nothing", "ini_stage returned None"),
        ("value raises", "the line is dead"),
        ("value is no attribute", "no_such_thing"),
    ],
)
def test_what_cannot_be_initialised_is_not_built(fault, words):
    with pytest.raises(PluginError) as failed:
        PluginActuator(MOVE, name="stage", settings={"fault": fault})
    assert str(failed.value).startswith("stage: ")
    assert MOVE in str(failed.value)
    assert words in str(failed.value)
    assert failed.value.__cause__ is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sped": 1.0}, "has no setting 'sped'; did you mean 'speed'?"),
        ({"bounds/highest": 1.0}, "in 'bounds' there is is_bounds, min_bound"),
        ({"bounds": {"max": 1.0}}, "did you mean 'max_bound'?"),
        ({"bounds": 1.0}, "'bounds' is a group"),
        ({"speed": 11.0}, "11.0 is not within 0.0 and 10.0 mm/s"),
        ({"speed": "fast"}, "'fast' is no float"),
        ({"steps": 0}, "not within 1.0 and inf"),
        ({"fault": "some"}, "'some' is none of none, init says no"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_switched_on(settings, words):
    with pytest.raises(PymoError) as failed:
        PluginActuator(MOVE, name="stage", settings=settings)
    assert words in str(failed.value)


def test_an_axis_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(PluginError, match="'Z' is none of X, Y, Theta"):
        PluginActuator("DAQ_Move_Mock", name="z", axis="Z")


def test_a_plugin_that_does_not_exist_is_told_with_those_alike():
    with pytest.raises(PluginError, match="did you mean DAQ_Move_Faulty"):
        PluginActuator("DAQ_Move_Fualty", name="stage")
    with pytest.raises(PluginError, match="use PluginDetector"):
        PluginActuator(VIEW, name="stage")


def test_a_failed_master_leaves_no_controller_behind(build):
    with pytest.raises(PluginError):
        build(MOVE, name="a", controller="c", settings={"fault": "init raises"})
    assert build(MOVE, name="b", controller="c").driver.plugin.is_master


@pytest.mark.parametrize("way", ["raises", "empty", "hidden", "text"])
def test_a_detector_that_gives_nothing_is_not_built(way):
    with pytest.raises(PluginError, match="diode: "):
        PluginDetector(VIEW, name="diode", settings={"way": way})


# ---------------------------------------------------------------------------- moving


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("move raises", "the motor is jammed"),
        ("poll raises", "lost contact on the way"),
    ],
)
def test_a_move_that_raises_ends_the_plan(engine, run, build, fault, words):
    stage = build(MOVE, name="stage")
    engine(bps.mv(stage.settings.fault, fault))
    error = plan_fails(engine, bp.scan([], stage, 1, 2, 2), words)
    assert isinstance(error, PluginError)
    assert run.of("stop")[-1]["exit_status"] == "fail"
    engine(bps.mv(stage.settings.fault, "none"))  # and it can go on
    engine(bps.mv(stage, 1))
    assert stage.position == 1


def test_a_move_that_never_arrives_times_out_and_is_stopped(build):
    stage = build(MOVE, name="stage", settings={"fault": "never arrives", "timeout": 0})
    status = stage.set(4)
    with pytest.raises(
        PluginTimeoutError, match=r"did not arrive at 4\.0 mm within 0 s"
    ):
        status.wait(30)
    wait_until(lambda: stage.driver.plugin.stops)
    assert stage.position == 2.0


def test_a_poll_that_ends_in_silence_times_out_too(engine, build):
    stage = build(MOVE, name="stage", settings={"fault": "poll ends in silence"})
    stage.timeout = 0.1
    error = plan_fails(engine, bps.mv(stage, 4), "did not arrive")
    assert isinstance(error, PluginTimeoutError)
    wait_until(lambda: stage.driver.plugin.stops)


def test_beyond_the_bounds_nothing_moves(engine, build):
    bounds = {"bounds": {"is_bounds": True, "min_bound": -1.0, "max_bound": 1.0}}
    stage = build(MOVE, name="stage", settings=bounds)
    with pytest.raises(LimitError, match=r"2\.0 mm is not within -1\.0 and 1\.0 mm"):
        engine(bps.mv(stage, 2))
    assert stage.position == 0
    engine(bps.mv(stage.settings.bounds.max_bound, 3.0, stage.settings.speed, 2.0))
    engine(bps.mv(stage, 2))
    assert stage.limits == (-1.0, 3.0)


def test_a_position_that_cannot_be_read_is_told_as_such(build):
    stage = build(MOVE, name="stage")
    stage.settings.fault.put("value is no attribute")
    with pytest.raises(PluginError, match="no_such_thing"):  # not: no `position`
        _ = stage.position


def test_what_does_not_answer_is_told_after_a_while(build):
    stage = build(MOVE, name="stage", answer_timeout=0.2)
    stage.settings.fault.put("move blocks")
    status = stage.set(1)
    wait_until(lambda: stage.driver.plugin.blocked)
    with pytest.raises(PluginTimeoutError, match=r"took more than 0\.2 s"):
        _ = stage.position
    stage.stop()
    with pytest.raises(PluginError, match="was stopped on its way"):
        status.wait(10)


# ---------------------------------------------------------------------------- settings


def test_a_setting_that_the_instrument_refuses_is_not_recorded(engine, build):
    stage = build(MOVE, name="stage", settings={"fault": "commit raises"})
    plan_fails(
        engine, bps.mv(stage.settings.speed, 3.0), "the controller refuses this speed"
    )
    assert stage.settings.speed.get() == 1.0
    with pytest.raises(LimitError, match="stage_settings_speed: 11"):
        engine(bps.mv(stage.settings.speed, 11.0))
    with pytest.raises(ReadOnlyError):
        engine(bps.mv(stage.settings.controller.axis, "other"))


def test_settings_are_committed_and_watched(engine, build):
    stage = build(MOVE, name="stage")
    seen, told = [], threading.Event()

    def hear(value, **_):
        seen.append(value)
        if value == 2.5:
            told.set()

    stage.settings.speed.subscribe(hear, run=False)
    engine(bps.mv(stage.settings.speed, 2.5))
    assert stage.driver.plugin.committed == [("speed", 2.5)]
    assert told.wait(30)
    assert stage.settings.read_.get() == "somewhere"  # `read` is ophyd's


# ---------------------------------------------------------------------------- grabbing


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("raises", "the cable is out"),
        ("empty", "without any channel"),
        ("hidden", "without any channel"),
        ("text", "it gave 'str' among its data"),
        ("other channels", "its channels are now counter/volts"),
        ("two dimensions", "with 2 dimensions (2, 3); expected 0"),
    ],
)
def test_a_grab_that_fails_ends_the_plan(engine, run, build, way, words):
    diode = build(VIEW, name="diode")
    engine(bps.mv(diode.settings.way, way))
    plan_fails(engine, bp.count([diode]), words)
    assert run.of("stop")[-1]["exit_status"] == "fail"
    engine(bps.mv(diode.settings.way, "signal"))  # and it can go on
    engine(bp.count([diode], 2))
    assert run.of("stop")[-1]["exit_status"] == "success"


@pytest.mark.parametrize("way", ["nothing", "blocks"])
def test_data_that_never_come_time_out(engine, build, way):
    diode = build(VIEW, name="diode", timeout=0.2)
    diode.settings.way.put(way)
    error = plan_fails(engine, bp.count([diode]), "gave no data within 0.2 s")
    assert isinstance(error, PluginTimeoutError)
    assert diode.driver.plugin.stops
    diode.settings.way.put("signal")
    engine(bp.count([diode]))


# ------------------------------------------------------------- pause, abort and stop


def interrupt_when(engine, condition, how="pause"):
    def watch():
        wait_until(condition)
        engine.request_pause()

    threading.Thread(target=watch, daemon=True).start()


def test_a_pause_stops_the_actuator_and_a_resume_sends_it_again(engine, run, build):
    stage = build(MOVE, name="stage")
    plugin = stage.driver.plugin
    stage.settings.fault.put("never arrives")
    interrupt_when(engine, lambda: plugin.at == 2.0)
    with pytest.raises(RunEngineInterrupted):
        engine(bp.scan([], stage, 4, 4, 1))
    wait_until(lambda: plugin.stops)
    assert not stage.moving
    stage.settings.fault.put("none")
    engine.resume()
    assert run.of("stop")[-1]["exit_status"] == "success"
    assert run.column("stage") == [4.0]


@pytest.mark.parametrize("how", ["abort", "stop", "halt"])
def test_after_a_pause_the_end_is_the_end(engine, run, build, how):
    stage = build(MOVE, name="stage")
    stage.settings.fault.put("never arrives")
    interrupt_when(engine, lambda: stage.driver.plugin.at == 2.0)
    with pytest.raises(RunEngineInterrupted):
        engine(bp.scan([], stage, 4, 4, 1))
    getattr(engine, how)()
    assert stage.driver.plugin.stops
    assert not stage.moving


def test_a_plugin_that_blocks_in_a_move_is_stopped_from_outside(engine, build, caplog):
    stage = build(MOVE, name="stage")
    plugin = stage.driver.plugin
    stage.settings.fault.put("move blocks")
    interrupt_when(engine, lambda: plugin.blocked)
    with pytest.raises(RunEngineInterrupted):
        engine(bps.mv(stage, 4))
    wait_until(lambda: not plugin.blocked)
    engine.abort()
    assert "called from another thread" in caplog.text


@pytest.mark.parametrize("way", ["nothing", "blocks"])
def test_a_pause_stops_the_detector_and_a_resume_grabs_again(engine, run, build, way):
    diode = build(VIEW, name="diode")
    plugin = diode.driver.plugin
    diode.trigger().wait(30)  # else the plan's `describe` would be what is paused
    diode.settings.way.put(way)
    interrupt_when(engine, lambda: diode.driver.busy)
    with pytest.raises(RunEngineInterrupted):
        engine(bp.count([diode]))
    assert plugin.stops
    assert not diode.driver.busy
    with pytest.raises(PluginError, match="was stopped by a pause"):
        diode.read()
    diode.settings.way.put("signal")
    engine.resume()
    assert run.of("stop")[-1]["exit_status"] == "success"
    assert len(run.of("event")) == 1


def test_an_aborted_live_detector_is_silent(engine, run, build):
    diode = build(VIEW, name="diode", live=True)
    diode.trigger().wait(30)
    interrupt_when(engine, lambda: len(run.of("event")) > 2)
    with pytest.raises(RunEngineInterrupted):
        engine(bp.count([diode], None))
    assert not diode.driver.plugin.live
    engine.abort()
    assert not diode.driver.busy
    assert run.of("stop")[-1]["exit_status"] == "abort"


# ---------------------------------------------------------------------------- closing


def test_closing_closes_the_others_of_the_controller_first(build):
    master = build(MOVE, name="a", controller="c")
    slave = build(MOVE, name="b", controller="c")
    assert slave.driver.plugin.controller is master.driver.plugin.controller
    assert slave.driver.thread is master.driver.thread
    master.close()
    for device in (master, slave):
        with pytest.raises(PluginError, match="closed"):
            _ = device.position
        device.close()  # again is nothing
    assert build(MOVE, name="d", controller="c").driver.plugin.is_master


def test_a_close_that_fails_is_told_and_is_an_end(build):
    stage = build(MOVE, name="stage")
    stage.settings.fault.put("close raises")
    with pytest.raises(PluginError, match="cannot be switched off"):
        stage.close()
    assert not stage.driver.thread.running
