"""A preview shows what a run would do, and touches nothing."""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import Msg
from extras import needs
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.sim import SynAxis, SynGauss

from pymo_bluesky import PymodaqWriter
from pymo_bluesky.devices.flyer import Flyer
from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans import (
    adaptive,
    continuous,
    fly_1d,
    log,
    move,
    preview,
    rel_adaptive,
    rel_move,
    rel_scan_1d,
    rel_scan_2d,
    rel_sequential,
    rel_tabular,
    scan_1d,
    scan_2d,
    sequential,
    snapshot,
    tabular,
    take_background,
    timelapse,
)

TOUCHES = (
    *("set", "move", "trigger", "stage", "unstage", "stop", "grab", "move_abs"),
    *("kickoff", "complete", "prepare", "land", "collect", "put"),
)


class Lab:
    """The simulated lab, fast enough to run every plan for real."""

    def __init__(self, **options):
        quick = {"exposure": 0.001}
        mirrors = {name: {"velocity": 1000.0} for name in ("x", "y", "power")}
        made = simulated_lab(
            actuators=mirrors,
            photodiode=quick,
            spectrometer=quick,
            camera={**quick, "shape": (4, 6), **options},
        )
        self.x, self.y, self.power, self.photodiode, _, self.camera = made
        self.flyer = Flyer(name="flyer", actuator=self.x, detector=self.camera)


@pytest.fixture
def lab():
    return Lab()


TABLE = [[0, 0], [0, 1], [1, 1]]
ADAPTIVE = {"signal": "photodiode_signal", "max_points": 9}
STEPWISE = {
    "scan_1d": lambda o: partial(scan_1d, [o.camera], o.x, 0, 1, num=5),
    "random": lambda o: partial(
        scan_1d, [o.camera], o.x, 0, 1, num=7, order="random", seed=3
    ),
    "rel_scan_1d": lambda o: partial(rel_scan_1d, [o.camera], o.x, -1, 1, step=0.5),
    "scan_2d": lambda o: partial(
        scan_2d, [o.camera], o.y, 0, 1, o.x, 0, 1, num=3, order="spiral", averaging=2
    ),
    "rel_scan_2d": lambda o: partial(
        rel_scan_2d, [o.photodiode], o.y, 0, 1, o.x, 0, 1, num=[2, 3]
    ),
    "sequential": lambda o: partial(
        sequential, [o.camera], o.x, 0, 1, o.y, 0, 1, o.power, 1, 2, num=[2, 2, 2]
    ),
    "rel_sequential": lambda o: partial(
        rel_sequential, [o.camera], o.x, 0, 1, o.y, 1, 0, num=[2, 2]
    ),
    "tabular": lambda o: partial(tabular, [o.camera], [o.x, o.y], TABLE, step=0.4),
    "rel_tabular": lambda o: partial(rel_tabular, [o.camera], [o.x, o.y], TABLE),
    "bp.scan": lambda o: partial(bp.scan, [o.camera], o.x, 0, 1, 4),
    "bp.grid_scan": lambda o: partial(
        bp.grid_scan, [o.camera], o.y, 0, 1, 2, o.x, 0, 1, 3, snake_axes=True
    ),
    "bp.rel_spiral": lambda o: partial(
        bp.rel_spiral, [o.camera], o.x, o.y, 1, 1, 0.3, 5
    ),
    "bp.x2x_scan": lambda o: partial(bp.x2x_scan, [o.camera], o.x, o.y, -1, 1, 3),
    "bp.list_scan": lambda o: partial(bp.list_scan, [o.camera], o.x, [2, 0, 1]),
}
OTHERS = {
    "adaptive": lambda o: partial(adaptive, [o.photodiode], o.x, -5, 5, **ADAPTIVE),
    "rel_adaptive": lambda o: partial(
        rel_adaptive, [o.photodiode], o.x, -5, 5, o.y, 0, 1, **ADAPTIVE
    ),
    "bp.adaptive_scan": lambda o: partial(
        bp.adaptive_scan,
        *([o.photodiode], "photodiode_signal", o.x, 0, 1, 0.01, 0.2, 0.1, True),
    ),
    "bp.tune_centroid": lambda o: partial(
        bp.tune_centroid, [o.photodiode], "photodiode_signal", o.x, 0, 1, 0.01
    ),
    "snapshot": lambda o: partial(snapshot, [o.camera], background=True),
    "continuous": lambda o: partial(continuous, [o.camera]),
    "timelapse": lambda o: partial(timelapse, [o.camera], 10, 2.0),
    "log": lambda o: partial(
        log, [o.camera, o.photodiode], monitors=[o.x.readback], duration=10
    ),
    "take_background": lambda o: partial(take_background, [o.camera], shutter=o.power),
    "move": lambda o: partial(move, o.x, 1, o.y, 2),
    "rel_move": lambda o: partial(rel_move, o.x, 1),
    "fly_1d": lambda o: partial(fly_1d, o.flyer, -1, 1, num=5),
    "bp.count": lambda o: partial(bp.count, [o.camera], 3, delay=1),
}
PLANS = {**STEPWISE, **OTHERS}


def learning(name):
    """Ours that learn want the package that does."""
    theirs = name not in ("adaptive", "rel_adaptive")
    return name if theirs else pytest.param(name, marks=pytest.mark.extras)


@pytest.fixture(autouse=True)
def _with_what_it_needs(request):
    if request.node.get_closest_marker("extras") and "adaptive" in request.node.name:
        needs("adaptive", "adaptive")


@pytest.mark.parametrize("name", [learning(name) for name in PLANS])
def test_nothing_is_touched(lab, name, monkeypatch, capsys):
    plan = PLANS[name](lab)  # before: to be built, devices put their settings
    devices = (lab.x, lab.y, lab.power, lab.photodiode, lab.camera, lab.flyer)
    for touched in {type(part) for d in devices for part in [d, *parts_of(d)]}:
        for method in TOUCHES:
            if hasattr(touched, method) and not is_own_bookkeeping(touched, method):
                monkeypatch.setattr(touched, method, refuse(method))
    seen = preview(plan)
    assert seen.problems == ()
    assert capsys.readouterr().out == ""
    assert str(seen)


def parts_of(device):
    return [signal.item for signal in device.walk_signals()]


def is_own_bookkeeping(kind, method):
    """An actuator that is asked where it is keeps the answer."""
    return method == "put" and kind.__name__ == "_Readback"


def refuse(method):
    def touch(self, *args, **kwargs):
        raise AssertionError(f"{self.name}.{method} was called")

    return touch


@pytest.mark.parametrize("name", STEPWISE)
def test_the_points_are_those_of_the_run(lab, name):
    plan, events, start = STEPWISE[name](lab), [], {}
    seen = preview(plan)

    def note(kind, doc):
        if kind == "event":
            events.append([doc["data"][f"{m}_setpoint"] for m in start["motors"]])
        elif kind == "start":
            start.update(doc)

    RunEngine({}, context_managers=[])(plan(), note)
    assert list(seen.actuators) == list(start["motors"])
    np.testing.assert_allclose(seen.points, events, atol=1e-9)
    assert seen.least == seen.most == len(events)


@pytest.mark.parametrize(
    "name",
    [learning(n) for n in ("bp.adaptive_scan", "bp.tune_centroid", "adaptive")],
)
def test_a_plan_that_adapts_is_within_its_bounds(lab, name):
    plan, events = OTHERS[name](lab), []
    seen = preview(plan)
    engine = RunEngine({}, context_managers=[])
    engine(plan(), {"event": [lambda _, doc: events.append(doc)]})
    assert seen.least <= len(events) <= seen.most


@pytest.mark.extras
def test_an_adaptive_scan_has_the_bounds_that_were_given(lab):
    ends = {"signal": "photodiode_signal", "max_points": 60}
    plan = partial(adaptive, [lab.photodiode], lab.x, -5, 5, lab.y, -5, 5, **ends)
    for more, bounds in (
        ({}, (60, 60)),
        ({"min_loss": 0.01}, (4, 60)),
        ({"duration": 1}, (1, 60)),
    ):
        seen = preview(plan, **more)
        assert (seen.least, seen.most) == bounds
    assert "1 to 60 points, as the signal is" in str(seen)


def test_the_time_is_that_of_moves_and_exposures():
    x, y, _, photodiode, _, camera = simulated_lab(
        actuators={"x": {"velocity": 2.0}, "y": {"velocity": 0.5, "settle_time": 0.25}},
        photodiode={"exposure": 0.1},
        camera={"exposure": 0.5},
    )
    camera.naverage.put(3)
    seen = preview(scan_2d, [photodiode, camera], y, 0, 1, x, 0, 4, num=[2, 3])
    # Six points of 3 x 0.5 s, side by side with 0.1 s. x goes 2 + 2 mm in each line
    # and back while y moves 1 mm at 0.5 mm/s; y settles at its first position, too.
    measurements, moves = 6 * 1.5, 0.25 + 1 + 1 + 2.25 + 1 + 1
    assert seen.seconds == pytest.approx((measurements + moves,) * 2)
    assert seen.spent == pytest.approx({"measurements": measurements, "moves": moves})


def test_a_motor_that_ramps_up_takes_longer():
    from pymo_bluesky.plans.estimating import Motion

    motion = Motion(speed=2.0, ramp=0.5, delay=0.0, is_known=True)
    assert motion.seconds(0, 10) == 5.5
    assert motion.seconds(0, 0.25) == pytest.approx(0.5)  # never at full speed
    assert motion.seconds(None, 1) is None


def test_who_does_not_tell_is_named():
    class Mute(Device):
        def read(self):
            return {"mute": {"value": 1.0, "timestamp": 0.0}}

        def describe(self):
            return {"mute": {"source": "SIM", "dtype": "number", "shape": []}}

    seen = preview(bp.count, [Mute(name="mute")])
    assert seen.untold == ("mute",)
    assert "not told by mute" in str(seen)


@pytest.mark.parametrize("shape", [(100, 120), (4, 6)])
def test_the_size_is_about_that_of_the_dataset(tmp_path, shape):
    lab = Lab(shape=shape)
    plan = partial(scan_1d, [lab.camera, lab.photodiode], lab.x, 0, 1, num=60)
    seen = preview(plan)
    measured = Lab(shape=shape)
    measured.camera.trigger().wait()  # now it knows that its counts have two bytes
    seen_again = preview(scan_1d, [measured.camera], measured.x, 0, 1, num=60)
    with PymodaqWriter(tmp_path) as writer:
        engine = RunEngine({}, context_managers=[])
        engine.subscribe(writer)
        engine(plan())
        size = writer.path.stat().st_size
    assert 0.5 < seen_again.size / size < 2
    assert 0.5 < seen.size / size < 5  # it took them for eight bytes


def test_what_would_be_refused_is_told_with_the_numbers(lab):
    seen = preview(scan_1d, [lab.camera, lab.camera], lab.x, 0, 100, step=-1)
    assert len(seen.problems) == 2
    assert "scan_1d would be refused:" in str(seen)
    assert "give 1" in str(seen)


def test_a_stock_plan_beyond_a_limit_is_told(lab):
    seen = preview(bp.grid_scan, [lab.camera], lab.x, 0, 1, 2, lab.y, 0, 20, 5)
    (problem,) = seen.problems
    assert problem.startswith("y cannot go to 20: y: 20.0 mm is not within -10.0")
    assert "grid_scan would fail:" in str(seen)


def test_a_plan_that_breaks_is_told_where(lab):
    def plan():
        yield from bp.scan([lab.photodiode], lab.x, 0, 1, 3)
        raise RuntimeError("no beam")

    (problem,) = preview(plan).problems
    assert problem == "the plan fails after 3 points: RuntimeError: no beam"


def test_relative_to_where_it_is(lab):
    lab.x.set(3.0).wait()
    seen = preview(rel_scan_1d, [lab.photodiode], lab.x, -1, 1, num=3)
    assert seen.points[:, 0].tolist() == [2, 3, 4]
    beyond = preview(rel_scan_1d, [lab.photodiode], lab.x, 0, 8, num=3)
    assert "outside of its limits" in beyond.problems[0]


def moved_before(kind):
    """A plan that moves x, and goes on from there in one of bluesky's ways or ours."""

    def plan(x, detectors):
        yield from bps.mv(x, 3)
        yield from bps.mvr(x, 1)
        if kind == "mvr":
            yield from bps.mvr(x, 1)
            yield from bp.count([x])
        elif kind == "bluesky's":
            yield from bp.rel_list_scan(detectors, x, [0, 2])
            yield from bp.rel_grid_scan(detectors, x, -1, 1, 2)
        elif kind == "ours":
            yield from rel_scan_1d(detectors, x, 0, 2, num=2)
            yield from rel_move(x, -1)
            yield from rel_tabular(detectors, [x], [0, 2])
        else:
            yield from bp.scan(detectors, x, x.position, x.position + 1, 2)

    return plan


@pytest.mark.parametrize("make", [lambda: Lab().x, lambda: SynAxis(name="x")])
@pytest.mark.parametrize("kind", ["mvr", "bluesky's", "ours", "the user's own"])
def test_a_relative_move_goes_on_from_where_the_plan_has_moved(lab, kind, make, capsys):
    x, places = make(), []
    plan = moved_before(kind)
    seen = preview(plan, x, [lab.photodiode])
    assert seen.problems == ()
    assert x.position == 0

    def note(_, doc):
        places.append(doc["data"]["x_setpoint"])

    RunEngine({}, context_managers=[])(plan(x, [lab.photodiode]), {"event": note})
    np.testing.assert_allclose(seen.points[:, 0], places)


def test_a_limit_is_met_by_the_sum_of_the_moves(lab):
    def plan(scan, *args, **kwargs):
        yield from bps.mv(lab.x, 8)
        yield from scan([lab.photodiode], lab.x, 0, 3, *args, **kwargs)

    (problem,) = preview(plan, bp.rel_scan, 4).problems
    assert problem.startswith("x cannot go to 11")
    (problem,) = preview(plan, rel_scan_1d, num=4).problems
    assert "x: 1 of 4 points lie outside of its limits -10 to 10" in problem


def test_only_the_rehearsal_sees_an_actuator_elsewhere(lab):
    own, seen = type(lab.x).position, []

    def plan():
        yield from bps.mv(lab.x, 8)
        with ThreadPoolExecutor() as pool:
            seen.append(pool.submit(lambda: lab.x.position).result())
        seen.append(preview(bps.mvr, lab.x, 1).problems)  # one within the other
        seen.append(lab.x.position)

    assert preview(plan).problems == ()
    assert seen == [0.0, (), 8.0]
    assert type(lab.x).position is own


def test_a_plan_without_an_end_is_looked_at_for_a_while(lab):
    seen = preview(continuous, [lab.camera])
    assert (seen.most, seen.seconds[1], seen.is_cut) == (None, None, True)
    assert "until it is stopped" in str(seen)


def test_a_plan_that_only_waits_comes_to_an_end():
    def waiting():
        while True:
            yield from bps.null()

    assert preview(waiting).is_cut


def test_hours_of_saving_are_reckoned_not_gone_through(lab):
    seen = preview(continuous, [lab.camera], duration=36_000, period=0.5)
    assert seen.most == pytest.approx(72_000, rel=0.01)
    assert seen.seconds == (36_000, 36_000)
    assert sum(seen.spent.values()) == pytest.approx(36_000)


class Mute(Device):
    """It does not tell how long it takes."""

    value = Cpt(Signal, value=1.0, kind="hinted")


@pytest.mark.parametrize(
    ("plan", "ends", "points", "seconds", "words"),
    [
        (continuous, {}, (1, None), (60, 60), "as many points as there are in 1 min"),
        (continuous, {"num": 9**9}, (1, 9**9), (0, 60), "points, as long as each"),
        (continuous, {"num": 10}, (10, 10), (0, 60), "0 s to 1 min 00 s"),
        (log, {"period": 0}, (1, None), (60, 60), "at least 1 min 00 s"),
    ],
)
def test_a_duration_bounds_what_nobody_tells(plan, ends, points, seconds, words):
    seen = preview(plan, [Mute(name="mute")], duration=60, **ends)
    assert (seen.least, seen.most) == points
    assert seen.seconds == seconds
    assert words in str(seen)
    assert "not told by mute" in str(seen)


def test_a_number_beyond_what_is_looked_at_ends_a_saving_too(lab):
    lab.photodiode.exposure.put(0.01)
    seen = preview(continuous, [lab.photodiode], num=100_000, duration=36_000)
    assert (seen.least, seen.most) == (100_000, 100_000)
    assert seen.seconds == pytest.approx((1000, 1000))
    both = [lab.photodiode, Mute(name="mute")]
    assert "about 400000 points" in str(preview(log, both, num=200_000))


def test_modules_are_logged_each_at_its_pace(lab):
    plan = partial(log, [lab.camera, lab.photodiode], period={"camera": 5})
    seen = preview(plan, duration=20)
    assert seen.streams == {"camera": 4, "photodiode": 20}
    assert "24 points (4 of camera, 20 of photodiode)" in str(seen)


def test_a_flight_shows_where_it_measures(lab):
    seen = preview(fly_1d, lab.flyer, -1, 1, num=5, period=0.5)
    assert seen.points[:, 0].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert seen.seconds[0] == pytest.approx(2.5, abs=0.2)
    assert "camera_image" in seen.sizes


def test_a_flight_under_way_goes_on(lab):
    lab.camera.exposure.put(0.05)
    lab.flyer.prepare(lab_path()).wait()
    lab.flyer.kickoff().wait()
    preview(fly_1d, lab.flyer, -1, 1, num=5)
    assert lab.flyer.is_flying
    lab.flyer.complete().wait(60)
    assert len(list(lab.flyer.collect())) == 4


def lab_path():
    from pymo_bluesky.devices.flyer import FlyPath

    return FlyPath(0, 1, 4, 0.05)


def test_a_plan_that_is_made_already_is_taken_too(lab):
    assert len(preview(bp.count([lab.camera], 3)).points) == 3
    assert preview([Msg("null")]).runs == ()
    with pytest.raises(TypeError, match="to what makes it"):
        preview(bp.count([lab.camera]), 3)


def test_the_seed_of_a_random_order_can_be_given_again(lab):
    plan = partial(scan_1d, [lab.photodiode], lab.x, 0, 1, num=20, order="random")
    seen = preview(plan)
    assert f"give seed={seen.seed} for this one" in str(seen)
    again = preview(plan, seed=seen.seed)
    np.testing.assert_array_equal(seen.points, again.points)


def test_ophyds_own_devices_are_known():
    motor = SynAxis(name="motor", delay=0.5)
    det = SynGauss("det", motor, "motor", 0, 1)
    det.exposure_time = 1.0
    seen = preview(bp.scan, [det], motor, 0, 1, 5)
    assert seen.seconds == pytest.approx((7.5, 7.5))


@pytest.mark.extras
def test_devices_of_ophyd_async_are_asked_in_the_loop():
    core = needs("ophyd_async.core", "async")
    sim = needs("ophyd_async.sim", "async")
    engine = RunEngine({}, context_managers=[])
    assert engine.loop.is_running()
    with core.init_devices():
        stage = sim.SimMotor(name="stage", instant=False)
    seen = preview(bp.rel_scan, [stage.user_readback], stage, 0, 2, 3)
    assert seen.problems == ()
    assert seen.points[:, 0].tolist() == [0, 1, 2]
    assert seen.seconds[0] > 2  # at a velocity of 1, with a ramp, and back


def test_two_actuators_are_drawn_as_a_map(lab):
    needs("matplotlib", "session")
    from matplotlib.figure import Figure

    plot = Figure().add_subplot()
    seen = preview(scan_2d, [lab.photodiode], lab.y, 0, 1, lab.x, 5, 6, num=[2, 3])
    assert seen.plot(plot) is plot
    (line,) = plot.lines
    np.testing.assert_array_equal(line.get_xdata(), seen.points[:, 1])
    np.testing.assert_array_equal(line.get_ydata(), seen.points[:, 0])
    assert (plot.get_xlabel(), plot.get_ylabel()) == ("x (mm)", "y (mm)")


@pytest.mark.parametrize(
    ("name", "lines"), [("scan_1d", 1), ("sequential", 3), ("fly_1d", 1)]
)
def test_other_numbers_of_actuators_are_drawn_point_by_point(lab, name, lines):
    needs("matplotlib", "session")
    from matplotlib.figure import Figure

    seen = preview(PLANS[name](lab))
    plot = seen.plot(Figure().add_subplot())
    assert len(plot.lines) == lines
    np.testing.assert_array_equal(plot.lines[-1].get_ydata(), seen.points[:, -1])


def test_what_does_not_move_is_not_drawn(lab):
    with pytest.raises(PlanError, match="no points to draw"):
        preview(bp.count, [lab.camera]).plot()


def test_positions_that_nobody_knows_are_shown_as_such():
    from pymo_bluesky.plans.telling import text_of

    motor = SynAxis(name="motor")
    motor.sim_state["readback"] = math.nan
    seen = preview(move, motor, 1)
    assert math.isnan(seen.points[0, 0])
    assert "points   ?, 1" in text_of(seen)
