"""Files that PyMoDAQ itself wrote replay as bluesky documents, the same everywhere."""

import io
import shutil
from contextlib import redirect_stdout

import h5py
import numpy as np
import pytest
from event_model import DocumentNames, schema_validators
from exactness import assert_same_documents
from exactness import unpacked as unpaged
from specimens import SPECIMENS, of_version, unpacked

from pymo_bluesky import export, open_dataset, replay, validate
from pymo_bluesky.model import Module
from pymo_bluesky.recording.configuring import settings_of
from pymo_bluesky.settings import SettingEntry, from_xml, module_settings
from pymo_bluesky.synthesis.configuration import configured

EVERY = pytest.mark.parametrize("specimen", SPECIMENS)
SCANS = [name for name in SPECIMENS if "scan" in name or "tabular" in name]


def documents(path, **options):
    return list(replay(path, **options))


def of_kind(documents, kind):
    return [doc for name, doc in documents if name == kind]


# ----------------------------------------------------------------------- what they are


@EVERY
@pytest.mark.parametrize("pages", [False, True])
def test_documents_are_valid(specimen, pages, tmp_path):
    for name, doc in documents(unpacked(specimen, tmp_path), pages=pages):
        schema_validators[DocumentNames[name]].validate(doc)


@EVERY
def test_pages_hold_the_events(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    assert_same_documents(documents(path), unpaged(replay(path, pages=True)))


@EVERY
def test_each_event_holds_the_values_at_its_point(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    for scan in open_dataset(path).scans:
        found = list(scan.documents())
        names = {doc["uid"]: doc["name"] for doc in of_kind(found, "descriptor")}
        streams = {"primary": scan.trunk, **scan.streams}
        seen = dict.fromkeys(names.values(), 0)
        for event in of_kind(found, "event"):
            name = names[event["descriptor"]]
            stream = streams[name]
            row = seen[name]
            seen[name] += 1
            visits = stream.visits if stream.visits is not None else np.arange(10**6)
            point = np.unravel_index(visits[row], stream.shape) if stream.shape else ()
            for module in stream.modules:
                for channel in module.channels:
                    for array in channel.arrays:
                        (value,) = matching(event["data"], module, channel, array)
                        assert np.array_equal(value, array.data[point], equal_nan=True)


def matching(data, module, channel, array):
    """The values of an array in an event, under whichever name tells it apart."""
    names = (
        array.label,
        f"{module.title}_{array.label}",
        f"{module.title}_{channel.title}",
        f"{module.title}_{channel.title}_{array.label}",
    )
    return [data[name] for name in names if name in data][:1]


def test_a_start_tells_scan_type_shape_extents_and_dimensions(tmp_path):
    (start,) = of_kind(documents(unpacked("5.3.8/h5py/scan2d", tmp_path)), "start")
    assert start["shape"] == [4, 3]
    assert start["extents"] == [[0.0, 3.0], [10.0, 11.0]]
    dimensions = [[["Power"], "primary"], [["Xaxis"], "primary"]]
    assert start["hints"] == {"dimensions": dimensions, "gridding": "rectilinear"}
    assert start["motors"] == ["Power", "Xaxis"]
    assert start["detectors"] == ["Det2D", "Det0D", "Det1D"]
    assert (start["author"], start["sample"]) == ("Ada Lovelace", "sample-é1")
    about = start["pymodaq"]
    assert (about["version"], about["scan_type"]) == ("5.3.8", "Scan2D")
    assert about["guessed"] == []


def test_a_descriptor_tells_units_axes_settings_and_rois(tmp_path):
    path = unpacked("4.4.11/scan2d", tmp_path)
    (descriptor,) = of_kind(documents(path), "descriptor")
    keys = descriptor["data_keys"]
    assert keys["Xaxis"]["units"] == "µm"
    assert (keys["cam"]["dtype"], keys["cam"]["shape"]) == ("array", [6, 8])
    assert keys["cam"]["dtype_numpy"] == "<u2"
    assert descriptor["hints"]["Det 0D"]["fields"] == ["PD1", "PD2"]
    camera = descriptor["configuration"]["Det 2D"]
    about = camera["data_keys"]["Det 2D_Y"]
    assert about["units"] == "um"
    role = {"role": "axis", "of": ["cam"], "index": 0, "label": "Y"}
    assert about["pymodaq"] == role
    assert camera["data"]["Det 2D_Y"].tolist() == open_axis(path, "Y")
    settings = {
        about["pymodaq"]["path"]: camera["data"][key]
        for key, about in camera["data_keys"].items()
        if about["pymodaq"]["role"] == "setting"
    }
    assert settings["main_settings/Naverage"] == 1
    roi = {
        about["pymodaq"]["parameter"]: camera["data"][key]
        for key, about in camera["data_keys"].items()
        if about["pymodaq"]["role"] == "roi"
    }
    assert roi["roi_type"] == "RectROI"
    # PyMoDAQ 4 counts pixels from a corner; here it is the centre, in the axes' units.
    assert roi["position/x"] == pytest.approx(-1 + 4.0 * 2 / 7)
    assert roi["size/width"] == pytest.approx(2.0 * 2 / 7)


def open_axis(path, label):
    (scan,) = open_dataset(path).scans
    axes = [a for m in scan.detectors for c in m.channels for a in c.axes]
    return next(a.values.tolist() for a in axes if a.label == label)


def test_a_choice_of_items_tells_those_that_are_not_chosen(tmp_path):
    """Written again from its configuration, the setting is what it was."""
    choice = {"all_items": ["red", "green", "blue"], "selected": ["green"]}
    entry = SettingEntry(
        path="detector_settings/lines", value=choice, type="itemselect"
    )
    tree = module_settings("detector", "cam", [entry])
    module = Module(kind="detector", title="cam", settings=tree)
    (told,) = [one for one in configured(module, {}) if one[0].endswith("lines")]
    key, value, about = told
    assert value == ["green"]
    assert about["pymodaq"]["limits"] == choice["all_items"]
    configuration = {"data": {key: value}, "data_keys": {key: about}}
    again = from_xml(settings_of("detector", "cam", configuration, "pymodaq5"))
    (lines,) = [found for path, found in again.walk() if path.endswith("lines")]
    assert (lines.type, lines.value) == ("itemselect", choice)


def test_error_bars_and_backgrounds_are_data_of_their_own(tmp_path):
    (custom,) = of_kind(
        documents(unpacked("5.3.8/h5py/custom_errors_nd", tmp_path)), "descriptor"
    )
    role = custom["data_keys"]["b_error"]["pymodaq"]
    assert (role["role"], role["of"]) == ("error", "b")
    (snapshot,) = of_kind(
        documents(unpacked("4.4.11/snapshot_det1d_bkg", tmp_path)), "descriptor"
    )
    role = snapshot["data_keys"]["spec_background"]["pymodaq"]
    assert (role["role"], role["of"]) == ("background", "spec")


def test_a_data_logger_has_a_stream_for_each_module(tmp_path):
    found = documents(unpacked("5.3.8/h5py_swmr/logger", tmp_path))
    names = [doc["name"] for doc in of_kind(found, "descriptor")]
    assert names == ["Det0D", "Det1D", "Xaxis"]
    (stop,) = of_kind(found, "stop")
    assert stop["num_events"] == {"Det0D": 5, "Det1D": 5, "Xaxis": 8}
    # The logger noted when each value came: those are the times of the events.
    times = [event["time"] for event in of_kind(found, "event")[:5]]
    assert times == sorted(times)
    assert 1.795363e9 < times[0] < 1.795365e9


def test_thumbnails_travel_in_the_start(tmp_path):
    start = of_kind(documents(unpacked("1.4.2/dataset_scans", tmp_path)), "start")[1]
    pictures = start["pymodaq"]["thumbnails"]
    assert [p["path"].rpartition("/")[2] for p in pictures] == ["pixmap1D", "pixmap2D"]
    assert all(p["png"].startswith("iVBORw0KGgo") for p in pictures)


# ----------------------------------------------------------------- visited and guessed


@pytest.mark.parametrize(
    ("specimen", "scan", "events", "guessed"),
    [
        ("5.3.8/h5py_swmr/scan2d_aborted", 0, 5, False),
        ("4.4.11/scan2d_aborted", 0, 6, True),
        ("3.6.13/scan2D_0D_1D_2D_roi", 1, 5, True),
        ("2.2.6/scan2D_stopped", 0, 5, True),
        ("1.6.4/dataset_scans", 2, 5, True),
        ("1.4.2/dataset_scans", 2, 5, True),
    ],
)
def test_points_that_were_not_visited_are_no_events(
    specimen, scan, events, guessed, tmp_path
):
    found = documents(unpacked(specimen, tmp_path), scan=scan)
    (start,), (stop,) = of_kind(found, "start"), of_kind(found, "stop")
    assert stop["num_events"] == {"primary": events}
    assert len(of_kind(found, "event")) == events
    assert stop["exit_status"] == "abort"
    assert stop["reason"] == f"{events} of 12 points were visited"
    told = [g for g in start["pymodaq"]["guessed"] if "points visited" in g]
    assert bool(told) is guessed


def test_a_run_that_measured_nothing_has_failed(tmp_path):
    found = documents(unpacked("5.3.8/tables/scan_multi", tmp_path), scan=1)
    assert [name for name, _ in found] == ["start", "descriptor", "stop"]
    assert found[-1][1]["exit_status"] == "fail"


def test_what_is_assumed_is_said(tmp_path):
    start = of_kind(documents(unpacked("1.4.2/dataset_scans", tmp_path)), "start")[0]
    assert start["pymodaq"]["guessed"] == [
        "axes have no names; taken: Xaxis",
        "time: the file names no time zone; taken as UTC",
    ]


def test_a_snaked_scan_is_replayed_in_the_order_of_visiting(tmp_path):
    """PyMoDAQ 5 notes when each point was measured; here it went back and forth."""
    path = unpacked("5.3.8/h5py/scan2d", tmp_path)
    turned = np.arange(12.0).reshape(4, 3)
    turned[1::2] = turned[1::2, ::-1].copy()
    with h5py.File(path, "r+") as file:
        file["RawData/Scan000/Timestamps/Data0D/CH00/Data00"][...] = turned
    found = documents(path)
    values = [event["data"] for event in of_kind(found, "event")]
    positions = [(value["Power"], value["Xaxis"]) for value in values]
    assert positions[:6] == [(0, 10), (0, 10.5), (0, 11), (1, 11), (1, 10.5), (1, 10)]
    assert of_kind(found, "start")[0]["snaking"] == [False, True]
    images = [value["cam"] for value in values]
    array = open_dataset(path).scans[0].detectors[0].arrays["cam"].data
    assert np.array_equal(images[3], array[1, 2])


def test_points_amid_others_that_a_stopped_scan_did_not_reach_are_no_events(tmp_path):
    """Of a scan that turned and was stopped, without times to tell how it went."""
    path = unpacked("5.3.8/h5py/scan2d", tmp_path)
    with h5py.File(path, "r+") as file:
        scan = file["RawData/Scan000"]
        del scan["Timestamps"]

        def leave(name, node) -> None:
            """NaN, as PyMoDAQ's saver begins, at all but five points of (4, 3)."""
            data = name.startswith("Detector") and "/Data0" in name
            if isinstance(node, h5py.Dataset) and data:
                values = node[()]
                empty = np.nan if values.dtype.kind == "f" else 0
                values[1, 0] = values[2:] = empty
                node[...] = values

        scan.visititems(leave)
    found = documents(path)
    (start,), (stop,) = of_kind(found, "start"), of_kind(found, "stop")
    positions = [
        (event["data"]["Power"], event["data"]["Xaxis"])
        for event in of_kind(found, "event")
    ]
    assert positions == [(0, 10), (0, 10.5), (0, 11), (1, 10.5), (1, 11)]
    assert stop["exit_status"] == "abort"
    assert any("1 amid them" in told for told in start["pymodaq"]["guessed"])


@pytest.mark.parametrize("alone", [False, True], ids=["beside channels", "alone"])
@pytest.mark.parametrize(
    ("specimen", "detector"),
    [
        ("1.6.4/dataset_scans", "Raw_datas/Scan000/Detector000"),
        ("2.2.6/scan2D_stopped", "Raw_datas/Scan000/Detector000"),
        ("5.3.8/h5py/scan2d", "RawData/Scan000/Detector000"),
        ("4.4.11/snapshot_det1d_bkg", "RawData/Detector000"),
    ],
)
def test_arrays_that_a_script_put_into_a_detector_are_channels(
    specimen, detector, alone, tmp_path
):
    path = unpacked(specimen, tmp_path)
    shape = open_dataset(path).scans[0].shape
    values = 1.0 + np.arange(3 * int(np.prod(shape))).reshape(*shape, 3)
    with h5py.File(path, "r+") as file:
        if alone:
            for name in list(file[detector]):
                del file[detector][name]
        file[detector]["words"] = np.array([b"a", b"b"])
        if shape:  # of another shape than the scan's
            file[detector]["a spectrum"] = np.arange(1024.0)
        file[detector]["power"] = values
    found = documents(path, scan=0)
    (start,) = of_kind(found, "start")
    assert any(f"/{detector}/power" in text for text in start["pymodaq"]["guessed"])
    strange = {"words", "a spectrum"} if shape else {"words"}
    assert set(start["pymodaq"]["unknown"]) == {f"/{detector}/{n}" for n in strange}
    assert set(start["pymodaq"]["unknown"]) == {
        problem.loc for problem in validate(path) if problem.kind == "not-recognised"
    }
    events = of_kind(found, "event")
    taken = np.array([event["data"]["power"] for event in events])
    assert np.array_equal(np.unique(taken), np.unique(values))


def test_names_with_dots_and_slashes_become_keys_that_documents_allow(tmp_path):
    path = unpacked("1.6.4/dataset_scans", tmp_path)
    with h5py.File(path, "r+") as file:
        file["Raw_datas/Scan000/Detector000"].attrs["name"] = "I/I0 v1.2"
    found = documents(path, scan=0)
    for name, doc in found:
        schema_validators[DocumentNames[name]].validate(doc)
    (start,), (descriptor,) = of_kind(found, "start"), of_kind(found, "descriptor")
    assert "I_I0 v1_2" in descriptor["object_keys"]
    assert start["pymodaq"]["titles"] == {"I_I0 v1_2": "I/I0 v1.2"}
    (again,) = export(found, tmp_path, "again")["pymodaq"]
    (scan,) = open_dataset(again).scans
    assert "I/I0 v1.2" in [module.title for module in scan.detectors]


def test_positions_that_an_axis_does_not_tell_are_nan(tmp_path):
    path = unpacked("1.6.4/dataset_scans", tmp_path)
    with h5py.File(path, "r+") as file:
        scan = file["Raw_datas/Scan000"]
        attributes, values = dict(scan["Scan_x_axis"].attrs), scan["Scan_x_axis"][()]
        del scan["Scan_x_axis"]
        scan["Scan_x_axis"] = values[:-1]
        scan["Scan_x_axis"].attrs.update(attributes)
    found = documents(path, scan=0)
    positions = [event["data"]["Xaxis"] for event in of_kind(found, "event")]
    assert np.array_equal(positions, [*values[:-1], np.nan], equal_nan=True)
    (start,) = of_kind(found, "start")
    assert any("the others are NaN" in g for g in start["pymodaq"]["guessed"])
    assert "plan_pattern" not in start


# --------------------------------------------------------------------- always the same


@EVERY
def test_the_same_documents_come_each_time_and_from_each_copy(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    copy = shutil.copy(path, tmp_path / "another name.h5")
    assert_same_documents(documents(path), documents(copy))


@pytest.mark.parametrize(
    "specimen",
    ["5.3.8/tables/scan_multi", "3.6.13/scan2D_0D_1D_2D_roi", "1.6.4/dataset_scans"],
)
def test_other_scans_have_no_part_in_a_scan(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    before = documents(path, scan=-1)
    raw = "RawData" if specimen.startswith("5") else "Raw_datas"
    with h5py.File(path, "r+") as file:
        del file[f"{raw}/Scan000"]
    assert_same_documents(before, documents(path, scan=-1))


def rewritten(path, target):
    """A file as the h5py backend would have written it: text of variable length."""

    def copy(old, new):
        for name, value in old.attrs.items():
            if isinstance(value, h5py.Empty):
                value = ""
            new.attrs[name] = value.decode() if isinstance(value, np.bytes_) else value
        for name, child in old.items() if isinstance(old, h5py.Group) else ():
            if isinstance(child, h5py.Group):
                copy(child, new.create_group(name))
            else:
                copy(child, new.create_dataset(name, data=child[()], dtype=child.dtype))

    with h5py.File(path, "r") as old, h5py.File(target, "w") as new:
        copy(old, new)
    return target


@pytest.mark.parametrize(
    "specimen", ["5.3.8/tables/scan_multi", "4.4.11/scan2d", "3.6.13/tabular"]
)
def test_the_library_that_wrote_a_file_has_no_part_in_it(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    before, after = documents(path), documents(rewritten(path, tmp_path / "new.h5"))
    assert [doc["uid"] for _, doc in before] == [doc["uid"] for _, doc in after]
    assert_same_documents(before, after)


def test_uids_of_different_scans_differ(tmp_path):
    starts = [
        start["uid"]
        for specimen in SPECIMENS
        for start in of_kind(documents(unpacked(specimen, tmp_path)), "start")
    ]
    assert len(set(starts)) == len(starts) > 30


# ---------------------------------------------------------------------- used by others


@pytest.mark.parametrize("specimen", SCANS)
@pytest.mark.parametrize("layout", ["pymodaq5", "pymodaq3"])
def test_written_again_they_make_an_equal_scan(specimen, layout, tmp_path):
    for number, old in enumerate(open_dataset(unpacked(specimen, tmp_path)).scans):
        again = export(old.documents(), tmp_path / layout, f"{number}", layout=layout)
        (path,) = again["pymodaq"]
        new = open_dataset(path).scans[0]
        assert [p for p in validate(path) if p.severity == "error"] == []
        if not of_kind(old.documents(), "event"):
            continue
        assert new.shape == old.shape
        for before, after in zip(old.axes, new.axes, strict=True):
            assert (after.label, after.units) == (before.label, before.units)
            assert np.array_equal(after.values, before.values)
        assert_same_arrays(old, new)


def assert_same_arrays(old, new):
    found = {
        label: array for module in new.modules for label, array in module.arrays.items()
    }
    for module in old.detectors:
        for channel in module.channels:
            for array in channel.arrays:
                (again,) = matching(found, module, channel, array)
                before, after = array.data[()], again.data[()]
                # Where 1.x to 4.x left zeros, there is NaN for what was not visited.
                assert np.array_equal(np.nan_to_num(after), np.nan_to_num(before))


SHOWN = [*of_version("1.4", "3.6"), "5.3.8/h5py/scan2d"]
QUICK = ("3.6.13/tabular", "5.3.8/h5py/scan2d")


@pytest.mark.parametrize(
    "specimen",
    [s if s in QUICK else pytest.param(s, marks=pytest.mark.slow) for s in SHOWN],
)
@pytest.mark.filterwarnings("default:divide by zero:RuntimeWarning")  # in its PeakStats
def test_the_best_effort_callback_shows_a_table_and_a_plot(specimen, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from bluesky.callbacks.best_effort import BestEffortCallback

    shown = io.StringIO()
    callback = BestEffortCallback()
    found = documents(unpacked(specimen, tmp_path))
    with redirect_stdout(shown):
        for name, doc in found:
            callback(name, doc)
    text = shown.getvalue()
    assert "exception" not in text
    for start in of_kind(found, "start"):
        assert start["uid"] in text
