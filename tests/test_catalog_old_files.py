"""Files that PyMoDAQ itself wrote, 1.x to 5.x, as runs of a catalog."""

import datetime

import numpy as np
import pytest
from specimens import SPECIMENS, unpacked

from pymo_bluesky import open_catalog, open_dataset, replay
from pymo_bluesky.journal import SUFFIX, JournalWriter
from pymo_bluesky.replaying.comparing import differences


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("specimens")
    for specimen in SPECIMENS:
        unpacked(specimen, folder)
    return open_catalog(folder)


@pytest.fixture
def run_of(catalog):
    def found(specimen, scan=None):
        name = f"{specimen.replace('/', '-')}.h5"
        runs = [run for run in catalog if run.path.name == name]
        return runs[0] if scan is None else next(r for r in runs if r.scan == scan)

    return found


def test_every_scan_of_every_file_is_a_run(catalog):
    assert not catalog.problems
    for path in sorted(catalog.directory.iterdir()):
        with open_dataset(path) as dataset:
            expected = {scan.name for scan in dataset.scans}
        assert {run.scan for run in catalog if run.path == path} == expected


@pytest.mark.slow
def test_documents_and_metadata_are_those_of_replay(catalog):
    for run in catalog:
        documents = list(replay(run.path, scan=run.scan))
        assert not list(differences(documents, run.documents()))
        assert run.metadata["start"] == documents[0][1]
        assert run.metadata["stop"] == documents[-1][1]
        assert run.about.status == documents[-1][1]["exit_status"]
        names = {doc["name"] for kind, doc in documents if kind == "descriptor"}
        assert set(run) == set(run.streams) == names


@pytest.mark.slow
def test_every_stream_reads_as_its_events(catalog):
    """Each number of each event stands in the array, at its place."""
    for run in catalog:
        documents = list(run.documents())
        for name in run.streams:
            (descriptor,) = run[name].metadata["descriptors"]
            events = [
                doc["data"]
                for kind, doc in documents
                if kind == "event" and doc["descriptor"] == descriptor["uid"]
            ]
            data = run[name].read()
            keys = {v.attrs["data_key"]: k for k, v in data.data_vars.items()}
            positions = set(descriptor["data_keys"]) - set(keys)
            assert positions <= set(data.coords)
            for key in keys:
                measured = [np.asarray(event[key]) for event in events]
                shape = descriptor["data_keys"][key]["shape"]
                found = data[keys[key]].values.reshape(-1, *shape)
                assert same_rows(measured, found), (run, name, key)


def same_rows(measured, found) -> bool:
    """Whether each measured value is a row of an array, in whatever order."""
    rows = {np.ascontiguousarray(row).tobytes() for row in found}
    return all(value.astype(found.dtype).tobytes() in rows for value in measured)


def test_a_grid_lies_along_its_actuators(run_of):
    run = run_of("4.4.11/scan2d_aborted")
    data = run.primary.read()
    assert list(data.sizes)[:2] == ["Xaxis", "Yaxis"]
    events = [doc for name, doc in run.documents() if name == "event"]
    assert int(data.visited.sum()) == len(events) < data.visited.size
    scalar = next(k for k, v in data.data_vars.items() if v.dims == ("Xaxis", "Yaxis"))
    key = data[scalar].attrs["data_key"]
    for event in (doc["data"] for doc in events):
        here = data[scalar].sel(Xaxis=event["Xaxis"], Yaxis=event["Yaxis"])
        assert float(here) == event[key]


def test_a_continuous_save_lies_along_time(run_of):
    run = run_of("5.3.8/h5py_swmr/continuous_det2d")
    data = run.primary.read()
    events = [doc for name, doc in run.documents() if name == "event"]
    assert data["time"].values.tolist() == [event["time"] for event in events]
    assert {v.dims[0] for v in data.data_vars.values()} == {"time"}


def test_a_snapshot_is_one_point(run_of):
    data = run_of("1.4.2/viewer_single_Det1D").primary.read()
    assert [v.ndim for v in data.data_vars.values()] == [1] * len(data.data_vars)


def test_they_are_searched_like_runs_of_bluesky(catalog):
    assert {r.about.plan for r in catalog.search(plan_name="Scan2D")} == {"Scan2D"}
    old = catalog.search({"pymodaq.layout": {"$in": ["pymodaq1", "pymodaq3"]}})
    assert {run.path.name[0] for run in old} == {"1", "2", "3"}
    assert len(old.search(plan_name={"$regex": "^Scan"})) >= 5
    day = datetime.datetime.fromtimestamp(catalog[-1].started).date()
    assert len(catalog.search(since=day)) >= 1


def test_a_uid_is_the_same_wherever_the_file_is(catalog, tmp_path):
    specimen = SPECIMENS[0]
    unpacked(specimen, tmp_path)
    moved = open_catalog(tmp_path)[-1]
    assert moved.uid in catalog
    assert catalog[moved.uid[:8]].metadata["start"] == moved.metadata["start"]


class TestRunning:
    """Runs that are measured now, or were when a program died."""

    def writer(self, folder, uid) -> JournalWriter:
        path = folder / f"Dataset_20260301_000.h5.{uid}{SUFFIX}"
        about = {"run": uid, "layout": "pymodaq5", "dataset": "Dataset_20260301_000.h5"}
        writer = JournalWriter(path, about)
        writer.append("start", {"uid": uid, "time": 1e9, "plan_name": "scan"})
        return writer

    def test_they_are_told_and_no_runs_yet(self, tmp_path):
        writer = self.writer(tmp_path, "4b1d")
        catalog = open_catalog(tmp_path)
        (run,) = catalog.running
        assert (run.running, run.status, len(catalog)) == (True, "running", 0)
        assert run.path == tmp_path / "Dataset_20260301_000.h5"
        assert run.start["plan_name"] == "scan"
        assert "running run scan" in repr(run)
        writer.close()
        (run,) = catalog.running
        assert run.status == "interrupted"

    def test_what_is_no_journal_is_left_out(self, tmp_path):
        (tmp_path / f"a{SUFFIX}").write_bytes(b"")
        (tmp_path / f"b{SUFFIX}").write_bytes(b"no journal at all")
        assert open_catalog(tmp_path).running == []
