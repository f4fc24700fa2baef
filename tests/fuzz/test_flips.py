"""Flipped bytes in files and journals: what is read is right, or an error of ours.

``PYMO_FLIPS=2000 pytest -m fuzz tests/fuzz`` hunts longer, ``PYMO_SEED=...`` elsewhere.
"""

import contextlib
import os
from collections import Counter
from pathlib import Path

import pytest
from corpus import load, stream
from faults.flipping import flips
from faults.reading import digest
from fuzz.files import outcomes
from specimens import unpacked

from pymo_bluesky import PymodaqWriter, PymoError, export, open_dataset, recover
from pymo_bluesky.errors import CrashError, JournalError
from pymo_bluesky.isolation import run_isolated
from pymo_bluesky.journal import SUFFIX, Journal
from pymo_bluesky.replaying.jsonl import to_line

pytestmark = pytest.mark.fuzz

FLIPS = int(os.environ.get("PYMO_FLIPS", "60"))
SEED = int(os.environ.get("PYMO_SEED", "1"))
ARRAYS = ["p05", "p12"]


@pytest.fixture(params=["exported", "5.3.8", "3.6.13", "1.4.2"])
def seed_file(request, tmp_path):
    if request.param == "exported":
        return Path(export(load(stream("p01")), tmp_path, "run")["pymodaq"][0])
    specimens = {
        "5.3.8": "5.3.8/h5py/custom_errors_nd",
        "3.6.13": "3.6.13/tabular",
        "1.4.2": "1.4.2/viewer_single_Det1D",
    }
    return unpacked(specimens[request.param], tmp_path)


def test_a_flipped_file_is_read_as_far_as_it_goes_or_refused(seed_file):
    size = seed_file.stat().st_size
    damage = [*flips(size, FLIPS, SEED), *((n * size // 8, 0) for n in range(8))]
    found = list(outcomes(seed_file, damage))
    counts = Counter(outcome for outcome, *_ in found)
    deaths = [one for one in found if "signal" in one[0]]
    told = {"read", "refused"}
    assert not [one for one in found if one[0] not in told and one not in deaths]
    assert counts["read"], "a flip in the values of an array hurts nothing else"
    # HDF5 itself dies of one in 3,000; who reads in isolation outlives that too.
    assert len(deaths) <= 1 + FLIPS // 1000
    for _, place, mask in deaths:
        outlived(seed_file, place, mask)


# Each made a text of variable length a list of such length, of which HDF5 died.
FOUND = [(37393, 172), (28185, 98), (26561, 90)]


def test_what_was_found_before_is_not_found_again(tmp_path):
    path = unpacked("5.3.8/h5py/custom_errors_nd", tmp_path)
    assert {outcome for outcome, *_ in outcomes(path, FOUND)} == {"read"}


def outlived(path, place, mask):
    good = path.read_bytes()
    damaged = bytearray(good)
    damaged[place] ^= mask
    path.write_bytes(damaged)
    with contextlib.suppress(PymoError):
        digest(path, isolated=True)
    path.write_bytes(good)


# ------------------------------------------------------------------------- journals


def leave_a_journal(folder: str, name: str) -> None:
    """What a crash leaves: run in a worker, which dies of it."""
    writer = PymodaqWriter(folder)
    for document in load(stream(name)):
        if document[0] != "stop":
            writer(*document)
    os._exit(1)


@pytest.fixture(scope="module", params=["p01", "p05"])
def journal(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashed")
    with pytest.raises(CrashError):
        run_isolated(leave_a_journal, folder, request.param)
    (path,) = folder.rglob(f"*{SUFFIX}")
    return path


def lines(journal):
    return [to_line(name, doc) for name, doc in journal]


def test_what_was_intact_before_the_damage_is_read(journal, tmp_path):
    good = journal.read_bytes()
    damaged = tmp_path / journal.name
    for place, mask in flips(len(good), 4 * FLIPS, SEED):
        data = bytearray(good)
        data[place] ^= mask
        damaged.write_bytes(data)
        try:
            before = lines(Journal(journal, end=place))
        except JournalError:  # it begins in the record that tells what it is for
            before = []
        try:
            found = lines(Journal(damaged))
        except JournalError:
            assert not before
        else:
            assert found == before


def test_recovery_makes_the_best_of_a_damaged_journal(journal, tmp_path):
    good = journal.read_bytes()
    damaged = tmp_path / journal.name
    for place, mask in flips(len(good), max(8, FLIPS // 10), SEED + 1):
        data = bytearray(good)
        data[place] ^= mask
        damaged.write_bytes(data)
        try:
            intact = list(Journal(journal, end=place))
        except JournalError:
            intact = []
        (told,) = recover(tmp_path)
        assert all(c.isprintable() for c in str(told))
        events = [doc for name, doc in intact if name == "event"]
        if any(name == "start" for name, _ in intact):
            assert told.path is not None, told
            (scan,) = open_dataset(told.path).scans
            back = {doc["uid"] for name, doc in scan.documents() if name == "event"}
            assert back >= {doc["uid"] for doc in events}
        kept = sorted(tmp_path.glob("*journal*"))
        assert told.path is not None or kept, "what was not recovered is kept"
        for path in tmp_path.iterdir():
            path.unlink()
