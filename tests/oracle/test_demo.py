"""What the demo writes, as PyMoDAQ sees it: axes, units, ROIs, and in the H5Browser."""

import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread
from oracle.judge import BACKENDS, WAYS, check, nodes

from pymo_bluesky import replay

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Make the demo's dataset in a layout, once each."""
    made: dict[str, Path] = {}

    def dataset(layout: str) -> Path:
        if layout not in made:
            folder = tmp_path_factory.mktemp(layout)
            words = [sys.executable, "-m", "pymo_bluesky", "demo", "--layout", layout]
            subprocess.run([*words, "--out", str(folder)], check=True)
            (made[layout],) = folder.glob("*/*/Dataset_*_000.h5")
        return made[layout]

    return dataset


def grid_of(path: Path) -> list[int]:
    """Shape of the demo's grid scan, as its plan announced it."""
    _, start = next(replay(path, scan=1))
    return list(start["shape"])


def axes_of(node: dict) -> list[tuple[str, str, int]]:
    return [(axis["label"], axis["units"], axis["size"]) for axis in node["axes"]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", WAYS)
def test_pymodaq_5_reads_the_whole_lab(pymodaq5, demo, backend, how):
    path = demo("pymodaq5")
    ny, nx = grid_of(path)
    grid = [("y", "mm", ny), ("x", "mm", nx)]
    verdict = check(pymodaq5, path, backend, how)
    by_label = {
        node["labels"][0]: node
        for node in verdict["nodes"]
        if node["path"].startswith("/RawData/Scan001/") and "labels" in node
    }
    assert axes_of(by_label["photodiode_signal"]) == grid
    spectrum = by_label["spectrometer_spectrum"]
    assert axes_of(spectrum) == [*grid, ("wavelength", "nm", 128)]
    image = by_label["camera_image"]
    assert axes_of(image) == [*grid, ("y", "um", 48), ("x", "um", 64)]
    assert image["shape"] == [ny, nx, 48, 64]
    assert image["n_nan"] == 0
    region = by_label["camera_roi_00"]
    assert (region["source"], region["origin"]) == ("calculated", "ROI_00")


def test_pymodaq_36_reads_the_whole_lab(pymodaq36, demo):
    path = demo("pymodaq3")
    verdict = pymodaq36.check(path)
    image = nodes(verdict)["/Raw_datas/Scan001/Detector002/Data2D/Ch000/Data"]
    assert image["shape"] == [*grid_of(path), 48, 64]
    assert sorted(image["nav_axes"]) == [0, 1]
    seen = {key: (axis["label"], axis["units"]) for key, axis in image["axes"].items()}
    assert (seen["nav_00"], seen["nav_01"]) == (("y", "mm"), ("x", "mm"))
    assert (seen["y_axis"], seen["x_axis"]) == (("y", "um"), ("x", "um"))


@pytest.mark.parametrize(
    "backend", ["h5py", pytest.param("tables", marks=pytest.mark.slow)]
)
def test_the_h5browser_shows_every_node(h5browser, demo, backend, tmp_path):
    png = tmp_path / "window.png"
    verdict = h5browser.check(
        demo("pymodaq5"),
        *("--backend", backend),
        *("--node", "/RawData/Scan001/Detector002/Data2D/CH00/Data00"),
        *("--png", str(png)),
    )
    shown = nodes(verdict)
    assert shown["/RawData/Scan001/Detector002/Data2D/CH00/Data00"]["plotted"]
    assert not shown["/RawData/Scan001/Documents/Index"]["plotted"]
    # Black where nothing is measured, bright where the beam is: not an empty window.
    signal = imread(png)[200:850, 1100:1440, 0]
    assert (signal < 0.1).mean() > 0.5
    assert (signal > 0.8).sum() > 20
