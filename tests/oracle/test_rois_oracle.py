"""Regions of our devices give the numbers that PyMoDAQ 5.3 gives, for any geometry."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ophyd import Component as Cpt
from oracle.environments import (
    PYMODAQ5_GUI,
    OracleMissingError,
    python_of,
    scratch_env,
)

from pymo_bluesky.devices import Axis, Channel, Detector1D, Detector2D
from pymo_bluesky.devices.cropping import FUNCTIONS_1D, FUNCTIONS_2D, PLACES

pytestmark = pytest.mark.oracle

SCRIPT = Path(__file__).parent / "check_rois.py"
CASES = 300


@pytest.fixture(scope="module")
def pymodaq(tmp_path_factory):
    """Ask PyMoDAQ for the numbers of cases, given as (case, array, axes)."""
    home = tmp_path_factory.mktemp("pymodaq-home")
    try:
        python = python_of(PYMODAQ5_GUI, home)
    except OracleMissingError as error:
        if os.environ.get("PYMO_REQUIRE_ORACLES"):
            pytest.fail(f"oracle demanded, but: {error}", pytrace=False)
        pytest.skip(f"no oracle: {error}")

    def ask(cases):
        path = home / "cases.npz"
        held = {"cases": np.array(len(cases))}
        for n, (case, array, axes) in enumerate(cases):
            held[f"case_{n}"], held[f"data_{n}"] = np.array(json.dumps(case)), array
            held |= {f"axis_{n}_{k}": axis for k, axis in enumerate(axes)}
        np.savez(path, **held)
        done = subprocess.run(
            [python, "-W", "ignore", SCRIPT, path],
            capture_output=True,
            text=True,
            timeout=300,
            env=scratch_env(home),
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return ask


def made_axis(random, length):
    """Even with any offset and step, or uneven; ascending, as PyMoDAQ needs it."""
    steps = random.uniform(0.1, 3, length)
    even = random.random() < 0.7
    return random.uniform(-50, 50) + np.cumsum(
        np.full(length, steps[0]) if even else steps
    )


def made_data(random, shape):
    dtype = random.choice(["uint16", "float64", "float32", "int32"])
    return (1000 * random.random(shape)).astype(dtype)


def made_case(random, flat):
    shape = tuple(int(n) for n in random.integers(8, 24, 2 if flat else 1))
    axes = [made_axis(random, length) for length in shape]
    spans = [axis[-1] - axis[0] for axis in axes]
    if not flat:
        left, right = sorted(random.uniform(-0.2, 1.2, 2) * spans[0] + axes[0][0])
        function = str(random.choice(FUNCTIONS_1D))
        case = {"roi_type": "LinearROI", "position": (left, right)}
        return case | {"math_function": function}, made_data(random, shape), axes
    place = random.uniform(0, 1, 2) * spans[::-1] + [axes[1][0], axes[0][0]]
    case = {
        "roi_type": str(random.choice(["RectROI", "EllipseROI", "CircularROI"])),
        "position": place.tolist(),
        "size": (random.uniform(0.2, 1, 2) * spans[::-1]).tolist(),
        "angle": float(random.choice([0, 0, random.uniform(-180, 180)])),
        "math_function": str(random.choice(FUNCTIONS_2D)),
    }
    if case["roi_type"] == "CircularROI":
        case["size"] = [case["size"][0]] * 2
    return case, made_data(random, shape), axes


def ours(case, array, axes):
    flat = array.ndim == 2
    members = {"data": Cpt(Channel), "grab": lambda self: {"data": array}}
    for k, axis in enumerate(axes):
        members[f"axis_{k}"] = Cpt(Axis, index=k, value=axis)
    kind = type("Case", (Detector2D if flat else Detector1D,), members)
    options = {key: value for key, value in case.items() if key != "roi_type"}
    detector = kind(name="case", rois=[{"type": case["roi_type"], **options}])
    detector.trigger().wait(30)
    region, _ = detector.roi_00.cut(array, axes)
    return [entry["value"] for entry in detector.roi_00.read().values()], region.shape


@pytest.mark.parametrize("flat", [False, True], ids=["curves", "images"])
def test_the_numbers_are_pymodaqs(pymodaq, flat):
    random = np.random.default_rng(20261122)
    cases = [made_case(random, flat) for _ in range(CASES)]
    compared = dict.fromkeys(FUNCTIONS_2D if flat else FUNCTIONS_1D, 0)
    for (case, array, axes), theirs in zip(cases, pymodaq(cases), strict=True):
        found, shape = ours(case, array, axes)
        function = case["math_function"]
        if 0 in shape:
            assert np.isnan([*found, *theirs]).all(), case
            continue
        if 1 in shape and (function in PLACES or not theirs):
            continue  # PyMoDAQ drops an axis of one pixel, and fails on it or not
        if function in PLACES:  # PyMoDAQ makes the axis anew, from offset and step
            assert found == pytest.approx(theirs, rel=1e-6), case
        else:
            assert found == theirs, case
        compared[function] += 1
    assert min(compared.values()) >= 10, compared
