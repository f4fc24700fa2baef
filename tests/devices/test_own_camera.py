"""The how-to page on one's own camera does what it says."""

import re
import sys
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest

from pymo_bluesky.instrument import load_devices

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-camera.md"


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.S)
    return found


@pytest.fixture
def webcam(tmp_path, monkeypatch):
    (tmp_path / "my_lab.py").write_text(block("python"))
    (tmp_path / "room12.yml").write_text(block("yaml"))
    monkeypatch.syspath_prepend(tmp_path)
    devices = load_devices(tmp_path / "room12.yml")
    assert not devices.failed
    yield devices.webcam
    del sys.modules["my_lab"]


def test_the_class_is_twenty_lines():
    lines = block("python").split("class Webcam")[1].splitlines()
    assert len([line for line in lines if line.strip()]) <= 20


def test_the_page_works(engine, run, webcam):
    engine(bps.mv(webcam.exposure, 0.1))
    engine(bp.count([webcam], num=5))
    images = np.array(run.column("webcam_image"))
    assert images.shape == (5, 48, 64)
    assert images.mean() == pytest.approx(1000, rel=0.01)
    assert run.descriptor["hints"]["webcam"]["fields"] == [
        "webcam_roi_00",
        "webcam_roi_01",
    ]
    region = images[:, 16:30, 21:40]  # y 90 to 170 um, x 120 to 220 um
    np.testing.assert_allclose(run.column("webcam_roi_00"), region.mean(axis=(1, 2)))
