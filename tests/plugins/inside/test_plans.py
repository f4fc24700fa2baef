"""Each plan over PyMoDAQ's own simulated plugins; the judge outside reads the file."""

import os
from pathlib import Path

import pytest
from plans.every import EVERY, Bench, check_file, check_plan, run_all

from pymo_bluesky import load_devices
from pymo_bluesky.devices.plugins import PluginActuator


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    given = os.environ.get("PYMO_DATASETS")
    folder = Path(given) if given else tmp_path_factory.mktemp("datasets")
    lab = load_devices("plugin_lab", timeout=60)
    assert lab.failed == ()
    # Its own controller: two axes of one mock, moved at once, may never arrive.
    alone = PluginActuator("DAQ_Move_Mock", name="alone", axis="Y")
    signal = next(iter(lab.photodiode.describe()))
    try:
        for axis in (lab.x, alone):
            axis.settings.tau.set(5).wait(60)  # ms: they come near quickly
        bench = Bench(lab.x, alone, lab.camera, lab.photodiode, signal)
        yield run_all(bench, folder, without())
    finally:
        for device in (*lab.values(), alone):
            device.close()


def without():
    """The environment of plugins need not have the package `adaptive`."""
    try:
        import adaptive  # noqa: F401
    except ImportError:
        return [name for name in EVERY if "adaptive" in name]
    return []


NAMES = [name for name in EVERY if name not in without()]


@pytest.mark.parametrize("name", NAMES)
def test_each_plan_runs_with_plugins(ran, name):
    path, heard = ran
    check_plan(path, name, heard[name])


def test_they_are_all_in_one_dataset(ran):
    check_file(ran[0], len(NAMES))
