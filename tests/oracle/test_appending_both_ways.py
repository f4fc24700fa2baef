"""We add scans to PyMoDAQ's datasets, and PyMoDAQ adds scans to ours."""

import signal
from pathlib import Path

import h5py
import pytest
from corpus import load, stream
from exactness import assert_same_documents
from oracle.judge import BACKENDS, check, nodes
from specimens import of_version, unpacked
from unchanged import SEALED, changes, contents

from pymo_bluesky import PymodaqWriter, export, replay, verify

pytestmark = pytest.mark.oracle

SAVERS = {
    "default": ("h5py", True),
    "h5py": ("h5py", False),
    "tables": ("tables", False),
}
RUNS = ("p05", "p13", "p32")
QUICK = (
    "2.2.6/scan1D_0D_1D",
    "3.6.13/scan2D_0D_1D_2D_roi",
    "4.4.11/scan2d",
    "5.3.8/h5py/adaptive_enl",
    "5.3.8/h5py_swmr/scan1d",
    "5.3.8/tables/scan_multi",
)


def judged(*versions: str) -> list:
    """Specimens of some versions; those that tell nothing new are slow."""
    return [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in of_version(*versions)
    ]


def added(path: Path, name: str) -> str:
    """The scan that a run of the corpus becomes in a dataset."""
    with PymodaqWriter(path.parent / "others", append_to=path) as writer:
        for document in load(stream(name)):
            writer(*document)
    assert list(writer.paths.values()) == [path]
    (scan,) = writer.scans.values()
    return scan


@pytest.fixture
def ours(tmp_path) -> Path:
    documents = [item for name in RUNS for item in load(stream(name))]
    (path,) = export(documents, tmp_path, "ours")["pymodaq"]
    return Path(path)


def problems(path: Path, severity: str) -> list[str]:
    """Where our digests are not what is there; or which scans bear none."""
    return [problem.loc for problem in verify(path) if problem.severity == severity]


def assert_ours_replays(path: Path) -> None:
    assert problems(path, "error") == []
    for number, name in enumerate(RUNS):
        scan = f"Scan{number:03d}"
        assert_same_documents(load(stream(name)), replay(path, scan=scan))


# ------------------------------------------------------------------- we add to theirs


@pytest.mark.parametrize("specimen", judged("4", "5"))
def test_pymodaq_5_reads_its_own_as_before(pymodaq5, specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    # HDF5 2.0's form of a bool ended PyMoDAQ's backend `tables`; it does no more.
    crashed = {"tables"} if "swmr_active" in contents(path)["/"].attributes else set()
    before = {name: pymodaq5.report(path, "--backend", name) for name in BACKENDS}
    scan = added(path, "p05")
    for backend, (status, verdict) in before.items():
        assert status == (-signal.SIGSEGV if backend in crashed else 0)
        after = nodes(check(pymodaq5, path, backend))
        assert any(f"/{scan}/" in node for node in after)
        for name, node in nodes(verdict).items():
            if name != "/RawData/Logger":
                assert after[name] == node


@pytest.mark.parametrize("specimen", judged("2", "3"))
def test_pymodaq_36_reads_its_own_as_before(pymodaq36, specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    status, verdict = pymodaq36.report(path)
    scan = added(path, "p05")
    status_after, after = pymodaq36.report(path)
    assert (status_after, after["errors"]) == (status, verdict["errors"])
    assert nodes(verdict).items() <= nodes(after).items()
    new = set(nodes(after)) - set(nodes(verdict))
    assert new
    assert all(f"/{scan}/" in name for name in new)


# ------------------------------------------------------------------- they add to ours


@pytest.mark.parametrize(
    "saver",
    [s if s == "default" else pytest.param(s, marks=pytest.mark.slow) for s in SAVERS],
)
def test_pymodaq_adds_a_scan_and_so_do_we(
    saver, ours, pymodaq5_saver, pymodaq5, tmp_path
):
    before = contents(ours)
    verdict = pymodaq5_saver.check(ours, "--saver", saver)
    assert (verdict["backend"], verdict["swmr"]) == SAVERS[saver]
    assert verdict["scan"] == "/RawData/Scan003"
    left_behind = {"/@swmr_active"} if saver == "default" else set()
    theirs = contents(ours)
    assert set(changes(before, theirs)) == {"/RawData/Logger@shape"} | left_behind
    assert_ours_replays(ours)

    assert added(ours, "p02") == "Scan004"
    listed = {f"/RawData@{SEALED}"}
    assert set(changes(theirs, contents(ours))) == listed | left_behind
    for backend in BACKENDS:
        scans = {name.split("/")[2] for name in nodes(check(pymodaq5, ours, backend))}
        assert {f"Scan{n:03d}" for n in range(5)} <= scans

    verdict = pymodaq5_saver.check(ours, "--saver", saver)
    assert verdict["scan"] == "/RawData/Scan005"
    assert_ours_replays(ours)
    assert_same_documents(load(stream("p02")), replay(ours, scan="Scan004"))
    assert problems(ours, "warning") == ["/RawData/Scan003", "/RawData/Scan005"]


def test_swmr_that_ends_as_it_should_harms_nothing(ours, pymodaq5_saver, pymodaq5):
    before = contents(ours)
    pymodaq5_saver.check(ours, "--finalize")
    # PyMoDAQ writes the shape of every array that can grow. Ours said the same but for
    # the log and the rows of text among the documents.
    found = set(changes(before, contents(ours), types=False))
    assert {name for name in found if "/Documents/" not in name} == {
        "/RawData/Logger@shape",
        "/@swmr_active",
    }
    assert all(name.endswith("@shape") for name in found - {"/@swmr_active"})
    assert_ours_replays(ours)
    assert added(ours, "p02") == "Scan004"
    for backend in BACKENDS:
        check(pymodaq5, ours, backend)


def test_without_the_mark_pymodaq_offers_to_wipe_the_dataset(ours, pymodaq5_saver):
    """Why `swmr_compatible` is in our datasets, and is put where it is missing."""
    with h5py.File(ours, "r+") as file:
        del file.attrs["swmr_compatible"]
    verdict = pymodaq5_saver.check(ours)
    assert "Click No to create a new" in verdict["asked"][0]
    assert verdict["before"] == ["Logger"]


def test_where_swmr_cannot_be_pymodaq_refuses_and_harms_nothing(
    pymodaq5_saver, pymodaq5, tmp_path
):
    path = unpacked("4.4.11/scan2d", tmp_path)
    assert added(path, "p05") == "Scan001"
    before = contents(path)
    status, verdict = pymodaq5_saver.report(path)
    assert status == 1
    assert "superblock version" in verdict["open_error"]
    found = set(changes(before, contents(path)))
    assert found == {"/RawData/Logger@shape", "/@swmr_active"}
    # What it began is Scan002. With SWMR off, it goes on.
    assert pymodaq5_saver.check(path, "--saver", "h5py")["scan"] == "/RawData/Scan003"
    assert added(path, "p02") == "Scan004"
    assert_same_documents(load(stream("p05")), replay(path, scan="Scan001"))
    for backend in BACKENDS:
        check(pymodaq5, path, backend)
