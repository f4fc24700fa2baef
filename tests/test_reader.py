"""A dataset is opened and looked at: scans, modules, arrays, settings, log, errors."""

import fcntl
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import load, stream
from specimens import unpacked

from pymo_bluesky import export, open_dataset, replay
from pymo_bluesky.errors import FormatError, MissingExtraError, NotFoundError, PymoError
from pymo_bluesky.layouts.attributes import decode, encode
from pymo_bluesky.layouts.dates import read_date
from pymo_bluesky.layouts.pickled import plain_value

LAYOUTS = ("pymodaq5", "pymodaq3")


def exported(name, folder, layout="pymodaq5"):
    documents = load(stream(name))
    return Path(export(documents, folder, name, layout=layout)["pymodaq"][0])


def events(name, of="primary"):
    documents = load(stream(name))
    uids = {
        doc["uid"]
        for kind, doc in documents
        if kind == "descriptor" and doc["name"] == of
    }
    return [d for kind, d in documents if kind == "event" and d["descriptor"] in uids]


@pytest.fixture(params=LAYOUTS)
def snaked(request, tmp_path):
    """A snaked grid of ours, in each layout."""
    return exported("p05", tmp_path, request.param)


@pytest.fixture
def real(tmp_path):
    """A two-dimensional scan that PyMoDAQ 5.3.8 wrote."""
    return unpacked("5.3.8/h5py/scan2d", tmp_path)


# ------------------------------------------------------------------ what it looks like


def test_a_grid_shows_its_points_where_they_were_measured(snaked):
    scan = open_dataset(snaked).scans[0]
    assert scan.shape == (4, 5)
    assert [axis.label for axis in scan.axes] == ["motor1", "motor2"]
    (detector,) = scan.detectors
    found = np.asarray(detector.arrays["det4"].data)
    positions = [np.asarray(axis.values) for axis in scan.axes]
    for event in events("p05"):
        place = tuple(
            int(np.abs(values - event["data"][f"{motor}_setpoint"]).argmin())
            for motor, values in zip(("motor1", "motor2"), positions, strict=True)
        )
        assert found[place] == event["data"]["det4"]


def test_it_tells_the_order_of_visiting(snaked):
    scan = open_dataset(snaked).scans[0]
    expected = np.arange(20).reshape(4, 5)
    expected[1::2] = expected[1::2, ::-1].copy()
    if (
        open_dataset(snaked).layout == "pymodaq3"
    ):  # ascending axes, whatever was scanned
        assert sorted(scan.visits) == list(range(20))
    else:
        assert scan.visits.tolist() == expected.reshape(-1).tolist()
    assert scan.visited.all()
    assert scan.visited.shape == scan.shape
    assert scan.timestamps.data.shape == scan.shape


def test_it_tells_what_was_not_visited(tmp_path):
    scan = open_dataset(unpacked("5.3.8/h5py_swmr/scan2d_aborted", tmp_path)).scans[0]
    assert scan.visited.sum() == len(scan.visits) == 5
    diode = scan.detectors[1].arrays["PD1"].data[()]
    assert np.array_equal(np.isnan(diode), ~scan.visited)


def test_attributes_are_decoded_and_dates_put_right(real, snaked):
    dataset = open_dataset(real)
    assert dataset.attributes["author"] == "Ada Lovelace"
    assert dataset.attributes["sample"] == "sample-é1"
    # PyMoDAQ stored '22/13/2026 16:11:30': minutes and months change places.
    assert dataset.scans[0].attributes["date_time"] == "2026-11-22 16:13:30"
    assert dataset.scans[0].time.minute == 13
    ours = open_dataset(snaked).scans[0]
    start = load(stream("p05"))[0][1]
    assert ours.uid == start["uid"]
    assert ours.attributes["plan_name"] == "grid_scan"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22/05/2026 16:11:18", "2026-11-22T16:05:18"),
        ("22/53/2026 15:11:33", "2026-11-22T15:53:33"),
        ("30/05/2020 10:45:00", "2020-05-30T10:45:00"),  # 45 is no month: as it reads
        ("30/45/2020 10:45:00", None),
        ("2026-11-22 15:55:00", "2026-11-22T15:55:00"),
        ("yesterday", None),
        (b"22/05/2026", None),
        (None, None),
    ],
)
def test_a_date_with_minutes_and_months_exchanged(text, expected):
    found = read_date(text)
    assert (found and found.isoformat()) == expected


@pytest.mark.parametrize("text", ["mm", "", "it's", "a\\b", "np.int64(3)", "µ\n", "'"])
def test_texts_of_attributes_are_what_was_written(text):
    assert decode(encode("units", text)) == text


@pytest.mark.parametrize("name", ["p05", "p18", "p23"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_ends_of_a_scan_are_its_start_and_how_it_ended(name, layout, tmp_path):
    documents = load(stream(name))
    stop = next((doc for kind, doc in documents if kind == "stop"), {})
    with open_dataset(exported(name, tmp_path, layout)) as dataset:
        start, status = dataset.ends(dataset.scans[0])
    assert start == documents[0][1]
    assert status == stop.get("exit_status", "no stop")


def test_a_scan_whose_last_document_is_cut_off_has_its_start(snaked):
    with h5py.File(snaked, "r+") as file:
        (raw,) = (name for name in file if name.lower().startswith("raw"))
        loose = file[f"{raw}/Scan000/Documents/Loose"]
        loose.resize((len(loose) - 9,))
    with open_dataset(snaked) as dataset:
        start, status = dataset.ends(dataset.scans[0])
    assert (start["plan_name"], status) == ("grid_scan", "success")


def test_the_end_of_very_many_documents_is_not_looked_for(tmp_path):
    """A scan has one document for each frame of a camera that writes files."""
    start = {"uid": "4b1d", "time": 0.0, "note": "x" * 2**20}
    stop = {"uid": "5c2e", "run_start": "4b1d", "time": 1.0, "exit_status": "abort"}
    (path,) = export([("start", start), ("stop", stop)], tmp_path, "a")["pymodaq"]
    with h5py.File(path, "r+") as file:
        name = "exit_status"
        value = file["RawData/Scan000"].attrs[name].replace(b"abort", b"other")
        file["RawData/Scan000"].attrs[name] = value
    with open_dataset(path) as dataset:
        assert dataset.ends(dataset.scans[0])[1] == "other"


def test_texts_that_grow_are_unpacked_in_small_pieces(snaked):
    """A listing unpacks one of each scan."""
    with h5py.File(snaked) as file:
        (raw,) = (name for name in file if name.lower().startswith("raw"))
        assert file[f"{raw}/Scan000/Documents/Loose"].chunks == (8192,)


def test_settings_are_a_tree_and_rois_are_told(real):
    scan = open_dataset(real).scans[0]
    camera = scan.detectors[0]
    tau = scan.actuators[0].settings.find("daq_move_settings/actuator_settings/tau")
    assert (tau.title, tau.value) == ("Tau (ms):", 500)
    assert camera.settings.find("daq_viewer_settings/main_settings") is not None
    assert [(roi.name, roi.roi_type) for roi in camera.rois] == [("ROI_00", "RectROI")]
    assert len(scan.rois) == 2
    assert scan.settings.find("daq_scan_settings") is not None


def test_streams_are_found_by_name(tmp_path):
    scan = open_dataset(exported("p13", tmp_path)).scans[0]
    assert list(scan.streams) == ["baseline", "beam_current_monitor"]
    current = scan.streams["beam_current_monitor"].detectors[0]
    expected = [
        event["data"]["beam_current"]
        for event in events("p13", current.title + "_monitor")
    ]
    assert current.arrays["beam_current"].data[()].tolist() == expected


def test_modules_of_a_data_logger_are_detectors_with_times_of_their_own(tmp_path):
    (scan,) = open_dataset(unpacked("5.3.8/h5py_swmr/logger", tmp_path)).scans
    assert scan.shape == ()
    lengths = {
        name: len(stream.axes[0].values) for name, stream in scan.streams.items()
    }
    assert lengths == {"Det0D": 5, "Det1D": 5, "Xaxis": 8}
    assert [m.title for m in scan.detectors] == ["Det2D", "Det0D", "Det1D"]


def test_log_lines_are_text(tmp_path, snaked):
    custom = open_dataset(unpacked("5.3.8/h5py/custom_errors_nd", tmp_path))
    assert custom.log == ["first log message é", "second"]
    uid = load(stream("p05"))[0][1]["uid"]
    assert any(uid in line for line in open_dataset(snaked).log)


def test_reprs_are_one_short_line(real):
    dataset = open_dataset(real)
    scan = dataset.scans[0]
    shown = [repr(part) for part in (dataset, dataset.scans, scan, scan.trunk)]
    shown += [repr(module) for module in scan.detectors]
    assert all(len(text) < 120 and "\n" not in text for text in shown)
    assert "4 x 3 points over Power, Xaxis" in repr(scan)


def test_the_tree_shows_it_all(real):
    dataset = open_dataset(real)
    text = dataset.tree()
    for part in (
        "Scan000",
        "axis Power: 4 values, 0 to 3 mW",
        "cam: 4 x 3 x 6 x 8, uint16",
    ):
        assert part in text
    assert "Tau (ms): 500" in text
    assert "Tau" not in dataset.tree(settings=False)
    assert "Tau (ms): 500" in dataset.scans[0].tree()


def test_xarray_has_dimensions_by_axes_and_units(real):
    xarray = pytest.importorskip("xarray")
    found = open_dataset(real).scans[0].to_xarray()
    assert isinstance(found, xarray.Dataset)
    assert found["PD1"].dims == ("Power", "Xaxis")
    assert found["Power"].attrs["units"] == "mW"
    assert found["spec"].shape == (4, 3, 20)


def test_without_xarray_the_extra_is_named(real, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(MissingExtraError, match="xarray"):
        open_dataset(real).scans[0].to_xarray()


# ----------------------------------------------------------------- which scan is meant


def test_a_scan_is_found_by_place_name_and_uid(tmp_path):
    path = exported("p16", tmp_path)
    runs = [doc["uid"] for kind, doc in load(stream("p16")) if kind == "start"]
    scans = open_dataset(path).scans
    assert [scan.uid for scan in scans] == runs
    assert scans[-1].name == scans["Scan001"].name == scans[runs[1]].name == "Scan001"
    assert [scan.number for scan in scans[:1]] == [0]
    assert [
        doc["uid"] for kind, doc in replay(path, scan=-1) if kind == "start"
    ] == runs[1:]


@pytest.mark.parametrize("which", [2, -3, "Scan007", "no-such-uid", ""])
def test_a_scan_that_is_not_there_is_told_with_those_that_are(which, tmp_path):
    path = exported("p16", tmp_path)
    with pytest.raises(NotFoundError, match="Scan000, Scan001"):
        list(replay(path, scan=which))
    with pytest.raises(NotFoundError, match=r"p16\.h5"):
        open_dataset(path).scans[which]


# ---------------------------------------------------------------- the file on the disk


def held(path) -> bool:
    """Whether a writer would have to wait."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_dataset_is_held_only_in_a_with_block(real):
    dataset = open_dataset(real)
    array = dataset.scans[0].detectors[1].arrays["PD1"].data
    assert array[0, 0] == 1.5
    assert not held(real)
    with dataset:
        assert held(real)
        assert array[0, 0] == 1.5
        assert held(real)
    assert not held(real)
    assert array[0, 0] == 1.5, "an array outlives the block"
    dataset.close()
    assert dataset.scans[0].shape == (4, 3)


def test_values_are_read_when_they_are_indexed(real, monkeypatch):
    read = []
    original = h5py.Dataset.__getitem__

    def noted(self, *args, **options):
        read.append(self.name)
        return original(self, *args, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noted)
    scan = open_dataset(real).scans[0]
    images = scan.detectors[0].arrays["cam"].data
    assert not [name for name in read if "/Data00" in name and "Timestamps" not in name]
    assert images[1, 2].shape == (6, 8)
    assert read[-1].endswith("Detector000/Data2D/CH00/Data00")


def test_nothing_is_written_whatever_is_asked(real, snaked):
    for path in (real, snaked):
        before = path.read_bytes()
        with open_dataset(path) as dataset:
            dataset.tree()
            list(replay(path))
            assert dataset.problems is not None
        assert path.read_bytes() == before


def test_the_path_can_be_text_and_its_folder_can_move(real, tmp_path):
    moved = tmp_path / "elsewhere" / "dataset.h5"
    moved.parent.mkdir()
    shutil.copy(real, moved)
    assert open_dataset(str(moved)).scans[0].shape == (4, 3)


# -------------------------------------------------------------- what is not understood


def test_what_no_row_knows_is_an_extra_and_the_rest_is_read(real):
    with h5py.File(real, "r+") as file:
        file["RawData"].create_group("Notes").attrs["CLASS"] = "GROUP"
        file["RawData/Scan000/Detector001"].create_dataset("odd", data=[1, 2])
    dataset = open_dataset(real)
    assert dataset.extras == ("/RawData/Notes",)
    assert dataset.scans[0].extras == ("/RawData/Scan000/Detector001/odd",)
    told = {problem.loc: problem.severity for problem in dataset.problems}
    assert told == dict.fromkeys([*dataset.extras, *dataset.scans[0].extras], "warning")
    assert dataset.scans[0].detectors[1].arrays["PD1"].data.shape == (4, 3)


def test_settings_that_cannot_be_read_stay_text_and_are_told(real):
    with h5py.File(real, "r+") as file:
        file["RawData/Scan000/Detector001"].attrs["settings"] = "<open"
    scan = open_dataset(real).scans[0]
    diode = scan.detectors[1]
    assert diode.settings is None
    assert diode.settings_xml == b"<open"
    (problem,) = scan.problems
    assert problem.severity == "warning"
    assert "Det0D" in problem.loc


def test_a_damaged_scan_leaves_the_others_readable(tmp_path):
    path = unpacked("5.3.8/tables/scan_multi", tmp_path)
    with h5py.File(path, "r+") as file:
        del file["RawData/Scan000/NavAxes/Axis00"].attrs["index"]
        file["RawData/Scan000/Detector001/Data0D/CH00/Data00"].attrs["nav_indexes"] = 3
    dataset = open_dataset(path)
    assert dataset.scans[2].shape == (5,)
    assert dataset.scans[2].detectors[1].arrays["PD1"].data.shape == (5,)


# ------------------------------------------------------------- files that are not ones


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(NotFoundError, match=r"there is no file .*nothing\.h5"):
        open_dataset(tmp_path / "nothing.h5")


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n"])
def test_what_is_not_hdf5_is_told(content, tmp_path):
    path = tmp_path / "text.h5"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"text\.h5 cannot be opened as HDF5"):
        open_dataset(path)


def test_hdf5_of_others_is_told_with_what_it_holds(tmp_path):
    path = tmp_path / "nexus.h5"
    with h5py.File(path, "w") as file:
        file.create_group("entry")
    with pytest.raises(FormatError, match="its root holds entry, where RawData"):
        open_dataset(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_file_is_told(real, share):
    data = real.read_bytes()
    real.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FormatError, match=r"is cut off.*recover"):
        open_dataset(real)


def test_every_error_is_one_of_ours(tmp_path):
    with pytest.raises(PymoError):
        list(replay(tmp_path))


# --------------------------------------------------------------- values out of pickles


@pytest.mark.parametrize(
    ("pickled", "value"),
    [
        (b"(I4\nI3\ntp0\n.", (4, 3)),
        (b"(lp0\nI4\naI3\na.", [4, 3]),
        (b"\x80\x04\x95\x08\x00\x00\x00\x00\x00\x00\x00\x8c\x04text\x94.", "text"),
        (b"\x80\x03X\x05\x00\x00\x00caf\xc3\xa9q\x00.", "café"),
        (b"N.", None),
        (b"(dp0\nVa\np1\nI1\ns.", {"a": 1}),
    ],
)
def test_plain_values_come_out_of_pickles(pickled, value):
    assert plain_value(pickled) == value


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch canary'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
        b"(I1\nI2\n",
        b"",
        b".",
        b"(t" * 200_000 + b".",
        b"(lp0\ng0\na.",  # a list in itself
        b"\x80\x04]\x94h\x00h\x00\x86\x94h\x01h\x01\x86.",  # doubled again and again
    ],
)
def test_anything_else_in_a_pickle_is_refused(pickled):
    with pytest.raises(ValueError, match="pickle"):
        plain_value(pickled)
