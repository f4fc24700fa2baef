"""Old files become new ones: nothing is lost, nothing is touched, nothing replaced."""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import variants
from corpus import load, stream
from exactness import assert_same_documents
from specimens import SPECIMENS, unpacked

from pymo_bluesky import convert, export, open_dataset, replay, validate, verify
from pymo_bluesky.cli import main
from pymo_bluesky.converting import original
from pymo_bluesky.converting.drafting import draft_of
from pymo_bluesky.errors import (
    DatasetBusyError,
    FormatError,
    LayoutError,
    NotFoundError,
    WriteError,
)
from pymo_bluesky.isolation import Limits

EVERY = pytest.mark.parametrize("specimen", SPECIMENS)
LAYOUTS = pytest.mark.parametrize("layout", ["pymodaq5", "pymodaq3"])
# One of each generation: quick enough for every run of the suite.
SOME = (
    "1.4.2/viewer_single_Det1D",
    "1.6.4/dataset_scans",
    "2.2.6/viewer_single_Det2D_roi",
    "3.6.13/tabular",
    "4.4.11/snapshot_det1d_bkg",
    "5.3.8/h5py/custom_errors_nd",
    "5.3.8/h5py_swmr/logger",
)

SMALL = (
    "1.4.2/viewer_single_Det0D",
    "1.4.2/viewer_single_Det1D",
    "1.6.4/viewer_single_Det1D",
    "5.3.8/tables/compressed_scan",
)


@pytest.fixture
def lab(tmp_path) -> Path:
    """A folder of files as years leave it."""
    for n, specimen in enumerate(SMALL):
        folder = tmp_path / "old" / str(2019 + n)
        folder.mkdir(parents=True)
        unpacked(specimen, folder)
    return tmp_path / "old"


def converted(path: Path, layout: str = "pymodaq5") -> Path:
    target = path.with_name(f"{layout}-{path.name}")
    convert(path, target, layout)
    return target


# ------------------------------------------------------------------- nothing is lost


def every(scan):
    """Modules of all streams of a scan."""
    streams = (scan.trunk, *scan.streams.values())
    return [module for stream in streams for module in stream.modules]


def assert_equal_files(old: Path, new: Path) -> None:
    assert_same_documents(list(replay(old)), list(replay(new)))
    before, after = open_dataset(old), open_dataset(new)
    assert after.log == before.log
    for key in ("author", "sample", "experiment_type", "date_time"):
        assert (after.attributes.get(key) or "") == (before.attributes.get(key) or "")
    for one, other in zip(before.scans, after.scans, strict=True):
        modules = {(module.kind, module.title): module for module in every(other)}
        for module in every(one):
            again = modules[module.kind, module.title]
            assert [roi.name for roi in again.rois] == [roi.name for roi in module.rois]
        assert set(one.pictures.values()) - set(other.pictures.values()) == set()
    assert [p for p in validate(new) if p.severity == "error"] == []


@pytest.mark.parametrize("specimen", SOME)
@LAYOUTS
def test_a_new_file_gives_back_what_the_old_one_held(specimen, layout, tmp_path):
    old = unpacked(specimen, tmp_path)
    old.chmod(0o444)
    before = old.read_bytes(), old.stat().st_mtime_ns
    assert_equal_files(old, converted(old, layout))
    assert (old.read_bytes(), old.stat().st_mtime_ns) == before


@pytest.mark.slow
@EVERY
@LAYOUTS
def test_every_specimen_becomes_an_equal_new_file(specimen, layout, tmp_path):
    old = unpacked(specimen, tmp_path)
    assert_equal_files(old, converted(old, layout))


def stored(path: Path) -> dict[str, dict[str, object]]:
    """All attributes of a file, by plain h5py."""
    found: dict[str, dict[str, object]] = {}

    def visit(name, node):
        found[f"/{name}"] = dict(node.attrs)

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    return found


def same_value(one, other) -> bool:
    if isinstance(one, h5py.Empty):
        return other == ""
    as_bytes = [v.encode() if isinstance(v, str) else v for v in (one, other)]
    if isinstance(one, (bytes, str)):
        # h5py ends text at its first NUL, which pictures have; nothing else may differ.
        return bytes(as_bytes[1]).startswith(bytes(as_bytes[0]))
    return bool(np.array_equal(one, other))


@pytest.mark.parametrize("specimen", SOME[2:6])
def test_every_attribute_of_every_node_is_kept_as_it_was_stored(specimen, tmp_path):
    old = unpacked(specimen, tmp_path)
    nodes = {node.path: node for node in original(converted(old))}
    expected = stored(old)
    assert set(nodes) == set(expected)
    for path, attributes in expected.items():
        found = nodes[path].attributes
        assert set(found) == set(attributes)
        for name, value in attributes.items():
            assert same_value(value, found[name]), f"{path}@{name}"


@pytest.mark.parametrize("specimen", SOME[2:6])
def test_every_array_is_in_a_scan_or_kept(specimen, tmp_path):
    old = unpacked(specimen, tmp_path)
    new = converted(old)
    with h5py.File(old) as file:
        for node in original(new):
            if not node.is_array:
                assert isinstance(file[node.path], h5py.Group)
                continue
            assert node.where, node.path
            if node.where in ("scan", "log"):
                continue
            values, found = file[node.path][()], node.values
            if not isinstance(found, list):
                found = np.asarray(found)
                assert found.dtype == values.dtype
            assert len(found) == len(values)
            for one, other in zip(values, found, strict=True):
                assert np.array_equal(one, other)


def test_what_people_added_by_hand_is_kept_and_told(tmp_path):
    old = unpacked("3.6.13/tabular", tmp_path)
    with h5py.File(old, "r+") as file:
        variants.with_own_nodes(file)
        variants.with_own_attributes(file)
    new = tmp_path / "new.h5"
    (result,) = convert(old, new)
    assert "/Raw_datas/Scan000/My notes" in result.kept
    assert "/Raw_datas/Scan000@comment" in result.kept
    assert "/Raw_datas/Scan000/Detector000/Data0D/Ch000/Data@operator" in result.kept
    nodes = {node.path: node for node in original(new)}
    notes = "/Raw_datas/Scan000/My notes"
    assert nodes[notes].attributes["why"] == "because"
    values = {name: nodes[f"{notes}/{name}"].values for name in ("spectrum", "complex")}
    assert np.array_equal(values["spectrum"], np.linspace(0, 1, 7))
    assert np.array_equal(values["complex"], np.array([1j, 2]))
    assert nodes[f"{notes}/words"].values == ["é".encode(), b"b"]
    (row,) = nodes[f"{notes}/table"].values
    assert (row["a"], row["b"]) == (1, 2.5)
    assert nodes[f"{notes}/scalar"].values == [3.5]
    assert nodes["/Raw_datas/Scan000"].attributes["temperature"] == 295.5


def test_arrays_that_a_script_put_into_a_detector_are_in_the_scan_or_kept(tmp_path):
    old, new = unpacked("2.2.6/scan2D_stopped", tmp_path), tmp_path / "new.h5"
    detector = "/Raw_datas/Scan000/Detector000"
    with h5py.File(old, "r+") as file:
        file[detector]["power"] = 1.0 + np.arange(12).reshape(4, 3)
        file[detector]["a spectrum"] = np.arange(1024.0)
    (result,) = convert(old, new)
    kept = {path for path in result.kept if path.startswith(f"{detector}/")}
    assert {path for path in kept if "@" not in path} == {f"{detector}/a spectrum"}
    nodes = {node.path: node for node in original(new)}
    assert nodes[f"{detector}/power"].where == "scan"
    assert np.array_equal(nodes[f"{detector}/a spectrum"].values, np.arange(1024.0))
    assert_same_documents(replay(old), replay(new))


def test_an_array_that_was_added_to_a_scan_of_ours_is_kept(tmp_path):
    """Its documents do not hold it, though it looks like a channel."""
    (path,) = export(load(stream("p11")), tmp_path, "ours")["pymodaq"]
    added = "/RawData/Scan000/Detector000/power"
    with h5py.File(path, "r+") as file:
        file[added] = np.arange(5.0)
    (result,) = convert(path, tmp_path / "new.h5", "pymodaq3")
    assert added in result.kept
    (node,) = [node for node in original(tmp_path / "new.h5") if node.path == added]
    assert np.array_equal(node.values, np.arange(5.0))


def test_values_where_nothing_was_visited_are_kept(tmp_path):
    """PyMoDAQ 5 tells what was visited; what stands elsewhere is no event."""
    old = unpacked("5.3.8/h5py_swmr/scan2d_aborted", tmp_path)
    where = "/RawData/Scan000/Detector000"
    with h5py.File(old, "r+") as file:
        names = [n for n in file if n]
        assert names
        arrays = []
        file[where].visititems(
            lambda name, node: (
                arrays.append(f"{where}/{name}") if "/Data00" in f"/{name}" else None
            )
        )
        file[arrays[0]][-1, -1] = 7
    nodes = {node.path: node for node in original(converted(old))}
    assert nodes[arrays[0]].where.startswith("Array")
    assert np.all(np.asarray(nodes[arrays[0]].values)[-1, -1] == 7)


def test_a_log_row_that_is_no_text_is_kept_as_it_was(tmp_path):
    old = unpacked("1.6.4/dataset_scans", tmp_path)
    with h5py.File(old, "r+") as file:
        variants.with_a_hostile_log(file)
    new = converted(old)
    assert open_dataset(new).log[-1] == "a line"
    nodes = {node.path: node for node in original(new)}
    rows = [bytes(np.asarray(row)) for row in nodes["/Raw_datas/Logger"].values]
    assert b"cos\nabort\n(tR." in rows
    with h5py.File(new) as file:  # nothing that PyMoDAQ would unpickle
        log = [bytes(row) for row in file["RawData/Logger"][()]]
    assert not [row for row in log if b"abort" in row]


def test_the_seed_of_a_file_is_told(tmp_path):
    old = unpacked("2.2.6/scan2D_stopped", tmp_path)
    with h5py.File(converted(old)) as file:
        about = {k: str(v) for k, v in file["Original"].attrs.items()}
    assert old.name in about["source"]
    assert "2.2.6" in about["source_version"]
    assert "pymodaq3" in about["source_layout"]


# --------------------------------------------------------------------- files of ours


def test_a_file_of_ours_in_another_layout_replays_alike(tmp_path):
    documents = [*load(stream("p02")), *load(stream("p05"))]
    (path,) = export(documents, tmp_path, "ours")["pymodaq"]
    new = converted(Path(path), "pymodaq3")
    assert open_dataset(new).layout == "pymodaq3"
    assert_same_documents(documents, list(replay(new)))
    back = tmp_path / "back.h5"
    convert(new, back, "pymodaq5")
    assert_same_documents(documents, list(replay(back)))


def test_a_file_of_ours_in_the_layout_asked_for_is_copied(tmp_path):
    (path,) = export(load(stream("p02")), tmp_path, "ours")["pymodaq"]
    new = converted(Path(path))
    assert new.read_bytes() == Path(path).read_bytes()
    assert [r.status for r in convert(path, new)] == ["skipped"]
    with pytest.raises(NotFoundError, match="no group Original"):
        list(original(new))


# ---------------------------------------------------------- never replaced, never half


def test_what_is_there_is_not_replaced(tmp_path):
    old = unpacked("3.6.13/tabular", tmp_path)
    new = tmp_path / "new.h5"
    for content in (b"", b"something else", b"\x89HDF\r\n\x1a\n"):
        new.write_bytes(content)
        with pytest.raises(WriteError, match="not replaced"):
            convert(old, new)
        assert new.read_bytes() == content
    with pytest.raises(WriteError, match="not replaced"):
        convert(old, old)


def test_a_source_that_changed_since_is_told_not_replaced(tmp_path):
    old = unpacked("3.6.13/tabular", tmp_path)
    new = converted(old)
    before = new.read_bytes()
    os.utime(old)  # as a copy has it: the same bytes at another time
    assert [r.status for r in convert(old, new)] == ["skipped"]
    with h5py.File(old, "r+") as file:
        file.attrs["more"] = 1
    with pytest.raises(WriteError, match="as it is now"):
        convert(old, new)
    assert new.read_bytes() == before


def test_a_damaged_file_leaves_nothing(tmp_path):
    old = unpacked("3.6.13/tabular", tmp_path)
    old.write_bytes(old.read_bytes()[:-20_000])
    with pytest.raises(FormatError):
        convert(old, tmp_path / "new" / "a.h5")
    assert not list((tmp_path / "new").glob("*"))


def damage(path: Path, name: str) -> None:
    """Change a byte of an array, and see that HDF5 notices."""
    with h5py.File(path, "r+") as file:
        values, attributes = file[name][()], dict(file[name].attrs)
        del file[name]
        array = file.create_dataset(name, data=values, chunks=True, fletcher32=True)
        array.attrs.update(attributes)
        place = array.id.get_chunk_info(0).byte_offset
    flip(path, place)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def damaged(tmp_path) -> Path:
    """A file of which one array cannot be read."""
    path = unpacked("5.3.8/h5py/custom_errors_nd", tmp_path)
    damage(path, next(name for name in stored(path) if name.endswith("/Data00")))
    return path


def test_a_damaged_array_is_named(damaged, tmp_path):
    with pytest.raises(FormatError, match="Data00 cannot be read"):
        convert(damaged, tmp_path / "new.h5")
    assert not (tmp_path / "new.h5").exists()


@LAYOUTS
def test_what_can_be_read_of_a_damaged_file_is_converted(layout, damaged, tmp_path):
    new = tmp_path / "new.h5"
    (result,) = convert(damaged, new, layout, partial=True)
    (lost,) = result.unreadable
    assert [p.loc for p in result.problems if p.severity == "error"] == [lost]
    assert f"WITHOUT what cannot be read: {lost}" in str(result)
    with h5py.File(new) as file:
        assert lost in str(file["Original"].attrs["source_unreadable"])
    nodes = {node.path: node for node in original(new)}
    assert set(nodes) == set(stored(damaged))
    assert nodes[lost].where == ""
    assert "damaged" in nodes[lost].remark
    others = [node for node in nodes.values() if node.is_array and node.path != lost]
    assert all(node.where for node in others)
    assert any("/Detector" in node.path for node in others if node.where == "scan")
    assert verify(new) == []
    assert [p for p in validate(new) if p.severity == "error"] == []
    (again,) = convert(damaged, new, layout)
    assert again.status == "skipped"
    assert "without 1 arrays that are damaged" in again.reason


def test_a_whole_file_is_converted_whole_with_partial_too(tmp_path):
    old = unpacked("1.4.2/viewer_single_Det1D", tmp_path)
    report = convert(old, tmp_path / "new.h5", partial=True)
    assert (len(report.converted), report.partial) == (1, ())
    assert_equal_files(old, tmp_path / "new.h5")


def test_a_damaged_file_of_a_folder_is_told_and_ends_with_1(
    damaged, lab, tmp_path, capsys
):
    shutil.move(damaged, lab / "damaged.h5")
    words = ["convert", str(lab), str(tmp_path / "new")]
    assert main(words) == 1
    assert "4 converted, 0 skipped, 1 failed" in capsys.readouterr().out
    assert main([*words, "--partial"]) == 1
    out = capsys.readouterr().out
    assert "WITHOUT what cannot be read" in out
    assert "1 converted, 4 skipped, 0 failed" in out


IMAGE = "/RawData/Scan000/Detector000/Data2D/CH00/Data00"


@pytest.fixture
def ours(tmp_path) -> Path:
    """A dataset of two scans, numbers, spectra and images in the first one."""
    runs = [*load(stream("p11")), *load(stream("p02"))]
    (path,) = export(runs, tmp_path, "ours")["pymodaq"]
    return Path(path)


def without_key(documents, key: str):
    """The documents of a run as they are without one of its data keys."""
    for name, doc in documents:
        if name == "descriptor":
            doc["data_keys"].pop(key)
            doc["object_keys"] = {
                name: [one for one in keys if one != key]
                for name, keys in doc["object_keys"].items()
            }
        elif name == "event":
            doc["data"].pop(key)
            doc["timestamps"].pop(key)
        yield name, doc


@LAYOUTS
def test_what_can_be_read_of_a_damaged_file_of_ours_is_converted(
    layout, ours, tmp_path
):
    before = [list(replay(ours, scan=n)) for n in range(2)]
    damage(ours, IMAGE)
    with pytest.raises(FormatError, match="Data2D") as refused:
        convert(ours, tmp_path / "new.h5", layout)
    assert "--partial" in str(refused.value)
    (result,) = convert(ours, tmp_path / "new.h5", layout, partial=True)
    assert result.unreadable == (IMAGE,)
    assert IMAGE in {problem.loc for problem in result.problems}
    lost = next(
        key
        for key, about in before[0][1][1]["data_keys"].items()
        if len(about["shape"]) == 2
    )
    new = tmp_path / "new.h5"
    assert_same_documents(list(without_key(before[0], lost)), replay(new, scan=0))
    assert_same_documents(before[1], replay(new, scan=1))
    assert verify(new) == []
    assert [p for p in validate(new) if p.severity == "error"] == []


@pytest.mark.parametrize("name", ["Loose", "Index"])
def test_a_scan_whose_documents_are_damaged_is_made_of_its_arrays(name, ours, tmp_path):
    untouched = list(replay(ours, scan=1))
    with open_dataset(ours) as dataset:
        image = dataset.scans[0].detectors[0].channels[-1].arrays[0].data[()]
    place = f"/RawData/Scan000/Documents/{name}"
    with h5py.File(ours) as file:
        where = file[place].id.get_chunk_info(0).byte_offset
    flip(ours, where + 5)
    new = tmp_path / "new.h5"
    (result,) = convert(ours, new, partial=True)
    assert set(result.unreadable) == {place, "/RawData/Scan000/Documents"}
    events = [doc for name, doc in replay(new, scan=0) if name == "event"]
    assert any(
        np.array_equal(event["data"].get(key), image[-1])
        for event in events[-1:]
        for key in event["data"]
    )
    assert_same_documents(untouched, replay(new, scan=1))
    assert verify(new) == []


def test_what_changed_in_a_file_of_ours_is_converted_and_told(ours, tmp_path):
    with h5py.File(ours) as file:
        place = file[IMAGE].id.get_offset()
    flip(ours, place)
    with pytest.raises(FormatError, match="--partial"):
        convert(ours, tmp_path / "new.h5")
    report = convert(ours, tmp_path / "new.h5", partial=True)
    (result,) = report.partial
    assert (result.unreadable, result.changed) == ((), (IMAGE,))
    assert f"NOT AS IT WAS WRITTEN: {IMAGE}" in str(result)
    with h5py.File(tmp_path / "new.h5") as file:
        assert IMAGE in str(file["Original"].attrs["source_changed"])
    assert_same_documents(replay(ours), replay(tmp_path / "new.h5"))


def test_the_draft_of_a_conversion_that_was_killed_is_replaced(tmp_path):
    old = unpacked("3.6.13/tabular", tmp_path)
    new = tmp_path / "new.h5"
    draft_of(new).write_bytes(b"half of it")
    draft_of(new).with_name(f".{new.name}.draft.new").write_bytes(b"less than that")
    convert(old, new)
    assert {p.name for p in tmp_path.iterdir()} == {"new.h5", old.name}


PAUSED = """
import sys
from pymo_bluesky import convert
from pymo_bluesky.converting import single

seal_all = single.seal_all

def paused(*args):
    print("half of it is made", flush=True)
    sys.stdin.readline()
    seal_all(*args)

single.seal_all = paused
print(convert(sys.argv[1], sys.argv[2]))
"""


@contextlib.contextmanager
def making(old: Path, new: Path):
    """Another process that makes a file, and waits for a line when half is made."""
    command = [sys.executable, "-c", PAUSED, str(old), str(new)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, **pipes) as other:
        try:
            assert other.stdout.readline() == "half of it is made\n", (
                other.stderr.read()
            )
            yield other
        finally:
            other.kill()


def test_two_programs_that_make_one_file_do_not_meet(tmp_path):
    old = unpacked("1.4.2/viewer_single_Det0D", tmp_path)
    new = tmp_path / "new.h5"
    with making(old, new) as other:
        with pytest.raises(DatasetBusyError, match="another program is making it"):
            convert(old, new)
        with pytest.raises(DatasetBusyError):
            convert(old, new, isolated=True)
        out, err = other.communicate("\n", timeout=600)
    assert out == "1 converted, 0 skipped, 0 failed\n", err
    assert verify(new) == []
    assert [r.status for r in convert(old, new)] == ["skipped"]
    assert {p.name for p in tmp_path.iterdir()} == {"new.h5", old.name}


def test_what_a_killed_program_was_making_is_made_anew(tmp_path):
    old = unpacked("1.4.2/viewer_single_Det0D", tmp_path)
    new = tmp_path / "new.h5"
    with making(old, new) as other:
        assert draft_of(new).exists()
        other.kill()
        other.wait()
        assert [r.status for r in convert(old, new)] == ["converted"]
    assert verify(new) == []
    assert {p.name for p in tmp_path.iterdir()} == {"new.h5", old.name}


def test_a_difference_is_noticed_before_the_file_has_its_name(tmp_path, monkeypatch):
    from pymo_bluesky.converting import single

    def spoiled(path, operations, **options):
        create(path, operations, **options)
        with h5py.File(path, "r+") as file:
            found = []
            file["RawData"].visititems(
                lambda name, node: found.append(name) if "Data00" in name else None
            )
            array = file[f"RawData/{found[0]}"]
            array[...] = array[()] + 1

    create = single.store.create
    monkeypatch.setattr(single.store, "create", spoiled)
    old = unpacked("3.6.13/tabular", tmp_path)
    with pytest.raises(WriteError, match="without a difference"):
        convert(old, tmp_path / "new.h5")
    assert [p.name for p in tmp_path.iterdir()] == [old.name]


def test_wrong_arguments_are_refused(tmp_path):
    old = unpacked("3.6.13/tabular", tmp_path)
    with pytest.raises(LayoutError, match="pymodaq5"):
        convert(old, tmp_path / "new.h5", "pymodaq4")
    with pytest.raises(NotFoundError, match="neither a file nor a folder"):
        convert(tmp_path / "no", tmp_path / "new")
    with pytest.raises(WriteError, match="folder of the old files"):
        convert(tmp_path, tmp_path)
    with pytest.raises(WriteError, match="no folder"):
        convert(tmp_path, old)


# -------------------------------------------------------------------------- a folder


def test_a_folder_is_converted_and_its_folders_kept(lab, tmp_path):
    new = tmp_path / "new"
    seen = []
    report = convert(lab, new, workers=2, progress=lambda *told: seen.append(told))
    files = [path.relative_to(lab) for path in sorted(lab.rglob("*.h5"))]
    assert len(report.converted) == len(files) == 4
    made = [path for path in sorted(new.rglob("*")) if path.is_file()]
    assert [path.relative_to(new) for path in made] == files
    assert [count for _, count in seen] == [4] * 4
    again = convert(lab, new, workers=2)
    assert str(again) == "0 converted, 4 skipped, 0 failed"


def test_a_folder_goes_on_where_it_was_interrupted(lab, tmp_path):
    new = lab / "converted"  # in the folder itself: not converted again
    convert(lab, new, isolated=False)
    done = sorted(new.rglob("*.h5"))
    done[1].unlink()
    report = convert(lab, new, isolated=False)
    assert [r.target for r in report.converted] == [done[1]]
    assert len(report.skipped) == 3


def test_a_file_that_fails_costs_only_itself(lab, tmp_path):
    (lab / "notes.h5").write_text("no HDF5")
    with h5py.File(lab / "other.h5", "w") as file:
        file["x"] = 1
    report = convert(lab, tmp_path / "new", workers=2)
    assert str(report) == "4 converted, 0 skipped, 2 failed"
    reasons = {r.source.name: r.reason for r in report.failed}
    assert "cannot be opened as HDF5" in reasons["notes.h5"]
    assert "not a PyMoDAQ dataset" in reasons["other.h5"]
    assert not list((tmp_path / "new").glob("*.h5"))


def test_a_file_that_ends_its_process_costs_only_itself(lab, tmp_path):
    """As HDF5 does on files that are damaged in a certain way: it never ends."""
    report = convert(lab, tmp_path / "new", workers=1, limits=Limits(seconds=1e-3))
    assert len(report.failed) == 4
    assert "did not end within" in report.failed[0].reason
    assert not [p for p in (tmp_path / "new").rglob("*") if p.is_file()]


# ---------------------------------------------------------------------- command line


def test_the_command_line_converts_a_folder(lab, tmp_path, capsys):
    new, report = tmp_path / "new", tmp_path / "report.jsonl"
    words = ["convert", lab, new, "--workers", 1, "--report", report]
    assert main([str(word) for word in words]) == 0
    assert capsys.readouterr().out == "4 converted, 0 skipped, 0 failed\n"
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["status"] for line in lines] == ["converted"] * 4
    assert main([str(word) for word in words]) == 2  # the report is there
    (lab / "bad.h5").write_text("no HDF5")
    assert main([str(word) for word in words[:-2]]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("0 converted, 4 skipped, 1 failed\n")
    assert "bad.h5" in err.splitlines()[-1]


def test_the_command_line_converts_a_file(tmp_path, capsys):
    old = unpacked("5.3.8/h5py/custom_errors_nd", tmp_path)
    assert main(["convert", str(old), str(tmp_path / "new.h5")]) == 0
    out = capsys.readouterr().out
    assert "kept in the group Original" in out
    shutil.copy(old, tmp_path / "copy.h5")
    assert main(["convert", str(tmp_path / "copy.h5"), str(old)]) == 2
    assert "not replaced" in capsys.readouterr().err


# --------------------------------------------------------------------------- variants


@pytest.mark.slow
@pytest.mark.parametrize("variant", variants.VARIANTS)
@pytest.mark.parametrize("specimen", SOME)
def test_files_as_laboratories_have_them_convert(variant, specimen, tmp_path):
    old = unpacked(specimen, tmp_path)
    with h5py.File(old, "r+") as file:
        try:
            variants.VARIANTS[variant](file)
        except ValueError:
            pytest.skip("this file has no place for that")
    # In turn, so that both are made of each variant and of each specimen.
    turn = SOME.index(specimen) + list(variants.VARIANTS).index(variant)
    layout = ("pymodaq5", "pymodaq3")[turn % 2]
    assert_same_documents(list(replay(old)), list(replay(converted(old, layout))))


# ----------------------------------------------------------------- no disk is filled


@pytest.fixture
def small_disk():
    """No file grows over 64 MiB, also not those of processes that are started."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**26, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("where", ["huge", "RawData/huge"])
def test_a_few_bytes_do_not_fill_the_disk(where, isolated, small_disk, tmp_path):
    old = unpacked("5.3.8/h5py/custom_errors_nd", tmp_path)
    with h5py.File(old, "r+") as file:
        file.create_dataset(where, (10**9,), "f8", chunks=(1024,))
    target = tmp_path / "new" / "scan.h5"
    with pytest.raises(FormatError, match=r"claim 8,000,\d{3},\d{3} bytes where"):
        convert(old, target, isolated=isolated)
    assert list(target.parent.iterdir()) == []


def test_rows_that_were_never_written_are_no_reason_to_refuse(tmp_path):
    old = unpacked("5.3.8/h5py/custom_errors_nd", tmp_path)
    with h5py.File(old, "r+") as file:
        file.create_dataset("RawData/ready", (10**5,), "f8", chunks=(1024,))
    converted(old)
