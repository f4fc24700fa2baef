"""What a newcomer gets from one command, and that it does not flatter itself."""

import os
import re
import shlex
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from pymo_bluesky import PymoError, replay
from pymo_bluesky.demo import _tell_replay, run_demo
from pymo_bluesky.model import Array, Axis
from pymo_bluesky.plotting import save_map

COMMAND = [sys.executable, "-m", "pymo_bluesky"]


def run(*words, cwd):
    """As a user without a display types it; fails with what was on the screen."""
    done = subprocess.run(
        [*COMMAND, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        env={k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder in which the demo ran once, and what it printed."""
    folder = tmp_path_factory.mktemp("newcomer")
    began = time.monotonic()
    done = run("demo", cwd=folder)
    assert time.monotonic() - began < 30
    assert done.stderr == ""
    return folder, done.stdout


@pytest.fixture(scope="module")
def dataset(shown):
    (path,) = shown[0].glob("demo_data/*/*/Dataset_*_000.h5")
    return path


def test_the_dataset_lies_where_pymodaq_would_put_it(dataset):
    year, day, name = dataset.parts[-3:]
    assert re.fullmatch(r"\d{4}", year)
    assert re.fullmatch(rf"{year}\d{{4}}", day)
    assert name == f"Dataset_{day}_000.h5"


def test_two_plans_of_the_run_engine_are_in_it(dataset):
    starts = [doc for name, doc in replay(dataset) if name == "start"]
    assert [start["plan_name"] for start in starts] == ["scan", "grid_scan"]
    assert list(starts[1]["snaking"]) == [False, True]
    assert list(starts[1]["detectors"]) == ["photodiode", "spectrometer", "camera"]


def test_progress_is_shown(shown):
    _, out = shown
    assert re.search(r"\b25/25 points", out)
    assert re.search(r"\b143/143 points", out)
    assert len(out) < 10_000, "into a file, a bar must not write all of its states"


def test_the_tree_of_the_file_is_shown(shown):
    _, out = shown
    for words in ("Scan000", "Scan001", "Actuator001", "Detector002", "RectROI"):
        assert words in out
    assert "axis wavelength: 128 values, 590 to 680 nm" in out
    assert "camera_image: 11 x 13 x 48 x 64, uint16 in counts" in out


def test_the_replay_is_compared(shown, dataset):
    _, out = shown
    count = sum(1 for _ in replay(dataset))
    assert f"the same {count} documents" in out


@pytest.mark.parametrize("change", ["value", "loss", "type"])
def test_a_replay_that_differs_is_not_called_the_same(dataset, change, capsys):
    documents = deepcopy(list(replay(dataset)))
    data = next(doc["data"] for name, doc in documents if name == "event")
    if change == "loss":
        documents.pop()
    elif change == "type":
        data["camera_image"] = data["camera_image"].astype("u4")
    else:
        data["photodiode_signal"] = np.nextafter(data["photodiode_signal"], 9).item()
    assert _tell_replay(dataset, documents) is False
    assert "NOT the same" in capsys.readouterr().out


def test_the_picture_is_one(dataset):
    (picture,) = dataset.parent.glob("*.png")
    pixels = imread(picture)
    assert min(pixels.shape[:2]) >= 400
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_what_it_tells_to_type_works(shown, dataset, tmp_path):
    """Also where the environment is not activated, and from any folder."""
    _, out = shown
    told = dict(re.findall(r"^  (look at it here|get the documents) +(.*)$", out, re.M))
    for words, expected in {
        "look at it here": "gain: 1",
        "get the documents": '{"name":"stop"',
    }.items():
        done = subprocess.run(
            told[words], shell=True, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert expected.lower() in done.stdout.lower()
    (profile,) = re.findall(r"--profile-dir=(.*)$", out, re.M)
    assert Path(*shlex.split(profile), "startup").is_dir()
    (browsed,) = re.findall(r"h5browser --input (.*)$", out, re.M)
    assert Path(*shlex.split(browsed)).samefile(dataset)


@pytest.mark.slow
def test_a_second_demo_goes_beside_the_first(shown, dataset):
    folder, _ = shown
    before = dataset.read_bytes()
    run("demo", "--layout", "pymodaq3", cwd=folder)
    assert dataset.read_bytes() == before
    names = sorted(path.name[-7:] for path in dataset.parent.glob("*.h5"))
    assert names == ["_000.h5", "_001.h5"]
    assert len(list(dataset.parent.glob("*.png"))) == 2


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(PymoError, match="file"):
        run_demo(in_the_way)
    assert list(tmp_path.iterdir()) == [in_the_way]


class TestMap:
    """The picture is drawn from the arrays it is given, and from no others."""

    axes = (
        Axis(label="y", units="mm", values=np.arange(2.0)),
        Axis(label="x", units="mm", values=np.arange(3.0), index=1),
    )

    def test_a_map_over_other_axes_is_refused(self, tmp_path):
        image = Array(label="power", data=np.ones((3, 2)))
        with pytest.raises(PymoError, match=r"'power' has the shape \(3, 2\)"):
            save_map(tmp_path / "map.png", image, self.axes)

    def test_a_folder_that_is_not_there_is_told(self, tmp_path):
        image = Array(label="power", data=np.ones((2, 3)))
        with pytest.raises(PymoError, match="cannot be saved"):
            save_map(tmp_path / "nowhere" / "map.png", image, self.axes)

    def test_points_that_were_not_measured_stay_white(self, tmp_path):
        values = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
        whole, gap = tmp_path / "whole.png", tmp_path / "gap.png"
        save_map(whole, Array(label="p", data=np.nan_to_num(values)), self.axes)
        save_map(gap, Array(label="p", data=values), self.axes)
        white = [
            (imread(path)[..., :3].min(axis=2) == 1).sum() for path in (whole, gap)
        ]
        assert white[1] - white[0] > 10_000
