"""Each plan with simulated devices, and PyMoDAQ's verdict on what it wrote."""

import pytest
from extras import needs
from oracle.judge import check, nodes
from plans.every import EVERY, Bench, check_file, check_plan, run_all

from pymo_bluesky.devices.simulated_lab import simulated_lab


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    needs("adaptive", "adaptive")
    quick = {"exposure": 0.0}
    fast = {"velocity": 1000.0}
    x, y, _, photodiode, _, camera = simulated_lab(
        actuators={"x": fast, "y": fast},
        photodiode=quick,
        camera={**quick, "shape": (4, 6)},
    )
    bench = Bench(x, y, camera, photodiode, "photodiode_signal")
    return run_all(bench, tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("name", EVERY)
def test_each_plan_is_a_scan_that_says_what_was_done(ran, name):
    path, heard = ran
    check_plan(path, name, heard[name])


def test_they_are_all_in_one_dataset(ran):
    check_file(ran[0], len(EVERY))


@pytest.mark.oracle
@pytest.mark.parametrize(
    "backend", [pytest.param("h5py", marks=pytest.mark.slow), "tables"]
)
def test_pymodaq_opens_what_each_plan_wrote(ran, pymodaq5, backend, monkeypatch):
    path, heard = ran
    monkeypatch.setattr(pymodaq5, "timeout", 600)  # some thirty scans at once
    found = nodes(check(pymodaq5, path, backend))
    scans = {name.split("/")[2] for name in found if name.startswith("/RawData/Scan")}
    assert len(scans) == len(heard)
