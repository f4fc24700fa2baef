"""DAQ_Scan's scans: what they visit, and where the dataset holds it."""

import bluesky.preprocessors as bpp
import numpy as np
import pytest
from bluesky.utils import Msg, RunEngineInterrupted
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.sim import SynSignal

from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans import (
    rel_scan_1d,
    rel_scan_2d,
    rel_sequential,
    scan_1d,
    scan_2d,
    sequential,
    tabular,
)


def axes(scan):
    return {axis.label: np.asarray(axis.values).tolist() for axis in scan.axes}


def kind(scan):
    about = scan.attributes
    spread = any(axis.spread_order for axis in scan.axes)
    return about["scan_type"], about["scan_sub_type"], spread


# -------------------------------------------------------------------------- one axis


def test_steps_end_at_the_stop_or_before(session):
    scan = session.run(scan_1d([session.photodiode], session.x, 0, 1, step=0.3))
    assert kind(scan) == ("Scan1D", "Linear", False)
    assert axes(scan)["x"] == pytest.approx([0, 0.3, 0.6, 0.9])


def test_an_axis_may_descend(session, values):
    scan = session.run(scan_1d([session.photodiode], session.x, 1, -1, step=-1))
    assert axes(scan)["x"] == values(scan, "x").tolist() == [1, 0, -1]


def test_a_random_line_is_measured_in_the_order_of_its_seed(session, values):
    plan = scan_1d([session.photodiode], session.x, 0, 4, num=5, order="random", seed=3)
    scan = session.run(plan)
    assert kind(scan) == ("Scan1D", "Random", False)
    assert session.start["pymodaq"]["seed"] == 3
    visited = axes(scan)["x"]
    assert sorted(visited) == [0, 1, 2, 3, 4] != visited
    assert values(scan, "x").tolist() == visited
    again = scan_1d(
        [session.photodiode], session.x, 0, 4, num=5, order="random", seed=3
    )
    assert axes(session.run(again))["x"] == visited


def test_a_new_seed_is_recorded_when_none_is_given(session):
    plan = scan_1d([session.photodiode], session.x, 0, 4, num=5, order="random")
    visited = axes(session.run(plan))["x"]
    seed = session.start["pymodaq"]["seed"]
    plan = scan_1d(
        [session.photodiode], session.x, 0, 4, num=5, order="random", seed=seed
    )
    assert axes(session.run(plan))["x"] == visited


def test_sparse_text(session):
    scan = session.run(scan_1d([session.photodiode], session.x, points="0:0.5:1,5"))
    assert kind(scan) == ("Scan1D", "Sparse", False)
    assert axes(scan)["x"] == [0, 0.5, 1, 5]


def test_back_to_start_keeps_each_reference(session, values):
    plan = scan_1d([session.photodiode], session.x, 1, 3, num=3, order="back_to_start")
    scan = session.run(plan)
    assert scan.attributes["scan_sub_type"] == "Linear back to start"
    assert values(scan, "x").tolist() == [1, 1, 2, 1, 3, 1]


# -------------------------------------------------------------------------- two axes


@pytest.mark.parametrize("order", ["linear", "back_and_forth", "spiral", "random"])
@pytest.mark.parametrize("averaging", [1, 2])
def test_each_point_of_a_grid_lies_where_it_was_measured(
    session, values, order, averaging
):
    y, x = session.y, session.x
    plan = scan_2d(
        [session.photodiode], y, -1, 1, x, 2, 4, num=3, order=order, averaging=averaging
    )
    scan = session.run(plan)
    names = {"back_and_forth": "LinearBackForce"}
    assert kind(scan) == ("Scan2D", names.get(order, order.title()), False)
    found = axes(scan)
    assert found.pop("Average", [0.0]) == list(range(averaging))
    assert found == {"y": [-1, 0, 1], "x": [2, 3, 4]}
    shape = (averaging, 3, 3) if averaging > 1 else (3, 3)
    at_y, at_x = np.meshgrid(found["y"], found["x"], indexing="ij")
    assert np.array_equal(values(scan, "y"), np.broadcast_to(at_y, shape))
    assert np.array_equal(values(scan, "x"), np.broadcast_to(at_x, shape))


def test_averages_are_measured_one_after_the_other(session, values):
    counter = iter(range(100))
    clock = SynSignal(name="clock", func=lambda: next(counter))
    plan = scan_2d([clock], session.y, 0, 1, session.x, 0, 1, num=2, averaging=2)
    first = values(session.run(plan), "clock")
    assert np.array_equal(np.diff(first.ravel()), [1] * 7)
    plan = scan_1d([clock], session.x, 0, 1, num=3, averaging=2)
    scan = session.run(plan)
    assert [axis.label for axis in scan.axes] == ["Average", "x"]
    assert np.diff(values(scan, "clock").ravel()).tolist() == [1] * 5


def test_a_random_spread_is_spread(session, values):
    plan = scan_2d(
        [session.photodiode],
        *(session.y, 0, 1, session.x, 0, 2),
        **{"step": 1, "order": "random_spread", "seed": 1},
    )
    scan = session.run(plan)
    assert kind(scan) == ("Scan2D", "RandomSpread", True)
    assert axes(scan)["y"] == values(scan, "y").tolist()
    points = list(zip(axes(scan)["y"], axes(scan)["x"], strict=True))
    assert len(set(points)) == 6


def test_a_sequence_of_three(session, values):
    x, y, power = session.x, session.y, session.power
    plan = sequential(
        [session.photodiode], x, 0, 1, y, 1, 0, power, 0, 2, step=[1, -1, 1]
    )
    scan = session.run(plan)
    assert kind(scan) == ("Sequential", "Linear", False)
    assert axes(scan) == {"x": [0, 1], "y": [1, 0], "power": [0, 1, 2]}
    assert values(scan, "photodiode_signal").shape == (2, 2, 3)


# -------------------------------------------------------------------------- relative


def test_relative_scans_come_back(session):
    x, y = session.x, session.y
    x.set(3).wait()
    y.set(-2).wait()
    scan = session.run(rel_scan_1d([session.photodiode], x, -1, 1, num=3))
    assert axes(scan)["x"] == [2, 3, 4]
    assert session.start["plan_name"] == "rel_scan_1d"
    scan = session.run(
        rel_scan_2d([session.photodiode], y, -1, 1, x, -1, 1, num=3, order="random")
    )
    assert axes(scan) == {"y": [-3, -2, -1], "x": [2, 3, 4]}
    session.run(rel_sequential([session.photodiode], x, 0, 1, num=[2]))
    assert (x.position, y.position) == (3, -2)


# --------------------------------------------------------------------------- refusals


def refused(plan):
    """The problems of a plan, none of whose messages moves or opens anything."""
    messages = []
    with pytest.raises(PlanError) as told:
        messages.extend(plan)
    assert not [m for m in messages if m.command in ("set", "open_run", "stage")]
    return list(told.value.problems)


class Empty(Device):
    """A device of which nothing is read."""

    setting = Cpt(Signal, kind="config")


def test_all_that_is_wrong_is_told_at_once(session):
    plan = scan_2d(
        [session.photodiode, session.photodiode, Empty(name="empty"), 3],
        *(session.x, 0, 20, session.x, 0, 1),
        num=3,
        averaging=0,
    )
    assert refused(plan) == [
        "averaging is 0, expected a whole number from 1",
        "empty has no data: nothing of it would be recorded",
        "3 is no detector: it cannot be read",
        "the actuator x is there 2 times",
        "the detector photodiode is there 2 times",
        "x: 3 of 9 points lie outside of its limits -10 to 10: from 20 to 20",
    ]


def test_what_the_axis_the_order_and_the_detectors_lack_is_told_at_once(session):
    plan = scan_1d([], session.x, 0, 1, step=-1, order="zigzag", averaging=0, seed="a")
    assert refused(plan) == [
        "the order 'zigzag' is none of linear, random, back_to_start",
        "the seed is 'a', expected a whole number from 0",
        "x: the step -1 does not lead from 0 to 1; give 1",
        "averaging is 0, expected a whole number from 1",
        "no detector is given, expected at least one, e.g. [camera]",
    ]
    plan = scan_1d([], session.x, 0, 20, num=3, order="zigzag")
    assert len(refused(plan)) == 3  # limits, too, where there is an axis


@pytest.mark.parametrize("name", ["scan_1d", "scan_2d", "sequential", "tabular"])
def test_a_scan_without_a_detector_is_refused(session, name):
    y, x = session.y, session.x
    ways = {
        "scan_1d": lambda: scan_1d([], x, 0, 1, num=3),
        "scan_2d": lambda: scan_2d([], y, 0, 1, x, 0, 1, num=3),
        "sequential": lambda: sequential([], y, 0, 1, num=[3]),
        "tabular": lambda: tabular([], [x], [0, 1]),
    }
    assert refused(ways[name]()) == [
        "no detector is given, expected at least one, e.g. [camera]"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": 0, "stop": 1}, "give exactly one of step and num, not neither"),
        ({"start": 0, "stop": 1, "num": 3, "step": 1}, "not step=1 and num=3"),
        ({"start": 0, "stop": 1, "step": -0.5}, "does not lead from 0 to 1; give 0.5"),
        ({"start": 0, "stop": 1, "step": 0}, "the step is 0"),
        ({"start": 0, "stop": 1, "num": 0}, "num is 0, expected a whole number"),
        ({"start": 0, "stop": 1, "num": 2.0}, "num is 2.0, expected a whole number"),
        ({"start": 0, "stop": 1, "step": 1e-9}, "1000000001 points are more than"),
        ({"start": 0, "stop": 1, "num": 10**9}, "1000000000 points are more than"),
        ({"start": 0, "stop": float("nan"), "num": 3}, "are to be finite"),
        ({"start": 0, "num": 3}, "start and stop are to be given"),
        ({"points": "0:0.1:1", "num": 3}, "points are given, and start"),
        ({"points": "0:1"}, "'0:1' is neither a number nor"),
        ({"points": " "}, "holds no points"),
        ({"points": []}, "points is a list, expected text"),
        ({"points": [0, 1]}, "is a table, see `tabular`"),
        ({"start": 0, "stop": "1", "num": 3}, "are to be finite"),
        ({"start": 0, "stop": 1, "step": "a"}, "the step is 'a'"),
        ({"points": "0:-1:3"}, "does not lead from 0 to 3"),
        ({"start": 0, "stop": 1, "num": 3, "order": "zigzag"}, "the order 'zigzag'"),
        ({"start": 0, "stop": 30, "num": 4}, "2 of 4 points lie outside of its limits"),
        (
            {"start": 0, "stop": 1, "num": 3, "order": "random", "seed": -1},
            "the seed is -1",
        ),
        (
            {"start": 0, "stop": 1, "num": 3, "order": "back_to_start", "averaging": 2},
            "is no grid",
        ),
    ],
)
def test_a_wrong_line_is_refused(session, arguments, words):
    (problem,) = refused(scan_1d([session.photodiode], session.x, **arguments))
    assert words in problem


def test_a_wrong_grid_is_refused(session):
    y, x, det = session.y, session.x, [session.photodiode]
    plan = scan_2d(det, y, 0, 1, x, 0, 1, num=[2, 3], order="spiral")
    assert "2 and 3 points on its axes" in refused(plan)[0]
    plan = scan_2d(det, y, 0, 1, x, 0, 1, num=[2, 3, 4])
    assert refused(plan) == ["num has 3 values for 2 actuators"]
    plan = scan_2d(det, y, 0, 1, x, 0, 1, num=[2000, 2000])
    assert "the grid 2000 x 2000: 4000000 points are more than" in refused(plan)[0]
    plan = scan_2d(det, y, 0, 1, x, 0, 1, step=[-1, 0])
    assert len(refused(plan)) == 2
    assert "give exactly one" in refused(sequential(det, y, 0, 1))[0]
    assert "actuator, start, stop" in refused(sequential(det, y, 0))[0]
    assert "actuator, start, stop" in refused(sequential(det))[0]
    assert refused(scan_1d(det, session.photodiode, 0, 1, num=2)) == [
        "photodiode is no actuator: it cannot be set"
    ]


def test_a_relative_scan_is_refused_by_where_it_would_go(session):
    session.x.set(5).wait()
    (problem,) = refused(rel_scan_1d([session.photodiode], session.x, 0, 6, num=3))
    assert "1 of 3 points" in problem
    assert "from 11 to 11" in problem


def test_the_engine_opens_no_run_for_a_refused_plan(session):
    with pytest.raises(PlanError):
        session.engine(scan_1d([session.photodiode], session.x, 0, 1))
    assert session.documents == []
    assert session.writer.path is None


# --------------------------------------------------------------------------- metadata


def test_metadata_of_the_session_and_the_plan_reach_the_dataset(session):
    session.engine.md.update(operator="Ada", sample="gold")
    md = {"description": "first light", "experiment_type": "map", "pymodaq": {"a": 1}}
    scan = session.run(scan_1d([session.photodiode], session.x, 0, 1, num=2, md=md))
    about = scan.attributes
    assert (about["author"], about["sample"]) == ("Ada", "gold")
    assert about["description"] == "first light"
    assert session.start["pymodaq"]["scan_type"] == "Scan1D"
    assert session.start["pymodaq"]["a"] == 1
    told = session.start["plan_args"]
    assert (told["start"], told["stop"], told["num"]) == (0, 1, 2)


# ------------------------------------------------------------------------ ended early


class LampError(Exception):
    pass


def failing_after(n):
    counter = iter(range(n + 1))  # ophyd asks once when it is made

    def func():
        try:
            return next(counter)
        except StopIteration:
            raise LampError("the lamp is dead") from None

    return SynSignal(name="lamp", func=func)


@pytest.mark.parametrize("n", [0, 1, 4, 8])
@pytest.mark.parametrize("order", ["back_and_forth", "random", "random_spread"])
def test_a_failing_detector_leaves_what_was_measured(session, values, order, n):
    plan = scan_2d(
        [failing_after(n)], session.y, 0, 2, session.x, 0, 2, num=3, order=order
    )
    with pytest.raises(LampError):
        session.engine(plan)
    scan = session.scan()
    assert scan.attributes["exit_status"] == "fail"
    assert "the lamp is dead" in scan.attributes["reason"]
    assert scan.attributes["points_visited"] == n
    if n:
        lamp = values(scan, "lamp")
        visited = np.isfinite(lamp) if lamp.dtype.kind == "f" else lamp > 0
        assert sorted(lamp[visited]) == list(range(1, n + 1))
        assert np.array_equal(np.isfinite(values(scan, "x")), visited)


@pytest.mark.parametrize("ending", ["abort", "stop", "halt"])
def test_ending_a_scan_is_told(session, ending):
    engine = session.engine

    def pausing(message):
        if message.command == "save" and len(session.documents) == 6:
            then = bpp.single_gen(Msg("pause"))
            return bpp.pchain(bpp.single_gen(message), then), None
        return None, None

    plan = scan_1d([session.photodiode], session.x, 0, 9, num=10)
    with pytest.raises(RunEngineInterrupted):
        engine(bpp.plan_mutator(plan, pausing))
    getattr(engine, ending)()
    scan = session.scan()
    expected = {"abort": "abort", "stop": "success", "halt": "abort"}[ending]
    assert scan.attributes["exit_status"] == expected
    assert 0 < scan.attributes["points_visited"] < 10
