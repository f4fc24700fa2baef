"""Damage that HDF5 does not notice: what `verify` tells of it, and of what is whole."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import STREAMS, load, stream
from faults.flipping import counted, everywhere, flips, outcomes
from specimens import unpacked

from pymo_bluesky import (
    PymodaqWriter,
    convert,
    export,
    open_dataset,
    replay,
    verify,
    verifying,
)
from pymo_bluesky.cli import main
from pymo_bluesky.errors import NotFoundError
from pymo_bluesky.isolation import Limits

LAYOUTS = ("pymodaq5", "pymodaq3")
RUNS = ("p05", "p13", "p32")
"""A snaked grid; baseline and monitors; values of all dtypes."""


def exported(folder: Path, *names: str, layout: str = "pymodaq5") -> Path:
    documents = [item for name in names for item in load(stream(name))]
    (path,) = export(documents, folder, "seed", layout=layout)["pymodaq"]
    return Path(path)


@pytest.fixture(params=LAYOUTS)
def dataset(request, tmp_path):
    return exported(tmp_path, *RUNS, layout=request.param)


def kinds(path) -> list[tuple[str, str]]:
    return [
        (problem.severity, problem.kind) for problem in verify(path, isolated=False)
    ]


def scan_of(file: h5py.File, number: int) -> h5py.Group:
    raw = file["RawData" if "RawData" in file else "Raw_datas"]
    return raw[f"Scan{number:03d}"]


def an_array(group: h5py.Group) -> h5py.Dataset:
    """The first array of numbers of a detector."""
    found: list[h5py.Dataset] = []

    def visit(_, node) -> None:
        if isinstance(node, h5py.Dataset) and node.dtype.kind == "f" and node.size:
            found.append(node)

    detector = next(name for name in group if name.startswith("Detector"))
    group[detector].visititems(visit)
    return found[0]


# ---------------------------------------------------------------------- what is whole


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_run_of_the_corpus_verifies(corpus_stream, layout, tmp_path):
    (path,) = export(load(corpus_stream), tmp_path, layout=layout)["pymodaq"]
    assert verify(path, isolated=False) == []


def test_adding_scans_leaves_the_digests_of_the_others_valid(dataset):
    with PymodaqWriter(dataset.parent, append_to=dataset) as writer:
        for document in load(stream("p11")):
            writer(*document)
    assert verify(dataset) == []


def test_a_scan_of_pymodaq_is_read_and_told_to_bear_no_digest(tmp_path):
    path = unpacked("5.3.8/h5py/scan2d", tmp_path)
    assert kinds(path) == [("warning", "no-digest")]


def test_our_scan_in_a_dataset_of_pymodaq_bears_its_own(tmp_path):
    path = unpacked("5.3.8/h5py/scan2d", tmp_path)
    before = dict(open_dataset(path).attributes)
    with PymodaqWriter(tmp_path, append_to=path) as writer:
        for document in load(stream("p05")):
            writer(*document)
    assert kinds(path) == [("warning", "no-digest")]
    after = dict(open_dataset(path).attributes)
    assert {key: after[key] for key in before} == before
    assert after.keys() - before.keys() <= {"swmr_compatible"}


def test_a_converted_dataset_bears_digests(tmp_path):
    old = unpacked("3.6.13/scan2D_0D_1D_2D_roi", tmp_path)
    convert(old, tmp_path / "new.h5")
    assert verify(tmp_path / "new.h5") == []


def test_what_is_no_dataset_is_told_and_what_is_not_there_is_raised(tmp_path):
    (tmp_path / "text.h5").write_text("no dataset")
    assert kinds(tmp_path / "text.h5") == [("error", "unreadable")]
    with pytest.raises(NotFoundError):
        verify(tmp_path / "none.h5")


def test_a_file_of_which_reading_never_ends_is_told(dataset, monkeypatch):
    # No process starts within that time: for `verify` it is one that never ends.
    monkeypatch.setattr(verifying, "limits_of", lambda _: Limits(seconds=0.001))
    (problem,) = verify(dataset)
    assert (problem.severity, problem.kind) == ("error", "unreadable")
    assert "did not end within 0.001 s" in problem.message


def test_a_file_that_ends_the_process_is_told(dataset, monkeypatch):
    # HDF5 and numpy need more than that before they do anything.
    monkeypatch.setattr(verifying, "limits_of", lambda _: Limits(memory=64 * 2**20))
    (problem,) = verify(dataset)
    assert (problem.severity, problem.kind) == ("error", "unreadable")


# --------------------------------------------------------------------- what is changed


def test_one_changed_value_is_told_by_its_path(dataset):
    with h5py.File(dataset, "r+") as file:
        array = an_array(scan_of(file, 0))
        array[...] = np.nextafter(array[...], np.inf)
        name = array.name
    (problem,) = verify(dataset)
    assert (problem.severity, problem.kind, problem.loc) == ("error", "changed", name)
    assert "values" in problem.message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda scan: scan.attrs.modify("author", "me"), id="changed"),
        pytest.param(lambda scan: scan.attrs.__delitem__("author"), id="removed"),
        pytest.param(lambda scan: scan.attrs.create("beside", "x"), id="added"),
    ],
)
def test_an_attribute_that_is_not_as_it_was(change, dataset):
    with h5py.File(dataset, "r+") as file:
        change(scan_of(file, 1))
        name = scan_of(file, 1).name
    assert [p.loc for p in verify(dataset, isolated=False)] == [name]
    assert kinds(dataset) == [("error", "changed")]


def test_a_document_that_is_not_as_it_was(dataset):
    with h5py.File(dataset, "r+") as file:
        loose = scan_of(file, 0)["Documents/Loose"]
        text = bytes(loose[...]).replace(b"grid_scan", b"GRID_scan")
        loose[...] = np.frombuffer(text, np.uint8)
    assert dict(replay(dataset, scan=0))["start"]["plan_name"] == "GRID_scan"
    assert [p.loc.rpartition("/")[2] for p in verify(dataset, isolated=False)] == [
        "Loose"
    ]


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_a_scan_that_is_gone_is_missed(number, dataset):
    with h5py.File(dataset, "r+") as file:
        scan = scan_of(file, number)
        del scan.parent[scan.name]
    assert kinds(dataset) == [("error", "missing")]


def test_digests_that_are_gone_are_missed(dataset):
    with h5py.File(dataset, "r+") as file:
        del scan_of(file, 1)["Documents/Digests"]
    assert ("error", "missing") in kinds(dataset)


def test_the_attributes_of_the_digests_are_covered(dataset):
    with h5py.File(dataset, "r+") as file:
        scan_of(file, 1)["Documents/Digests"].attrs["CLASS"] = "CARRAZ"
    assert kinds(dataset) == [("error", "changed")]


def test_the_list_of_scans_is_missed(dataset):
    with h5py.File(dataset, "r+") as file:
        del scan_of(file, 0).parent.attrs["pymo_bluesky_digest"]
    assert kinds(dataset) == [("error", "missing")]


def test_the_attributes_of_the_dataset_are_covered(dataset):
    with h5py.File(dataset, "r+") as file:
        scan_of(file, 0).parent.attrs["author"] = "somebody else"
    assert kinds(dataset) == [("error", "changed")]


def test_lines_of_the_log_are_covered_and_new_ones_are_not(dataset):
    with h5py.File(dataset, "r+") as file:
        log = scan_of(file, 0).parent["Logger"]
        log.resize(len(log) + 1, axis=0)
        log[-1] = log[0]
    assert verify(dataset) == []
    with h5py.File(dataset, "r+") as file:
        log = scan_of(file, 0).parent["Logger"]
        log[0] = log[0] + np.uint8(1)
    assert kinds(dataset) == [("error", "changed")]


def test_rows_of_the_log_that_nobody_wrote_are_told(dataset):
    with h5py.File(dataset, "r+") as file:
        log = scan_of(file, 0).parent["Logger"]
        log.resize(len(log) + 128, axis=0)
    assert kinds(dataset) == [("error", "changed")]


@pytest.fixture
def converted(tmp_path):
    """A converted dataset, whose log is empty."""
    old = unpacked("1.4.2/viewer_single_Det1D", tmp_path)
    convert(old, tmp_path / "new.h5", "pymodaq3")
    return tmp_path / "new.h5"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        pytest.param(lambda kept: kept.attrs.modify("source", "x"), "changed", id="it"),
        pytest.param(lambda kept: kept["Nodes"].resize(9, axis=0), "changed", id="cut"),
        pytest.param(lambda kept: kept.pop("Digests"), "missing", id="digests"),
        pytest.param(lambda kept: kept.file.pop("Original"), "missing", id="all of it"),
    ],
)
def test_what_a_conversion_kept_is_covered(change, kind, converted):
    assert verify(converted, isolated=False) == []
    with h5py.File(converted, "r+") as file:
        change(file["Original"])
    assert ("error", kind) in kinds(converted)


def test_rows_of_a_log_that_was_empty_are_told(converted):
    with h5py.File(converted, "r+") as file:
        log = file["Raw_datas/Logger"]
        assert len(log) == 0
        log.resize(50_000, axis=0)
    assert kinds(converted) == [("error", "changed")]


@pytest.mark.parametrize("name", ["entry", "entry/Scan000"])
def test_plots_for_nexus_that_cannot_be_opened_are_told(name, tmp_path):
    (path,) = export(load(stream("p05")), tmp_path, "nx", nexus=True)["pymodaq"]
    with h5py.File(path) as file:
        address = h5py.h5o.get_info(file[name].id).addr
    data = bytearray(Path(path).read_bytes())
    data[address + 10] ^= 1
    Path(path).write_bytes(data)
    (problem,) = verify(path, isolated=False)
    assert (problem.severity, problem.loc) == ("error", f"/{name}")


def test_what_others_put_into_a_scan_is_a_warning(dataset):
    with h5py.File(dataset, "r+") as file:
        scan_of(file, 0).create_group("Analysis")
    assert kinds(dataset) == [("warning", "not-covered")]


# ------------------------------------------------------------------------ flipped bytes


@pytest.mark.fuzz
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_flipped_byte_changes_what_is_read_unseen(layout, tmp_path):
    path = exported(tmp_path, "p02", layout=layout)
    found = list(outcomes(path, flips(path.stat().st_size, 40, seed=20261122)))
    assert not [one for one in found if one[0].startswith("silent")]
    assert counted(found)["seen"] >= 5, "much of a file is data: flips must be seen"


def assert_none_is_silent(path: Path, count: int, record) -> None:
    """`PYMO_FLIPS` overrides how many; -1: each byte."""
    count = int(os.environ.get("PYMO_FLIPS", count))
    size = path.stat().st_size
    places = everywhere(size) if count < 0 else flips(size, count, seed=1)
    found = list(outcomes(path, places))
    record(path.parent.name, dict(counted(found)))
    assert not [one for one in found if one[0].startswith("silent")]


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "runs", [("p05", "p13"), ("p32",), ("p11", "p35")], ids="-".join
)
def test_flips_of_each_seed(runs, layout, tmp_path, record_testsuite_property):
    path = exported(tmp_path, *runs, layout=layout)
    assert_none_is_silent(path, 300, record_testsuite_property)


@pytest.mark.fuzz
@pytest.mark.slow
def test_flips_of_each_stream(corpus_stream, tmp_path, record_testsuite_property):
    # In turn, so that each layout is damaged in every sort of run.
    layout = LAYOUTS[STREAMS.index(corpus_stream) % 2]
    path = exported(tmp_path, corpus_stream.stem, layout=layout)
    assert_none_is_silent(path, 20, record_testsuite_property)


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.parametrize(
    ("specimen", "layout"),
    [
        ("1.4.2/viewer_single_Det1D", "pymodaq3"),
        ("2.2.6/scan1D_0D_1D", "pymodaq5"),
        ("5.3.8/h5py/custom_errors_nd", "pymodaq5"),
    ],
)
def test_flips_of_converted_files(
    specimen, layout, tmp_path, record_testsuite_property
):
    path = tmp_path / "seed.h5"
    convert(unpacked(specimen, tmp_path), path, layout)
    assert_none_is_silent(path, 100, record_testsuite_property)


# ------------------------------------------------------------------------ command line


def test_the_command_says_that_all_is_as_it_was_written(dataset, capsys):
    assert main(["verify", str(dataset)]) == 0
    assert "3 scans are as they were written" in capsys.readouterr().out


def test_the_command_tells_what_is_not_and_ends_with_1(dataset, capsys):
    with h5py.File(dataset, "r+") as file:
        array = an_array(scan_of(file, 0))
        array[...] += 1
    assert main(["verify", str(dataset.parent)]) == 1
    assert "its values are not those that were written" in capsys.readouterr().out


def test_without_digests_the_command_fails_only_when_it_is_strict(tmp_path, capsys):
    path = unpacked("4.4.11/scan2d", tmp_path)
    assert main(["verify", str(path)]) == 0
    assert "no digest" in capsys.readouterr().out
    assert main(["verify", "--strict", str(path)]) == 1
