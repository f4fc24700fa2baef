"""Moves that are told and recorded."""

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator

from pymo_bluesky import PymodaqWriter, open_dataset, validate
from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans.moving import move, rel_move


@pytest.fixture
def lab():
    swift = {"velocity": 1e5}
    devices = simulated_lab(actuators={"x": swift, "y": swift})
    return {device.name: device for device in devices}


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


def test_a_move_is_told_and_recorded(engine, lab, tmp_path, capsys):
    with PymodaqWriter(tmp_path) as writer:
        engine.subscribe(writer)
        engine(move(lab["x"], 1.5, lab["y"], -2))
        path = writer.path
    assert capsys.readouterr().out == "x: 0.000 -> 1.500 mm\ny: 0.000 -> -2.000 mm\n"
    (scan,) = open_dataset(path).scans
    assert [module.title for module in scan.actuators] == ["x", "y"]
    x, y = (module.arrays for module in scan.actuators)
    np.testing.assert_allclose(x["x"].data[...], [0, 1.5])
    np.testing.assert_allclose(y["y"].data[...], [0, -2])
    assert validate(path) == []


def test_a_relative_move_goes_on_from_where_it_is(engine, lab, capsys):
    engine(move(lab["x"], 1.0))
    engine(rel_move(lab["x"], -0.25))
    assert lab["x"].position == pytest.approx(0.75)
    assert capsys.readouterr().out.endswith("x: 1.000 -> 0.750 mm\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("x",), "expected pairs"),
        (("x", 1, "x", 2), "the actuator x is there 2 times"),
        (("x", "far"), "'far' is no position"),
        (("x", float("nan")), "no number"),
        (("y", 1, "x", 11), "outside of its limits -10 to 10"),
        (("camera", 1), "camera is no actuator"),
    ],
)
def test_what_cannot_be_moved_is_refused_before_anything_moves(lab, args, told):
    named = [lab.get(arg, arg) if n % 2 == 0 else arg for n, arg in enumerate(args)]
    moved = []
    simulator = RunEngineSimulator()
    simulator.add_handler("set", moved.append)
    with pytest.raises(PlanError, match=told):
        simulator.simulate_plan(move(*named))
    assert not moved
