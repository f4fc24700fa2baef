"""PyMoDAQ reads frames that went to the dataset at once, and adds scans meanwhile."""

import h5py
import numpy as np
import pytest
from exactness import assert_same_documents
from oracle.judge import BACKENDS, check
from test_frames import grid
from test_frames_in_place import fed, lines

from pymo_bluesky import PymodaqWriter, replay, verify
from pymo_bluesky.journal import frames_of
from pymo_bluesky.writer import room

pytestmark = pytest.mark.oracle


@pytest.fixture(autouse=True)
def _as_if_all_runs_were_large(monkeypatch):
    monkeypatch.setattr(room, "_WORTH", 1)


def recorded(folder, layout):
    """A dataset of a grid of two cameras, a run cut short, and one gone over again."""
    with PymodaqWriter(folder, layout=layout, renew="never") as writer:
        for points in (range(24), range(7), [0, 1, 2, 1, 2, 3]):
            for name, doc in grid(points, cameras=("cam", "second")):
                writer(name, doc)
    assert in_place(writer.path) == 6
    return writer.path


def in_place(path):
    """How many arrays of frames begin a page: HDF5 gives places as they come."""
    found = []
    with h5py.File(path) as file:
        file.visititems(
            lambda _, node: found.append(
                isinstance(node, h5py.Dataset)
                and node.ndim == 4
                and node.id.get_offset() % 4096 == 0
            )
        )
    return sum(found)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_5_reads_them(pymodaq5, tmp_path, backend):
    verdict = check(pymodaq5, recorded(tmp_path, "pymodaq5"), backend)
    frames = [node for node in verdict["nodes"] if "/Data2D/" in node["path"]]
    assert len(frames) >= 6


def test_pymodaq_36_reads_them(pymodaq36, tmp_path):
    verdict = pymodaq36.check(recorded(tmp_path, "pymodaq3"))
    assert any("/Scan002/" in node["path"] for node in verdict["nodes"])


@pytest.mark.parametrize("saver", ["default", "h5py", "tables"])
def test_pymodaq_adds_a_scan_while_the_run_goes_on(
    saver, pymodaq5_saver, pymodaq5, tmp_path
):
    first, documents = lines(6), lines(12)
    with PymodaqWriter(tmp_path, renew="never") as writer:
        for name, doc in first:
            writer(name, doc)
        path = writer.path
    with fed(tmp_path / "b", documents, append_to=path) as writer:
        (journal,) = path.parent.glob("*.journal")
        assert frames_of(journal).samefile(path)
        verdict = pymodaq5_saver.check(path, "--saver", saver)
        assert verdict["scan"] == "/RawData/Scan001"
        writer(*documents[-1])
    assert list(writer.scans.values()) == ["Scan002"]
    assert_same_documents(first, replay(path, scan="Scan000"))
    assert_same_documents(documents, replay(path, scan="Scan002"))
    assert [p for p in verify(path) if p.severity == "error"] == []
    with h5py.File(path) as file:
        array = file["RawData/Scan002/Detector000/Data2D/CH00/Data00"]
        np.testing.assert_array_equal(array[7], documents[9][1]["data"]["cam"])
    for backend in BACKENDS:
        check(pymodaq5, path, backend)
