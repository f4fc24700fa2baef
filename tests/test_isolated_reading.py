"""A dataset that another process reads looks the same, and may end that process."""

import gc
import os
import signal

import h5py
import numpy as np
import pytest
from corpus import load, stream
from exactness import assert_same_documents
from faults.reading import digest
from specimens import unpacked

from pymo_bluesky import export, open_dataset, replay, validate
from pymo_bluesky.errors import CrashError, FormatError, NotFoundError
from pymo_bluesky.store.remote import Session

DATA = "/RawData/Scan000/Detector001/Data0D/CH00/Data00"


@pytest.fixture
def dataset(tmp_path):
    return unpacked("5.3.8/h5py/scan2d", tmp_path)


def pid_of(dataset):
    return dataset._source._session._worker._process.pid


@pytest.mark.parametrize("specimen", ["5.3.8/h5py/scan2d", "1.4.2/viewer_single_Det1D"])
def test_it_looks_the_same(specimen, tmp_path):
    path = unpacked(specimen, tmp_path)
    assert digest(path, isolated=True) == digest(path)


def test_documents_are_the_same(tmp_path):
    documents = load(stream("p05"))
    (path,) = export(documents, tmp_path, "run")["pymodaq"]
    assert_same_documents(documents, replay(path, isolated=True))
    assert validate(path, isolated=True) == []


@pytest.mark.parametrize(
    "key",
    [(), ..., 0, -1, slice(1, None, 2), (0, ...), (slice(None), 1), np.array([0, 2])],
)
def test_arrays_are_indexed_there(key, dataset):
    near, far = (
        open_dataset(dataset, isolated=isolated).scans[0].detectors[0].channels[0]
        for isolated in (False, True)
    )
    here, there = near.arrays[0].data[key], far.arrays[0].data[key]
    np.testing.assert_array_equal(there, here)
    assert there.dtype == here.dtype


def test_a_death_is_told_with_its_place_and_costs_only_that(dataset):
    with open_dataset(dataset, isolated=True) as found:
        with found._source.opened() as tree:
            node = tree.node(DATA)
        before = node[()]
        os.kill(pid_of(found), signal.SIGSEGV)
        with pytest.raises(CrashError, match=f"{dataset.name}, {DATA}: .*SIGSEGV"):
            node[()]
        np.testing.assert_array_equal(node[()], before)


def test_a_file_that_ends_one_process_after_another_is_given_up(dataset):
    found = open_dataset(dataset, isolated=True)
    session: Session = found._source._session
    session._crashes = 20
    with pytest.raises(CrashError, match="20 processes"):
        found.scans[0].trunk  # noqa: B018 - it is looked at


def test_what_is_no_dataset_is_refused_as_ever(tmp_path):
    (tmp_path / "a.h5").write_text("text")
    with pytest.raises(FormatError, match=r"a\.h5 cannot be opened as HDF5"):
        open_dataset(tmp_path / "a.h5", isolated=True)
    with pytest.raises(NotFoundError):
        open_dataset(tmp_path / "b.h5", isolated=True)


def test_between_looks_others_may_write(dataset):
    found = open_dataset(dataset, isolated=True)
    assert found.scans[0].trunk.shape
    with h5py.File(dataset, "r+") as file:
        file.attrs["note"] = 1


def test_the_process_ends_with_the_dataset(dataset):
    found = open_dataset(dataset, isolated=True)
    pid = pid_of(found)
    del found
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
