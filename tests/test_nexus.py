"""Plots for viewers of NeXus: what they choose themselves when they open a dataset."""

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from corpus import load, stream
from exactness import assert_same_documents
from extras import needs
from specimens import unpacked

from pymo_bluesky import (
    PymodaqWriter,
    convert,
    export,
    load_devices,
    open_dataset,
    recover,
    replay,
    validate,
    verify,
)
from pymo_bluesky.plans import snapshot
from pymo_bluesky.viewing import nexus

LAYOUTS = pytest.mark.parametrize("layout", ["pymodaq5", "pymodaq3"])


def written(name, folder, layout="pymodaq5", **options):
    (path,) = export(load(stream(name)), folder, name, layout=layout, **options)[
        "pymodaq"
    ]
    return path


def errors(path):
    return [*verify(path, isolated=False)] + [
        p for p in validate(path) if p.severity == "error"
    ]


def one_point(names, folder, layout="pymodaq5"):
    """A snapshot of detectors of the simulated lab, and its plot."""
    lab = load_devices("simulated_lab")
    with PymodaqWriter(folder, layout=layout, nexus=True) as writer:
        RunEngine({}, context_managers=[])(snapshot([lab[n] for n in names]), writer)
        return writer.path


class TestTheFile:
    def test_of_one_point_the_richest_is_opened_with(self, tmp_path):
        path = one_point(["photodiode", "spectrometer", "camera"], tmp_path)
        with h5py.File(path) as file:
            assert file["entry/Scan000"].attrs["signal"].decode() == "camera_image"
            assert "entry/Scan000_photodiode_photodiode" in file
        assert errors(path) == []

    @LAYOUTS
    @pytest.mark.parametrize("name", ["p05", "p08", "p11", "p13", "p20", "p32"])
    def test_it_is_whole_and_replays_as_before(self, name, layout, tmp_path):
        path = written(name, tmp_path, layout, nexus=True)
        assert errors(path) == []
        assert_same_documents(load(stream(name)), replay(path))
        dataset = open_dataset(path)
        assert dataset.extras == ()
        assert "nx_default" not in dataset.attributes
        plain = open_dataset(written(name, tmp_path / "plain", layout))
        texts = [one.tree().splitlines()[1:] for one in (dataset, plain)]
        assert texts[0] == texts[1]

    def test_the_arrays_are_those_of_the_scan(self, tmp_path):
        with h5py.File(written("p05", tmp_path, nexus=True)) as file:
            plot = file["entry/Scan000"]
            signal = plot[plot.attrs["signal"]]
            detector = file["RawData/Scan000/Detector000"]
            assert (
                signal.id.get_offset() == detector["Data0D/CH00/Data00"].id.get_offset()
            )
            for n, name in enumerate(plot.attrs["axes"].astype(str)):
                axis = file[f"RawData/Scan000/NavAxes/Axis{n:02d}"]
                assert plot[name] == axis

    def test_a_grid_of_pymodaq_3_gets_axes_of_its_own(self, tmp_path):
        with h5py.File(written("p05", tmp_path, "pymodaq3", nexus=True)) as file:
            plot = file["entry/Scan000"]
            lengths = tuple(len(plot[n]) for n in plot.attrs["axes"].astype(str))
            assert lengths == plot[plot.attrs["signal"]].shape

    def test_the_last_scan_is_the_one_that_is_opened_with(self, tmp_path):
        path = written("p16", tmp_path, nexus=True)
        for count, choice in ((3, True), (4, False)):
            options = {"nexus": choice, "append_to": path}
            with PymodaqWriter(tmp_path / "other", **options) as writer:
                for document in load(stream("p05")):
                    writer(*document)
            with h5py.File(path) as file:
                assert len(open_dataset(path).scans) == count
                assert file["entry"].attrs["default"].decode() == "Scan002"
            assert errors(path) == []

    def test_a_dataset_without_it_gets_it_with_the_next_scan(self, tmp_path):
        path = written("p04", tmp_path)
        with PymodaqWriter(tmp_path / "o", nexus=True, append_to=path) as writer:
            for document in load(stream("p05")):
                writer(*document)
        assert errors(path) == []
        with h5py.File(path) as file:
            assert "Scan000" not in file["entry"]
            assert "Scan001" in file["entry"]

    def test_an_entry_of_another_program_is_left_alone(self, tmp_path):
        path = written("p04", tmp_path)
        with h5py.File(path, "r+") as file:
            file.create_group("entry").attrs["CLASS"] = "GROUP"
        with PymodaqWriter(tmp_path / "o", nexus=True, append_to=path) as writer:
            for document in load(stream("p05")):
                writer(*document)
        with h5py.File(path) as file:
            assert not len(file["entry"])
            assert "default" not in file.attrs

    def test_the_choice_outlives_the_program(self, tmp_path):
        writer = PymodaqWriter(tmp_path, nexus=True)
        for name, doc in load(stream("p04")):
            if name != "stop":
                writer(name, doc)
        for run in writer._runs.values():
            run.journal.close()  # as the end of the process does
        writer._runs.clear()
        (done,) = recover(tmp_path)
        with h5py.File(done.path) as file:
            assert "entry/Scan000" in file

    @LAYOUTS
    def test_converted_files_have_it_on_demand(self, layout, tmp_path):
        old = unpacked("4.4.11/scan2d", tmp_path)
        for aim, wanted in (("with.h5", True), ("without.h5", False)):
            convert(old, tmp_path / aim, layout, nexus=wanted)
            assert errors(tmp_path / aim) == []
            with h5py.File(tmp_path / aim) as file:
                assert ("entry/Scan000" in file) is wanted
        # Ours again: with it, and away with it.
        convert(tmp_path / "without.h5", tmp_path / "more.h5", layout, nexus=True)
        other = "pymodaq3" if layout == "pymodaq5" else "pymodaq5"
        (report,) = convert(tmp_path / "with.h5", tmp_path / "less.h5", other)
        assert not [path for path in report.kept if "entry" in path]
        for aim, wanted in (("more.h5", True), ("less.h5", False)):
            assert errors(tmp_path / aim) == []
            with h5py.File(tmp_path / aim) as file:
                assert ("entry/Scan000" in file) is wanted

    @LAYOUTS
    def test_plots_that_are_there_already_are_made_for_every_scan(
        self, layout, tmp_path
    ):
        path = written("p16", tmp_path, layout)  # two scans without
        with PymodaqWriter(tmp_path / "o", nexus=True, append_to=path) as writer:
            for document in [*load(stream("p05")), *load(stream("p11"))]:
                writer(*document)
        convert(path, tmp_path / "new.h5", layout, nexus=True)
        assert errors(tmp_path / "new.h5") == []
        with h5py.File(tmp_path / "new.h5") as file:
            shown = {name for name in file["entry"] if len(name) == len("Scan000")}
            assert shown == {f"Scan{n:03d}" for n in range(4)}
            assert file["entry"].attrs["default"].decode() == "Scan003"

    def test_what_fails_costs_no_run(self, tmp_path, monkeypatch):
        monkeypatch.setattr(nexus, "best_first", lambda _: 1 / 0)
        path = written("p04", tmp_path, nexus=True)
        assert errors(path) == []
        assert_same_documents(load(stream("p04")), replay(path))


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestWhatViewersChoose:
    """By the functions that silx view and NeXpy call when a file is opened."""

    @LAYOUTS
    @pytest.mark.parametrize(
        ("name", "signal", "axes", "shape"),
        [
            ("p01", "det", ["time"], (5,)),
            ("p02", "det1", ["motor1"], (7,)),
            ("p05", "det4", ["motor1", "motor2"], (4, 5)),
            ("p08", "det4", ["motor1", "motor2"], (6,)),  # points on a plane
            ("p13", "det", ["motor"], (4,)),
        ],
    )
    def test_the_scan_over_its_axes(self, name, signal, axes, shape, layout, tmp_path):
        needs("silx", "test-nexus")
        needs("nexusformat", "test-nexus")
        import silx.io
        from nexusformat.nexus import nxload
        from silx.io.nxdata import get_default

        path = written(name, tmp_path, layout, nexus=True)
        (scan,) = open_dataset(path).scans
        with silx.io.open(path) as file:
            plot = get_default(file)
            assert plot.is_valid
            assert not plot.issues
            assert plot.signal_name == signal
            assert plot.signal.shape == shape
            labels = [label.partition(" (")[0] for label in plot.axes_names]
            assert labels == axes
            values = np.asarray(plot.signal[()])
        array = next(
            a for m in scan.detectors for a in m.arrays.values() if a.label == signal
        )
        np.testing.assert_array_equal(values, array.data[()])
        plotted = nxload(path).plottable_data
        assert plotted.nxsignal.nxname == signal
        assert [axis.nxname for axis in plotted.nxaxes] == axes

    @LAYOUTS
    @pytest.mark.parametrize(
        ("names", "signal", "kind"),
        [
            (["photodiode", "spectrometer", "camera"], "camera_image", "is_stack"),
            (["photodiode", "spectrometer"], "spectrometer_spectrum", "is_curve"),
            (["photodiode"], "photodiode_signal", "is_curve"),
        ],
    )
    def test_of_one_point_the_richest(self, names, signal, kind, layout, tmp_path):
        needs("silx", "test-nexus")
        needs("nexusformat", "test-nexus")
        import silx.io
        from nexusformat.nexus import nxload
        from silx.io.nxdata import get_default

        path = one_point(names, tmp_path, layout)
        with silx.io.open(path) as file:
            plot = get_default(file)
            assert plot.is_valid
            assert not plot.issues
            assert plot.signal_name.partition(" (")[0] == signal
            assert getattr(plot, kind)
        assert nxload(path).plottable_data.nxsignal.nxname == signal

    def test_units_are_told_with_the_labels(self, tmp_path):
        needs("silx", "test-nexus")
        import silx.io
        from silx.io.nxdata import get_default

        old = unpacked("4.4.11/scan2d", tmp_path)
        convert(old, tmp_path / "new.h5", nexus=True)
        with silx.io.open(str(tmp_path / "new.h5")) as file:
            plot = get_default(file)
        units = [axis.units for axis in open_dataset(old).scans[0].axes]
        assert all(units)
        for label, unit in zip(plot.axes_names, units, strict=True):
            assert label.endswith(f"({unit})")
