"""The actuators of pymodaq-plugins-mock and -mockexamples, moved by plans."""

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import plans as bp


@pytest.fixture
def stage(build):
    """Two axes of one controller, which moves within a few milliseconds."""
    bounds = {"is_bounds": True, "min_bound": -50.0, "max_bound": 50.0}
    settings = {"tau": 5, "bounds": bounds}
    x = build(
        "DAQ_Move_Mock", name="x", axis="X", controller="stage", settings=settings
    )
    y = build("Mock", name="y", axis="Y", controller="stage")
    return x, y


def test_axes_of_one_controller_share_it(stage):
    x, y = stage
    assert y.driver.plugin.controller is x.driver.plugin.controller
    assert [d.settings.controller.controller_status.get() for d in stage] == [
        "Master",
        "Slave",
    ]
    # The slave's own default would have slowed down the master.
    assert x.driver.plugin.controller.tau == 0.005
    assert y.settings.tau.get() == 5


def test_a_grid_scan_reaches_every_point(stage, engine, run):
    x, y = stage
    engine(bp.grid_scan([], x, 0, 10, 3, y, 0, 4, 2, snake_axes=True))
    assert run.column("x_setpoint") == [0, 0, 5, 5, 10, 10]
    assert run.column("y_setpoint") == [0, 4, 4, 0, 0, 4]
    for key, epsilon in (("x", x.driver.epsilon), ("y", y.driver.epsilon)):
        off = np.subtract(run.column(key), run.column(f"{key}_setpoint"))
        assert np.all(np.abs(off) <= epsilon + 0.5)  # the mock adds noise
    assert len(set(run.column("x"))) == 6  # each was asked of the hardware


def test_units_limits_and_precision_are_the_plugins(stage, engine, run):
    x, y = stage
    engine(bp.count([x, y]))
    assert run.keys["x"]["units"] == "µm"
    assert run.keys["y"]["units"] == "mm"
    assert run.keys["x"]["pymodaq"]["role"] == "readback"
    assert run.keys["x_setpoint"]["pymodaq"]["role"] == "setpoint"
    assert (run.keys["x"]["lower_ctrl_limit"], x.limits) == (-50.0, (-50.0, 50.0))
    assert "lower_ctrl_limit" not in run.keys["y"]
    assert (x.precision, y.precision) == (1, 5)  # of epsilon 1 µm and 1e-4 mm
    assert x.hints == {"fields": ["x"]}


def test_settings_are_configuration_with_pymodaqs_types(stage, engine, run):
    x, _ = stage
    engine(bps.mv(x.settings.tau, 7, x.settings.epsilon, 0.5))
    assert x.driver.plugin.controller.tau == 0.007
    assert x.driver.epsilon == 0.5
    engine(bp.count([x]))
    configuration = run.configuration("x")
    assert configuration["data"]["x_settings_tau"] == 7
    role = configuration["data_keys"]["x_settings_bounds_min_bound"]["pymodaq"]
    assert role == {
        "role": "setting",
        "path": "move_settings/bounds/min_bound",
        "type": "float",
        "title": "Min",
    }
    axis = configuration["data_keys"]["x_settings_controller_axis"]["pymodaq"]
    assert axis["limits"][:2] == ["X", "Y"]
    assert axis["readonly"]


def test_an_epsilon_that_is_given_holds(build):
    named = build("DAQ_Move_MockNamedAxes", name="x", settings={"epsilon": 0.5})
    assert (named.driver.epsilon, named.settings.epsilon.get()) == (0.5, 0.5)
    other = build("DAQ_Move_MockNamedAxes", name="y")
    assert other.driver.epsilon == 0.01  # the class has one list for all


def test_a_move_tells_of_its_progress(stage):
    x, _ = stage
    x.settings.tau.put(100)
    told = []
    status = x.set(40)
    status.watch(lambda **now: told.append(now))
    status.wait(30)
    positions = [now["current"] for now in told if "current" in now]
    assert len(positions) > 2
    assert positions[0] < positions[-1]
    assert told[0]["unit"] == "µm"
    assert told[0]["target"] == 40


def test_a_second_target_ends_the_first_move(stage):
    x, _ = stage
    x.settings.tau.put(200)
    first = x.set(40)
    second = x.set(2)
    with pytest.raises(Exception, match=r"was sent on to 2\.0"):
        first.wait(10)
    second.wait(30)
    assert abs(x.position - 2) < 2


def test_a_stop_stops_the_hardware(stage):
    x, _ = stage
    x.settings.tau.put(5000)
    status = x.set(40)
    x.stop()
    with pytest.raises(Exception, match="was stopped on its way"):
        status.wait(10)
    here = x.position
    assert here < 35
    status = x.set(40)
    x.stop(success=True)
    status.wait(10)


def test_axes_by_name_and_number(build, engine, run):
    y = build("DAQ_Move_MockNamedAxes", name="y", axis="Yaxis")
    engine(bp.scan([], y, 1, 3, 3))
    assert y.driver.axis == "Yaxis"
    assert run.column("y") == [1, 2, 3]
    key = "y_settings_controller_axis"
    value = run.configuration("y")["data"][key]
    assert value in run.configuration("y")["data_keys"][key]["pymodaq"]["limits"]


def test_an_actuator_without_encoder_is_where_it_was_sent(build, engine, run):
    step = build("DAQ_Move_MockRelative", name="step")
    engine(bp.list_scan([], step, [3, 1, 2]))
    assert run.column("step") == [3, 1, 2]
    assert step.driver.plugin._internal_value == 2


def test_a_slave_may_be_of_another_plugin(build, engine, run):
    diode = build("DAQ_0DViewer_MockRandom", name="diode", controller="random")
    place = build("DAQ_Move_MockRandom", name="place", controller="random")
    engine(bp.scan([diode], place, 1, 2, 2))
    assert run.column("place") == [1, 2]


def test_a_controller_is_switched_on_by_a_setting(build, engine, run):
    heat = build("DAQ_Move_MockTempController", name="heat", controller="oven")
    kelvin = build("DAQ_0DViewer_MockTempController", name="kelvin", controller="oven")
    engine(bps.mv(heat.settings.enabled, True))
    here = heat.position
    engine(bp.scan([kelvin], heat, here, here + 0.5, 2))
    assert run.keys["heat"]["units"] == "K"
    assert run.of("stop")[-1]["exit_status"] == "success"
