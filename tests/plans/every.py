"""Each plan of `pymo_bluesky.plans`, over whatever devices there are; and its file.

Simulated devices, PyMoDAQ's plugins and EPICS are measured with by the same list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from bluesky import RunEngine

from pymo_bluesky import PymodaqWriter, open_dataset, plans, replay, validate
from pymo_bluesky.devices.flyer import Flyer


@dataclass(frozen=True)
class Bench:
    """What stands on the table: two actuators, an image, and a number to adapt to."""

    x: Any
    y: Any
    camera: Any
    meter: Any
    signal: str
    far: float = 1.0  # a way that is short for the actuators


@dataclass(frozen=True)
class Case:
    """A plan, the number of its points, and how PyMoDAQ calls it."""

    plan: Callable[[Bench], Any]
    points: int
    kind: str = "Scan1D/Time"
    shape: tuple[int, ...] | None = None


def _line(b: Bench, plan=plans.scan_1d, **how):
    return plan([b.camera, b.meter], b.x, 0, b.far, **how)


def _map(b: Bench, plan=plans.scan_2d, **how):
    return plan([b.camera, b.meter], b.y, 0, b.far, b.x, 0, b.far, **how)


def _sparse(b: Bench):
    text = f"0:{b.far / 4}:{b.far / 2},{b.far}"
    return plans.scan_1d([b.camera], b.x, points=text)


def _several(b: Bench, plan=plans.sequential):
    return plan([b.meter], b.y, 0, b.far, b.x, b.far, 0, num=[2, 3])


def _table(b: Bench, plan=plans.tabular, **how):
    table = np.array([[0, 0], [1, 0], [1, 1]]) * b.far
    return plan([b.camera], [b.x, b.y], table, **how)


def _adapt(b: Bench, plan=plans.adaptive):
    return plan([b.meter], b.x, 0, b.far, signal=b.signal, max_points=5)


def _adapt_2d(b: Bench):
    ends = (b.x, 0, b.far, b.y, 0, b.far)
    return plans.adaptive([b.meter], *ends, signal=b.signal, max_points=6)


def _dark(b: Bench):
    yield from plans.take_background([b.camera])
    yield from plans.snapshot([b.camera])
    yield from plans.drop_background([b.camera])


def _fly(b: Bench):
    flyer = Flyer(name="flyer", actuator=b.x, detector=b.camera)
    return plans.fly_1d(flyer, 0, b.far, num=4, period=0.05)


def _log(b: Bench):
    return plans.log([b.camera, b.meter], period=0.05, num=3)


def _both(b: Bench) -> list[Any]:
    return [b.camera, b.meter]


EVERY = {
    "scan_1d": Case(partial(_line, num=4), 4, "Scan1D/Linear"),
    "scan_1d random": Case(
        partial(_line, num=4, order="random", seed=1), 4, "Scan1D/Random"
    ),
    "scan_1d sparse": Case(_sparse, 4, "Scan1D/Sparse"),
    "scan_1d back": Case(
        partial(_line, num=3, order="back_to_start"), 6, "Scan1D/Linear back to start"
    ),
    "scan_1d average": Case(
        partial(_line, num=3, averaging=2), 6, "Scan1D/Linear", (2, 3)
    ),
    "rel_scan_1d": Case(
        partial(_line, plan=plans.rel_scan_1d, num=3), 3, "Scan1D/Linear"
    ),
    "scan_2d": Case(partial(_map, num=[2, 3]), 6, "Scan2D/Linear", (2, 3)),
    "scan_2d snake": Case(
        partial(_map, num=[2, 3], order="back_and_forth"),
        *(6, "Scan2D/LinearBackForce", (2, 3)),
    ),
    "scan_2d spiral": Case(
        partial(_map, num=3, order="spiral"), 9, "Scan2D/Spiral", (3, 3)
    ),
    "scan_2d random": Case(
        partial(_map, num=[2, 3], order="random", seed=2),
        *(6, "Scan2D/Random", (2, 3)),
    ),
    "scan_2d spread": Case(
        partial(_map, num=[2, 3], order="random_spread", seed=2),
        *(6, "Scan2D/RandomSpread"),
    ),
    "rel_scan_2d": Case(
        partial(_map, plan=plans.rel_scan_2d, num=2), 4, "Scan2D/Linear", (2, 2)
    ),
    "sequential": Case(_several, 6, "Sequential/Linear", (2, 3)),
    "rel_sequential": Case(
        partial(_several, plan=plans.rel_sequential), 6, "Sequential/Linear", (2, 3)
    ),
    "tabular": Case(_table, 3, "Tabular/Linear"),
    "tabular step": Case(
        lambda b: _table(b, step=b.far / 2), 5, "Tabular/SubSegmented"
    ),
    "rel_tabular": Case(partial(_table, plan=plans.rel_tabular), 3, "Tabular/Linear"),
    "adaptive": Case(_adapt, 5, "Scan1D/Adaptive"),
    "adaptive 2d": Case(_adapt_2d, 6, "Scan2D/Adaptive"),
    "rel_adaptive": Case(
        partial(_adapt, plan=plans.rel_adaptive), 5, "Scan1D/Adaptive"
    ),
    "snapshot": Case(lambda b: plans.snapshot(_both(b)), 1),
    "snapshot background": Case(
        lambda b: plans.snapshot([b.camera], background=True), 1
    ),
    "take_background": Case(_dark, 1),
    "continuous": Case(lambda b: plans.continuous(_both(b), num=3), 3),
    "timelapse": Case(lambda b: plans.timelapse(_both(b), 3, 0.02), 3),
    "log": Case(_log, 6, "DAQScan/"),
    "move": Case(lambda b: plans.move(b.x, b.far, b.y, b.far / 2), 2),
    "rel_move": Case(lambda b: plans.rel_move(b.x, -b.far / 2), 2),
    "fly_1d": Case(_fly, 4, "Scan1D/Linear"),
}


def run_all(bench: Bench, folder, without=()) -> tuple[Any, dict[str, list]]:
    """Run each plan into one dataset; gives its path and the documents of each plan.

    Each begins where the actuators are at 0, so that what is relative stays in reach.
    """
    heard: dict[str, list] = {}
    engine = RunEngine({}, context_managers=[])
    with PymodaqWriter(folder, renew="never") as writer:
        engine.subscribe(writer)
        for name, case in EVERY.items():
            if name in without:
                continue
            documents = heard[name] = []
            for actuator in (bench.x, bench.y):
                actuator.set(0.0).wait(60)
            note = engine.subscribe(
                lambda kind, doc, documents=documents: documents.append((kind, doc))
            )
            engine(case.plan(bench))
            engine.unsubscribe(note)
        return writer.path, heard


def check_plan(path, name: str, documents: list) -> None:
    """The scan of a plan says what was done, whole, and gives its documents back."""
    case = EVERY[name]
    uid = documents[0][1]["uid"]
    scan = open_dataset(path).scans[uid]
    about = scan.attributes
    assert about["exit_status"] == "success"
    events = [doc for kind, doc in documents if kind == "event"]
    assert len(events) == case.points
    if name != "log":
        assert f"{about['scan_type']}/{about['scan_sub_type']}" == case.kind
        assert scan.shape == (case.shape or (case.points,))
        assert scan.visited is None or scan.visited.all()
    again = list(replay(path, scan=uid))
    assert [kind for kind, _ in again] == [kind for kind, _ in documents]
    for (_, was), (_, now) in zip(documents, again, strict=True):
        assert set(was) == set(now)
        for key, value in (was.get("data") or {}).items():
            np.testing.assert_array_equal(now["data"][key], value)


def check_file(path, number: int) -> None:
    """All of them are in one dataset that is as it is to be."""
    assert len(open_dataset(path).scans) == number
    assert validate(path) == []
