"""Runs of plugins as a dataset: what is written, and what is read back."""

import os
from pathlib import Path

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import plans as bp

from pymo_bluesky import PymodaqWriter, load_devices, open_dataset, replay


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where datasets go; the judge outside names it to read them afterwards."""
    given = os.environ.get("PYMO_DATASETS")
    return Path(given) if given else tmp_path_factory.mktemp("datasets")


def test_the_plugin_lab_in_a_dataset(folder, engine, run):
    devices = load_devices("plugin_lab", timeout=60)
    assert devices.failed == ()
    try:
        with PymodaqWriter(folder) as writer:
            engine.subscribe(writer)
            engine(bps.mv(devices.x.settings.tau, 5))
            detectors = [devices.camera, devices.spectrometer, devices.photodiode]
            engine(bp.grid_scan(detectors, devices.x, 0, 10, 3, devices.y, 0, 10, 2))
            path = writer.path
    finally:
        for device in devices.values():
            device.close()
    check_dataset(path, run)


def check_dataset(path, run):
    with open_dataset(path) as dataset:
        assert not [p for p in dataset.problems if p.severity == "error"]
        (scan,) = dataset.scans
        assert scan.shape == (3, 2)
        told = dataset.tree(settings=True)
    for words in ("µm", "photon wavelength", "nm", "Tau (ms)", "Bounds", "ROI_00"):
        assert words in told
    documents = list(replay(path))
    assert [name for name, _ in documents] == [name for name, _ in run.documents]
    images = [d["data"]["camera_CH00"] for n, d in documents if n == "event"]
    assert np.array_equal(images, run.column("camera_CH00"))
