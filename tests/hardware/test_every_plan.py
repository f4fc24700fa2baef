"""Each plan over EPICS: a motor record and PVs behind IOCs, judged by PyMoDAQ."""

import pytest
from extras import needs
from hardware.conftest import PREFIX
from oracle.judge import check, nodes
from plans.every import EVERY, Bench, check_file, check_plan, run_all

from pymo_bluesky.instrument import data_folder, load_devices

pytestmark = pytest.mark.extras

# A `Flyer` moves an `Actuator` of ours; a motor record has no flights in software.
WITHOUT = ("fly_1d",)
NAMES = [name for name in EVERY if name not in WITHOUT]


@pytest.fixture(scope="module")
def ran(iocs, tmp_path_factory):
    needs("adaptive", "adaptive")
    folder = tmp_path_factory.mktemp("every")
    text = (data_folder("devices") / "epics_example.yml").read_text()
    (folder / "room.yml").write_text(text.replace("LAB:", PREFIX))
    lab = load_devices(folder / "room.yml", timeout=60)
    assert not lab.failed
    lab.camera.exposure.put(0.001)
    bench = Bench(lab.stage, lab.delay, lab.camera, lab.power, "power", far=0.04)
    return run_all(bench, folder / "data", WITHOUT)


@pytest.mark.parametrize("name", NAMES)
def test_each_plan_runs_over_epics(ran, name):
    path, heard = ran
    check_plan(path, name, heard[name])


def test_they_are_all_in_one_dataset(ran):
    check_file(ran[0], len(NAMES))


@pytest.mark.oracle
def test_pymodaq_opens_what_each_plan_wrote(ran, pymodaq5, monkeypatch):
    path, heard = ran
    monkeypatch.setattr(pymodaq5, "timeout", 600)  # some thirty scans at once
    found = nodes(check(pymodaq5, path, "tables"))
    scans = {name.split("/")[2] for name in found if name.startswith("/RawData/Scan")}
    assert len(scans) == len(heard)
