"""A dataset grows by whole scans, and by nothing else."""

import contextlib
import os
import tempfile
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymo_bluesky.append import appending, creating, roll_back
from pymo_bluesky.append.overlay import MEMORY_LIMIT, PAGE, Change, Overlay, Superblock
from pymo_bluesky.append.undo import Undo
from pymo_bluesky.errors import AppendError, DatasetBusyError

LIBVERS = [("v110", "v110"), ("earliest", "latest")]
as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def add_scan(target, number: int, mode: str = "r+", libver=LIBVERS[0]):
    with h5py.File(target, mode, libver=libver) as file:
        scan = file.require_group("RawData").create_group(f"Scan{number:03d}")
        scan["Data00"] = np.full(25, number)
        scan.attrs["title"] = f"scan {number}"


def scans(dataset: Path) -> dict[str, int]:
    with h5py.File(dataset, "r") as file:
        return {name: int(scan["Data00"][7]) for name, scan in file["RawData"].items()}


def folder_of(dataset: Path) -> list[str]:
    return sorted(path.name for path in dataset.parent.iterdir())


@pytest.fixture(params=LIBVERS, ids=["superblock 3", "superblock 0"])
def dataset(request, tmp_path) -> Path:
    path = tmp_path / "Dataset_20260101_000.h5"
    add_scan(path, 0, "w", request.param)
    return path


@pytest.fixture
def torn(dataset: Path) -> tuple[Path, bytes]:
    """A dataset whose append was killed while it changed the pages; what it was."""
    before = dataset.read_bytes()
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
        undo = Undo(overlay.base, overlay.size, overlay.changes())
    with dataset.open("r+b") as file:
        last = undo.changes[-1]
        file.seek(last.offset)
        file.write(last.old[: len(last.old) // 2])
    undo.write(dataset)
    return dataset, before


# --- the whole way -----------------------------------------------------------------


def test_scans_are_added_one_by_one_and_nothing_else_is_left(dataset):
    for number in (1, 2, 3):
        with appending(dataset) as overlay:
            add_scan(overlay, number)
    assert scans(dataset) == {"Scan000": 0, "Scan001": 1, "Scan002": 2, "Scan003": 3}
    assert folder_of(dataset) == [dataset.name]


def test_the_result_is_byte_for_byte_what_hdf5_writes_through_a_file(dataset):
    direct = dataset.with_name("direct.h5")
    direct.write_bytes(dataset.read_bytes())
    for number in range(1, 6):
        # Through a file object, too: by path, HDF5 packs metadata in other places.
        with direct.open("r+b", buffering=0) as file:
            add_scan(file, number)
        with appending(dataset) as overlay:
            add_scan(overlay, number)
        assert dataset.read_bytes() == direct.read_bytes()


def test_until_the_commit_the_dataset_holds_what_it_held(dataset):
    before = dataset.read_bytes()
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
        assert dataset.read_bytes()[: len(before)] == before
        with h5py.File(dataset, "r", locking=False) as file:
            assert list(file["RawData"]) == ["Scan000"]
    assert "Scan001" in scans(dataset)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_body_that_raises_leaves_every_byte(dataset, error):
    before = dataset.read_bytes()

    def interrupted():
        with appending(dataset) as overlay:
            add_scan(overlay, 1)
            raise error("in the middle")

    with pytest.raises(error, match="in the middle"):
        interrupted()
    assert dataset.read_bytes() == before
    assert folder_of(dataset) == [dataset.name]


def test_other_programs_append_before_and_after_us(dataset):
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
    add_scan(dataset, 2)
    with appending(dataset) as overlay:
        add_scan(overlay, 3)
    assert scans(dataset) == {"Scan000": 0, "Scan001": 1, "Scan002": 2, "Scan003": 3}


def test_an_append_that_removes_something_keeps_the_rest(dataset):
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
    with appending(dataset) as overlay, h5py.File(overlay, "r+") as file:
        del file["RawData/Scan001"]
    assert scans(dataset) == {"Scan000": 0}
    with appending(dataset) as overlay:
        add_scan(overlay, 2)
    assert scans(dataset) == {"Scan000": 0, "Scan002": 2}


def test_an_hdf5_file_left_open_is_refused(dataset):
    before = dataset.read_bytes()

    def careless():
        with appending(dataset) as overlay:
            file = h5py.File(overlay, "r+", libver=LIBVERS[0])
            file["forgotten"] = np.arange(10_000)
            return file

    with pytest.raises(AppendError, match="was not closed"):
        careless().close()
    assert dataset.read_bytes() == before


def test_bytes_a_killed_append_left_beyond_the_end_are_not_kept(dataset):
    with dataset.open("ab") as file:
        file.write(b"\xee" * 50_000)
    with appending(dataset) as overlay:
        assert overlay.base < 50_000
        with h5py.File(overlay, "r+") as file:
            # Never filled by HDF5: it would show what lay there.
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            space = h5py.h5s.create_simple((40_000,))
            h5py.h5d.create(file.id, b"empty", h5py.h5t.NATIVE_UINT8, space, plist)
            file["after"] = np.arange(5)
    with h5py.File(dataset) as file:
        assert not file["empty"][()].any()


# --- the file object -----------------------------------------------------------------


def test_the_superblock_tells_the_end_of_a_real_file(dataset):
    head = dataset.read_bytes()[:64]
    assert Superblock.parse(head) == Superblock(dataset.stat().st_size, False)
    version = head[8]
    with h5py.File(dataset, "r+", locking=False):
        flagged = Superblock.parse(dataset.read_bytes()[:64])
    assert flagged is not None
    assert flagged.open_for_write == (version == 3)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["write", "truncate"]),
        st.integers(0, 5 * PAGE),
        st.binary(max_size=3 * PAGE),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(old=st.binary(max_size=3 * PAGE), operations=OPERATIONS)
def test_it_reads_like_a_file_and_writes_nothing_over_the_old(old, operations):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "any.bin")
        path.write_bytes(old)
        wanted = bytearray(old)
        with appending(path) as overlay:
            for name, offset, data in operations:
                if name == "write":
                    overlay.seek(offset)
                    overlay.write(data)
                    gap = offset + len(data) - len(wanted)
                    wanted.extend(bytes(max(gap, 0)))
                    wanted[offset : offset + len(data)] = data
                else:
                    # The old end is where it shrinks to at most: see `Overlay`.
                    size = max(offset, len(old))
                    overlay.truncate(size)
                    wanted = wanted[:size].ljust(size, b"\0")
            overlay.seek(0)
            assert overlay.read(len(wanted)) == wanted
            assert path.read_bytes()[: len(old)] == old
        assert path.read_bytes() == wanted


def test_frames_go_to_the_disk_and_not_to_memory(dataset):
    block = bytes(1 << 20)
    with appending(dataset) as overlay:
        tracemalloc.start()
        with h5py.File(overlay, "r+") as file:
            shape = (64, len(block))
            frames = file.create_dataset("frames", shape, "u1", chunks=(1, len(block)))
            for i in range(64):
                frames.id.write_direct_chunk((i, 0), block)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert dataset.stat().st_size > 64 << 20
    assert peak < 1 << 20


def test_a_failed_write_is_told_at_the_end_and_metadata_read_back(tmp_path):
    path = tmp_path / "read-only"
    path.write_bytes(bytes(100))
    fd = os.open(path, os.O_RDONLY)
    overlay = Overlay(fd)
    overlay.seek(PAGE)
    assert overlay.write(b"metadata") == 8
    assert isinstance(overlay.error, OSError)
    first = overlay.error
    overlay.write(bytes(1 << 20))  # dropped
    overlay.seek(PAGE)
    assert overlay.read(8) == b"metadata"
    with pytest.raises(OSError, match=first.strerror):
        overlay.check()
    os.close(fd)


def test_after_a_failure_memory_stays_bounded(tmp_path):
    path = tmp_path / "read-only"
    path.write_bytes(b"")
    fd = os.open(path, os.O_RDONLY)
    overlay = Overlay(fd)
    tracemalloc.start()
    for _ in range(2 * MEMORY_LIMIT // PAGE):
        overlay.write(bytes(PAGE))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * MEMORY_LIMIT
    os.close(fd)


def test_rewriting_what_is_there_has_a_bound(tmp_path):
    path = tmp_path / "old.bin"
    path.write_bytes(bytes(MEMORY_LIMIT + PAGE))

    def rewrite():
        with appending(path) as overlay:
            overlay.write(b"\1" * (MEMORY_LIMIT + PAGE))

    with pytest.raises(AppendError, match="16 MiB of what is already there"):
        rewrite()
    assert not any(path.read_bytes())


# --- other programs ------------------------------------------------------------------


def test_a_reader_is_seen_and_told_of(dataset):
    before = dataset.read_bytes()
    with (
        h5py.File(dataset, "r"),
        pytest.raises(DatasetBusyError, match="has it open"),
        appending(dataset, lock_timeout=0.05),
    ):
        pytest.fail("the body must not start")
    assert dataset.read_bytes() == before


def test_no_one_opens_the_dataset_while_a_scan_is_added(dataset):
    with appending(dataset) as overlay:
        for mode in ("r", "r+"):
            with pytest.raises(BlockingIOError):
                h5py.File(dataset, mode)
        with (
            pytest.raises(DatasetBusyError),
            appending(dataset, lock_timeout=0),
        ):
            pytest.fail("two at once")
        add_scan(overlay, 1)
    assert "Scan001" in scans(dataset)


def test_a_writer_without_locks_is_noticed_and_not_harmed(dataset):
    def race():
        with appending(dataset) as overlay:
            add_scan(overlay, 1)
            with h5py.File(dataset, "r+", locking=False) as file:
                file["RawData"].create_group("Scan007")["Data00"] = np.full(5000, 7)

    with pytest.raises(AppendError, match="changed by another program"):
        race()
    assert scans(dataset) == {"Scan000": 0, "Scan007": 7}


def test_a_dataset_that_was_replaced_meanwhile_is_left_alone(dataset, tmp_path):
    other = tmp_path / "other.h5"
    add_scan(other, 5, "w")

    def race():
        with appending(dataset) as overlay:
            add_scan(overlay, 1)
            other.rename(dataset)

    with pytest.raises(AppendError, match="replaced"):
        race()
    assert scans(dataset) == {"Scan005": 5}
    assert folder_of(dataset) == [dataset.name]


def test_a_dataset_that_was_removed_meanwhile_is_told(dataset):
    def race():
        with appending(dataset):
            dataset.unlink()

    with pytest.raises(AppendError, match="removed or moved"):
        race()
    assert folder_of(dataset) == []


def test_a_symbolic_link_is_followed(dataset, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = elsewhere / "link.h5"
    link.symlink_to(dataset)
    with appending(link) as overlay:
        add_scan(overlay, 1)
    assert link.is_symlink()
    assert "Scan001" in scans(dataset)
    assert folder_of(link) == ["link.h5"]


@pytest.mark.parametrize("name", ["missing.h5", ".", "a\0b.h5"])
def test_what_is_no_dataset_is_refused(tmp_path, name):
    with pytest.raises(AppendError), appending(tmp_path / name):
        pytest.fail("the body must not start")


@as_root
def test_a_read_only_dataset_or_folder_is_refused_before_the_body(dataset):
    dataset.chmod(0o444)
    with pytest.raises(AppendError, match="Permission denied"), appending(dataset):
        pytest.fail("the body must not start")
    dataset.chmod(0o644)
    dataset.parent.chmod(0o555)
    try:
        with pytest.raises(AppendError, match="read-only"), appending(dataset):
            pytest.fail("the body must not start")
        with (
            pytest.raises(AppendError, match="cannot be made"),
            creating(dataset.with_name("new.h5")),
        ):
            pytest.fail("the body must not start")
    finally:
        dataset.parent.chmod(0o755)


# --- rolling back --------------------------------------------------------------------


def test_a_torn_append_is_rolled_back_by_whoever_comes_next(torn):
    dataset, before = torn
    assert roll_back(dataset) is True
    assert dataset.read_bytes() == before
    assert roll_back(dataset) is False
    assert folder_of(dataset) == [dataset.name]


def test_a_torn_append_is_rolled_back_through_a_link(torn):
    dataset, before = torn
    link = dataset.with_name("link.h5")
    link.symlink_to(dataset)
    assert roll_back(link) is True
    assert dataset.read_bytes() == before


def test_the_next_append_rolls_back_first(torn):
    dataset, _ = torn
    with appending(dataset) as overlay:
        add_scan(overlay, 2)
    assert scans(dataset) == {"Scan000": 0, "Scan002": 2}


def test_no_one_rolls_back_an_append_that_lives(dataset):
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
        Undo(overlay.base, overlay.size, overlay.changes()).write(dataset)
        with pytest.raises(DatasetBusyError):
            roll_back(dataset, lock_timeout=0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda undo: b"", "begin"),
        (lambda undo: b"someone else's undo file", "begin"),
        (lambda undo: undo[:-1], "checksum"),
        (lambda undo: undo[:200] + b"!" + undo[201:], "checksum"),
    ],
)
def test_a_foreign_or_damaged_undo_file_changes_nothing(torn, damage, message):
    dataset, _ = torn
    left = dataset.with_name(dataset.name + ".undo")
    left.write_bytes(damage(left.read_bytes()))
    before = dataset.read_bytes()
    with pytest.raises(AppendError, match=message):
        roll_back(dataset)
    assert dataset.read_bytes() == before
    assert left.exists()


def test_a_scan_added_by_another_program_since_is_not_rolled_back(dataset):
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
        undo = Undo(overlay.base, overlay.size, overlay.changes())
    undo.write(dataset)  # as if killed between the last page and the end
    add_scan(dataset, 2)
    with pytest.raises(AppendError, match="changed by another program since"):
        roll_back(dataset)
    assert scans(dataset) == {"Scan000": 0, "Scan001": 1, "Scan002": 2}


CHANGES = st.builds(
    Change,
    offset=st.integers(0, 2**63 - 1),
    old=st.binary(max_size=50),
    new=st.binary(max_size=50),
)


@given(st.lists(CHANGES, max_size=5), st.data())
def test_an_undo_file_reads_back_and_no_flipped_bit_passes(changes, data):
    undo = Undo(7, 9, tuple(changes))
    encoded = bytearray(undo.encode())
    assert Undo.decode(bytes(encoded)) == undo
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match=r"begin|checksum"):
        Undo.decode(bytes(encoded))


# --- new datasets --------------------------------------------------------------------


def test_a_new_dataset_appears_when_it_is_complete(tmp_path):
    dataset = tmp_path / "new.h5"
    with creating(dataset) as overlay:
        add_scan(overlay, 0, "w")
        assert not dataset.exists()
    assert scans(dataset) == {"Scan000": 0}
    assert folder_of(dataset) == ["new.h5"]
    assert dataset.stat().st_nlink == 1


def test_a_new_dataset_that_fails_leaves_nothing(tmp_path):
    def interrupted():
        with creating(tmp_path / "new.h5") as overlay:
            add_scan(overlay, 0, "w")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_never_replaced(dataset):
    before = dataset.read_bytes()
    with pytest.raises(AppendError, match="exists"), creating(dataset):
        pytest.fail("the body must not start")

    def race():
        with creating(dataset.with_name("new.h5")) as overlay:
            add_scan(overlay, 0, "w")
            dataset.rename(dataset.with_name("new.h5"))

    with pytest.raises(AppendError, match="exists"):
        race()
    assert dataset.with_name("new.h5").read_bytes() == before
    assert folder_of(dataset) == ["new.h5"]


def test_two_programs_do_not_make_one_dataset(tmp_path):
    dataset = tmp_path / "new.h5"
    with creating(dataset) as overlay:
        with pytest.raises(DatasetBusyError), creating(dataset):
            pytest.fail("two at once")
        add_scan(overlay, 0, "w")
    assert scans(dataset) == {"Scan000": 0}


def test_what_a_killed_maker_left_is_removed_and_a_linked_dataset_lives(dataset):
    # Killed after the link: both names lead to one complete file.
    fresh = dataset.with_name("fresh.h5")
    dataset.with_name("fresh.h5.new").hardlink_to(dataset)
    with creating(fresh) as overlay:
        add_scan(overlay, 3, "w")
    assert scans(fresh) == {"Scan003": 3}
    assert scans(dataset) == {"Scan000": 0}
    assert folder_of(dataset) == sorted([dataset.name, "fresh.h5"])


def test_a_second_name_left_by_a_killed_maker_goes_with_the_next_append(dataset):
    with contextlib.suppress(FileExistsError):
        dataset.with_name(dataset.name + ".new").hardlink_to(dataset)
    with appending(dataset) as overlay:
        add_scan(overlay, 1)
    assert folder_of(dataset) == [dataset.name]
