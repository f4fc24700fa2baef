"""The judges themselves: they accept what PyMoDAQ wrote, and refuse what it cannot."""

import h5py
import pytest
from oracle.judge import BACKENDS, check, nodes

pytestmark = pytest.mark.oracle


@pytest.fixture
def plain(tmp_path):
    """A valid HDF5 file that PyMoDAQ cannot open: no node says its CLASS."""
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["RawData/Scan000/power"] = [1.0, 2.0]
    return path


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_without_class_attributes_is_refused_with_words(
    pymodaq5, plain, backend
):
    with pytest.raises(AssertionError, match="PyMoDAQ cannot read"):
        check(pymodaq5, plain, backend)


def test_pymodaq_36_refuses_it_too(pymodaq36, plain):
    with pytest.raises(AssertionError, match="PyMoDAQ cannot read"):
        pymodaq36.check(plain)


def test_a_judge_survives_a_bad_file(pymodaq5, plain):
    for _ in range(2):
        status, verdict = pymodaq5.report(plain)
        assert status == 2
        assert "open_error" in verdict


def test_a_file_that_is_absent_is_not_judged_good(pymodaq5, tmp_path):
    with pytest.raises(FileNotFoundError):
        pymodaq5.check(tmp_path / "absent.h5")


def test_nodes_are_found_by_path():
    assert nodes({"nodes": [{"path": "/a", "shape": [2]}]})["/a"]["shape"] == [2]
