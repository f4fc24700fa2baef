"""Our points against those of PyMoDAQ's real scanners, numerically."""

import json

import numpy as np
import pytest
from oracle.environments import PLUGINS
from oracle.judge import Script, judging
from plugins.environment import plugins_python

from pymo_bluesky.plans import points, stepping

pytestmark = pytest.mark.plugins  # the scanners come with PyMoDAQ whole
SCANNERS5 = Script(PLUGINS, "check_scanners.py", ())


def job(kind, sub_kind, number, **scanner):
    about = {"type": kind, "sub_type": sub_kind, "actuators": number}
    return {**about, "scanner": scanner}


def axis(start, stop, step):
    return {"start": start, "stop": stop, "step": step}


LINES = [(0, 1, 0.3), (0, 1, 0.1), (1, -1, -0.25), (-5, 5, 0.7), (0, 0.3, 0.1)]
GRIDS = [((0, 1, 0.5), (0, 1, 0.25)), ((1, 0, -0.5), (0, 2, 1)), ((0, 3, 1), (0, 1, 1))]
SPIRALS = [(n, 2.0, -1.0) for n in (1, 2, 3, 4, 5, 10)]
SPARSE = ["0:0.2:1,5", "0:0.2:1,5:1:7", "3 2 1", "1:-0.5:0\n4"]
VERTICES = [[0.0, 0.0], [0.0, 1.0], [2.0, 1.0], [-1.0, 0.5]]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What PyMoDAQ says to all jobs, asked once."""
    jobs = [job("Scan1D", "Linear", 1, **axis(*line)) for line in LINES]
    for kind in ("Linear", "LinearBackForce"):
        for a, b in GRIDS:
            jobs.append(job("Scan2D", kind, 2, axis1=axis(*a), axis2=axis(*b)))
    for n, rmax, centre in SPIRALS:
        both = {k: {"center": centre, "rmax": rmax} for k in ("axis1", "axis2")}
        jobs.append(job("Scan2D", "Spiral", 2, npts_by_axis=n, **both))
    jobs += [job("Scan1D", "Sparse", 1, string=text) for text in SPARSE]
    jobs.append(job("Tabular", "SubSegmented", 2, vertices=VERTICES, step=0.6))
    path = tmp_path_factory.mktemp("scanners") / "jobs.json"
    plugins_python(path.parent)
    path.write_text(json.dumps(jobs))
    with judging(SCANNERS5) as judge:
        judge.timeout = 300
        reply = judge._ask([str(path)])["out"]
    return json.loads(reply[reply.index('{"results"') :].splitlines()[0])["results"]


def ours():
    for start, stop, step in LINES:
        yield points.axis(start, stop, step=step)[:, None]
    for order in ("linear", "back_and_forth"):
        for pair in GRIDS:
            axes = [points.axis(a, b, step=s) for a, b, s in pair]
            yield stepping._ordered_grid(axes, order, None).points
    for n, rmax, centre in SPIRALS:
        line = points.axis(centre - rmax, centre + rmax, num=n + 1)
        yield stepping._ordered_grid([line, line], "spiral", None).points
    for text in SPARSE:
        yield points.sparse(text)[:, None]
    yield points.segments(np.array(VERTICES), 0.6)


def test_the_points_and_their_order_are_pymodaqs(told):
    mine = list(ours())
    assert len(mine) == len(told)
    for number, (expected, found) in enumerate(zip(told, mine, strict=True)):
        assert "positions" in expected, (number, expected)
        np.testing.assert_allclose(
            found, expected["positions"], atol=1e-12, err_msg=str(number)
        )
