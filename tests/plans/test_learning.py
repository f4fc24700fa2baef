"""Adaptive scans: the measured signal says where to go, until it is enough."""

import numpy as np
import pytest
from extras import needs
from ophyd.sim import SynSignal

from pymo_bluesky.errors import PlanError, PymoError
from pymo_bluesky.plans import adaptive, rel_adaptive
from pymo_bluesky.plans.learning import LOSSES

pytestmark = pytest.mark.extras
needs("adaptive", "adaptive")


@pytest.fixture
def peak(session):
    """A narrow line at x = 1.5."""
    x = session.x
    return SynSignal(name="peak", func=lambda: 1e-2 / (1e-2 + (x.position - 1.5) ** 2))


def test_points_gather_where_the_signal_changes(session, peak, values):
    plan = adaptive([peak], session.x, -5, 5, signal="peak", max_points=40)
    scan = session.run(plan)
    about = scan.attributes
    assert (about["scan_type"], about["scan_sub_type"]) == ("Scan1D", "Adaptive")
    x = values(scan, "x")
    assert x.shape == (40,)
    assert sorted(x[:2]) == [-5, 5]
    assert np.count_nonzero(np.abs(x - 1.5) < 1) > 20
    assert np.array_equal(np.asarray(scan.axes[0].values), values(scan, "x_setpoint"))


def test_two_actuators_and_three(session, values):
    lab = session.lab
    plan = adaptive(
        [lab["photodiode"]],
        *(lab["y"], -1, 1, lab["x"], -1, 1),
        **{"signal": "photodiode_signal", "max_points": 12},
    )
    scan = session.run(plan)
    assert [(a.label, a.spread_order) for a in scan.axes] == [("y", 0), ("x", 1)]
    assert values(scan, "photodiode_signal").shape == (12,)
    plan = adaptive(
        [lab["photodiode"]],
        *(lab["y"], -1, 1, lab["x"], -1, 1, lab["power"], 0, 1),
        **{"signal": "photodiode_signal", "max_points": 12},
    )
    assert len(session.run(plan).axes) == 3


def test_it_ends_at_a_loss_or_a_time(session, peak, values):
    plan = adaptive([peak], session.x, -5, 5, signal="peak", min_loss=0.5)
    assert 2 < values(session.run(plan), "peak").size < 100
    plan = adaptive([peak], session.x, -5, 5, signal="peak", duration=0.0)
    assert values(session.run(plan), "peak").size == 1


@pytest.mark.parametrize(
    ("depth", "loss"), [(depth, loss) for depth in LOSSES for loss in LOSSES[depth]]
)
def test_every_loss_function_runs(session, depth, loss):
    actuators = [session.x, session.y, session.power][:depth]
    ranges = [value for actuator in actuators for value in (actuator, 0, 1)]
    plan = adaptive(
        [session.photodiode],
        *ranges,
        **{"signal": "photodiode_signal", "loss": loss, "max_points": 2**depth + 3},
    )
    assert session.run(plan).attributes["points_visited"] == 2**depth + 3


def test_it_is_relative_on_demand(session, peak, values):
    session.x.set(1).wait()
    plan = rel_adaptive([peak], session.x, -1, 1, signal="peak", max_points=5)
    x = values(session.run(plan), "x")
    assert (x.min(), x.max(), session.x.position) == (0, 2, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signal": "peek"}, "the signal 'peek' is no number that a detector gives"),
        ({"loss": "nice"}, "the loss 'nice' is none of default, uniform"),
        ({"options": {"a": 1}}, "takes no options"),
        ({"loss": "curvature", "options": {"a": 1}}, "unexpected keyword"),
        ({"max_points": 1}, "expected a whole number from 2"),
    ],
)
def test_what_is_wrong_is_refused(session, peak, change, words):
    with pytest.raises(PlanError, match=words):
        list(adaptive([peak], session.x, -5, 5, **{"signal": "peak", **change}))


def test_a_wrong_range_is_refused(session, peak):
    with pytest.raises(PlanError) as told:
        list(adaptive([peak], session.x, 5, -50, signal="peak"))
    assert "start 5 is not below stop -50" in str(told.value)
    assert "outside of its limits" in str(told.value)


def test_a_signal_that_is_no_number_ends_the_run(session, values):
    told = iter([1.0, 1.0, 2.0, np.nan])
    lamp = SynSignal(name="lamp", func=lambda: next(told))
    with pytest.raises(PymoError, match="lamp is nan"):
        session.engine(adaptive([lamp], session.x, -5, 5, signal="lamp"))
    scan = session.scan()
    assert scan.attributes["exit_status"] == "fail"
    assert values(scan, "lamp")[:2].tolist() == [1.0, 2.0]
