"""Thumbnails: small pictures in the file, where PyMoDAQ has them, at no run's cost."""

import io

import numpy as np
import pytest
from corpus import load, stream
from exactness import assert_same_documents
from matplotlib.image import imread

from pymo_bluesky import (
    PymodaqWriter,
    convert,
    export,
    open_dataset,
    recover,
    replay,
    validate,
    verify,
)
from pymo_bluesky.plotting.choosing import Dimension
from pymo_bluesky.plotting.panels import Curve, Panel
from pymo_bluesky.plotting.raster import SIDE, raster
from pymo_bluesky.viewing import thumbnails

LAYOUTS = pytest.mark.parametrize("layout", ["pymodaq5", "pymodaq3"])


def written(name, folder, **options):
    (path,) = export(load(stream(name)), folder, name, **options)["pymodaq"]
    return path


def pixels(png: bytes) -> np.ndarray:
    """A picture as matplotlib's own decoder of PNG sees it."""
    return (imread(io.BytesIO(png))[..., :3] * 255).round().astype(int)


def panel(how, values, *axes, camera=False):
    shown = tuple(
        Dimension(label="", units="", values=np.asarray(a, float), signal=camera)
        for a in axes
    )
    curves = tuple(
        Curve(label="", units="", values=np.asarray(v, float)) for v in values
    )
    return Panel(title="", note="", how=how, axes=shown, curves=curves, camera=camera)


class TestInTheFile:
    @LAYOUTS
    def test_a_scan_and_each_detector_have_one(self, layout, tmp_path):
        path = written("p11", tmp_path, layout=layout)
        (scan,) = open_dataset(path).scans
        raw = scan.path
        assert set(scan.pictures) == {
            f"{raw}/pixmap1D",  # the diode, over the scan
            f"{raw}/Detector000/pixmap1D",  # the last spectrum
            f"{raw}/Detector000/pixmap2D",  # the last frame
        }
        for png in scan.pictures.values():
            high, wide, _ = pixels(png).shape
            assert max(high, wide) == SIDE
        assert not [name for name in scan.attributes if "pixmap" in name]
        assert verify(path, isolated=False) == []
        assert [p for p in validate(path) if p.severity == "error"] == []
        assert_same_documents(load(stream("p11")), replay(path))

    def test_a_grid_is_a_map_that_lies_as_the_plot_does(self, tmp_path):
        (scan,) = open_dataset(written("p04", tmp_path)).scans
        picture = pixels(scan.pictures[f"{scan.path}/pixmap2D"])
        (array,) = scan.detectors[0].arrays.values()
        rows, columns = array.data.shape
        brightest = np.unravel_index(np.argmax(array.data[()]), (rows, columns))
        high, wide, _ = picture.shape
        down = int((rows - 1 - brightest[0] + 0.5) * high / rows)
        right = int((brightest[1] + 0.5) * wide / columns)
        assert picture[down, right].tolist() == [0xFD, 0xE7, 0x25]

    def test_none_where_none_are_wanted(self, tmp_path):
        (scan,) = open_dataset(written("p04", tmp_path, thumbnails=False)).scans
        assert not scan.pictures

    def test_the_choice_outlives_the_program(self, tmp_path):
        for folder, wanted in (("with", True), ("without", False)):
            writer = PymodaqWriter(tmp_path / folder, thumbnails=wanted)
            for name, doc in load(stream("p04")):
                if name != "stop":
                    writer(name, doc)
            for run in writer._runs.values():
                run.journal.close()  # as the end of the process does
            writer._runs.clear()
            (done,) = recover(tmp_path / folder)
            (scan,) = open_dataset(done.path).scans
            assert bool(scan.pictures) is wanted

    def test_a_copy_in_another_layout_has_the_same(self, tmp_path):
        path = written("p11", tmp_path)
        convert(path, tmp_path / "new.h5", layout="pymodaq3")
        (old,) = open_dataset(path).scans
        (new,) = open_dataset(tmp_path / "new.h5").scans
        assert {p.split("Scan000")[1]: png for p, png in old.pictures.items()} == {
            p.split("Scan000")[1]: png for p, png in new.pictures.items()
        }

    def test_a_picture_that_fails_costs_no_run(self, tmp_path, monkeypatch):
        def broken(panel):
            raise RuntimeError("out of paint")

        monkeypatch.setattr(thumbnails, "raster", broken)
        path = written("p04", tmp_path)
        (scan,) = open_dataset(path).scans
        assert not scan.pictures
        assert_same_documents(load(stream("p04")), replay(path))
        assert verify(path, isolated=False) == []


class TestDrawing:
    def test_a_frame_keeps_its_proportions_and_its_first_row_is_at_the_bottom(self):
        frame = np.zeros((20, 40))
        frame[0, 0] = 1.0
        drawn = pixels(
            raster(panel("image", [frame], range(20), range(40), camera=True))
        )
        assert drawn.shape[:2] == (50, 100)
        assert drawn[-1, 0].tolist() == [255, 255, 255]
        assert drawn[0].max() == drawn[:, -1].max() == 0

    def test_what_was_not_measured_is_white(self):
        values = np.array([[1.0, np.nan], [2.0, 3.0]])
        drawn = pixels(raster(panel("image", [values], [0, 1], [0, 1])))
        assert drawn[-1, -1].tolist() == [255, 255, 255]
        assert drawn[0, 0].tolist() != [255, 255, 255]

    @pytest.mark.parametrize("count", [1, 2, 30, 3000])
    def test_curves_of_any_length_reach_from_edge_to_edge(self, count):
        x = np.arange(count)
        drawn = pixels(raster(panel("line", [np.sin(x) + 1, -np.sin(x)], x)))
        inside = drawn[1:-1, 1:-1]
        blue = (inside == [0x1F, 0x77, 0xB4]).all(axis=2)
        columns = np.flatnonzero(blue.any(axis=0))
        assert columns.size
        if count > 1:
            assert columns.min() < 6
            assert columns.max() > 92
        if count > 2:  # the second curve has a colour of its own
            assert (inside == [0xFF, 0x7F, 0x0E]).all(axis=2).any()

    @pytest.mark.parametrize(
        "values",
        [
            [1e308, -1e308, 0.0],
            [np.inf, 1.0, 2.0],
            [5.0, 5.0, 5.0],
            [1e-320, 0, 2e-320],
        ],
    )
    def test_odd_numbers_are_drawn_without_a_warning(self, values):
        for how in ("line", "points"):
            axes = [[0, 1, 2]] if how == "line" else [[0, 1, 2], [2, 0, 1]]
            assert raster(panel(how, [values], *axes))
        square = np.array([values, values])
        assert raster(panel("image", [square], [0, 1], [0, 1, 2]))

    @pytest.mark.parametrize("number", [0.0, -1.25e-7, 12345.0, 1e300])
    def test_a_single_number_is_written(self, number):
        drawn = pixels(raster(panel("value", [np.array(number)])))
        assert (drawn == [0x1F, 0x77, 0xB4]).all(axis=2).sum() > 50

    def test_of_nothing_there_is_no_picture(self):
        assert raster(panel("line", [[np.nan, np.nan]], [0, 1])) == b""
