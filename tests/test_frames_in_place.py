"""Frames of a run that announces its points go to the dataset while it goes on."""

import os
import re
import shutil
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
from event_model import compose_run
from exactness import assert_same_documents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_frames import (
    SHAPE,
    assert_last_frames_are_shown,
    frame,
    grid,
    key,
    written,
)

from pymo_bluesky import PymodaqWriter, open_dataset, recover, replay, validate, verify
from pymo_bluesky.append import reserve
from pymo_bluesky.catalog.entries import Stamp
from pymo_bluesky.errors import AppendError, WriteError
from pymo_bluesky.following import follow
from pymo_bluesky.journal import ABOUT, IN, Journal, JournalWriter, frames_of
from pymo_bluesky.store import staying
from pymo_bluesky.writer import room

LAYOUTS = ("pymodaq5", "pymodaq3")
ROW = 2 * SHAPE[0] * SHAPE[1]
BEGIN = 3 * 4096  # of frames: behind an empty dataset and the mark
REWOUND = [*range(7), 5, 6, *range(7, 24)]


@pytest.fixture(autouse=True)
def _as_if_all_runs_were_large(monkeypatch):
    monkeypatch.setattr(room, "_WORTH", 1)


def lines(points, *, dtype="<u2", announced=None, motors=("x",)):
    """A run along one motor, or several together, of so many events."""
    run = compose_run(
        metadata={
            "num_points": announced or points,
            "motors": list(motors),
            "hints": {"dimensions": [[[motor], "primary"] for motor in motors]},
        }
    )
    keys = {**{motor: key() for motor in motors}, "cam": key(SHAPE, dtype)}
    made = run.compose_descriptor(name="primary", data_keys=keys)
    documents = [("start", run.start_doc), ("descriptor", made.descriptor_doc)]
    for n in range(points):
        data = {**dict.fromkeys(motors, float(n)), "cam": frame(n, dtype=dtype)}
        event = made.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0))
        documents.append(("event", event))
    return [*documents, ("stop", run.compose_stop())]


@contextmanager
def fed(folder, documents, **options):
    """A writer that has all of a run but its stop."""
    with PymodaqWriter(folder, **options) as writer:
        for name, doc in documents[:-1]:
            writer(name, doc)
        yield writer


def assert_came_back(path, documents, *, times=1.2):
    """Exactly, with a digest, and in a file not larger than the frames `times`."""
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []
    frames = [
        value
        for name, doc in documents
        if name == "event"
        for value in doc["data"].values()
        if isinstance(value, np.ndarray)
    ]
    assert path.stat().st_size < times * sum(f.nbytes for f in frames)
    beside = [p.suffix for p in path.parent.iterdir() if p.is_file()]
    assert set(beside) == {".h5"}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["<u2", "<f8", ">i2"])
def test_frames_are_written_once_and_come_back(tmp_path, layout, dtype):
    documents = grid(range(24), dtype=dtype, cameras=("cam", "second"))
    with fed(tmp_path, documents, layout=layout) as writer:
        (journal,) = tmp_path.rglob("*.journal")
        assert journal.stat().st_size < ROW
        assert frames_of(journal).samefile(writer.path)
        writer(*documents[-1])
    assert_came_back(writer.path, documents)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["<u2", "<f8"])
@pytest.mark.parametrize("points", [range(5), REWOUND, [0, 0, 0, 1, 1, 2, 3, 3]])
def test_points_measured_again_and_points_nobody_saw(tmp_path, layout, dtype, points):
    """The last frame of a point is shown, and where none is, nothing."""
    documents = grid(points, dtype=dtype)
    path = written(tmp_path, documents, layout=layout)
    assert_came_back(path, documents, times=12)
    if layout == "pymodaq5":
        assert_last_frames_are_shown(path, points, dtype)


def test_what_an_unfinished_event_left_is_not_shown(tmp_path):
    documents = lines(3, announced=10)
    with fed(tmp_path, documents) as writer:
        with frames_of(next(tmp_path.rglob("*.journal"))).open("r+b") as file:
            file.seek(BEGIN + 7 * ROW)
            file.write(b"half a frame")
        writer(*documents[-1])
    with h5py.File(writer.path) as file:
        data = file["RawData/Scan000/Detector000/Data2D/CH00/Data00"]
        assert data.id.get_offset() == BEGIN
        assert data.shape == (10, *SHAPE)
        assert not data[3:].any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("points", [10, 6, 1])
def test_a_spread_scan_whose_positions_nobody_announced(tmp_path, layout, points):
    """All of it, or as far as it came: its frames lie where they are."""
    documents = lines(points, announced=10, motors=("x", "y"))
    with fed(tmp_path, documents, layout=layout) as writer:
        (journal,) = tmp_path.rglob("*.journal")
        assert journal.stat().st_size < ROW
        writer(*documents[-1])
    assert_came_back(writer.path, documents, times=12)
    scan = open_dataset(writer.path).scans[0]
    assert (scan.shape, scan.trunk.spread) == ((points,), True)
    found = scan.detectors[0].arrays["cam"].data
    assert np.array_equal(found, [doc["data"]["cam"] for _, doc in documents[2:-1]])
    with h5py.File(writer.path) as file:
        assert file[found.path].id.get_offset() == BEGIN


@pytest.mark.parametrize("missing", [2, 3, 5])
def test_a_spread_scan_in_which_an_event_was_left_out(tmp_path, missing):
    documents = lines(8, announced=10, motors=("x", "y"))
    del documents[missing]
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []
    shown = open_dataset(path).scans[0].detectors[0].arrays["cam"].data
    assert np.array_equal(shown, [doc["data"]["cam"] for _, doc in documents[2:-1]])


@pytest.mark.parametrize("unforeseen", ["many again", "another order", "another form"])
def test_frames_that_lie_otherwise_are_copied(tmp_path, unforeseen, monkeypatch):
    monkeypatch.setattr("pymo_bluesky.recording.staying._MOST_OTHERWISE", 3 * ROW)
    again = unforeseen == "many again"
    documents = grid([*range(24), *range(24)] if again else range(24))
    if unforeseen == "another order":
        documents[0][1]["snaking"] = [False, False]
    if unforeseen == "another form":
        documents[9][1]["data"]["cam"] = frame(9, (100, 200))
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    points=st.lists(st.integers(0, 23), min_size=1, max_size=30),
    dtype=st.sampled_from(["<u2", "<f4"]),
    layout=st.sampled_from(LAYOUTS),
    snaking=st.sampled_from([[False, True], [False, False], None]),
    descending=st.booleans(),
    killed=st.booleans(),
)
def test_any_order_of_points(
    tmp_path_factory, points, dtype, layout, snaking, descending, killed
):
    folder = tmp_path_factory.mktemp("any")
    documents = grid(points, dtype=dtype, cameras=("cam", "second"))
    documents[0][1]["snaking"] = snaking
    if descending:
        del documents[0][1]["extents"]
        for name, doc in documents:
            if name == "event":
                doc["data"] |= {"x": -doc["data"]["x"], "y": -doc["data"]["y"]}
    if killed:
        left_by_a_kill(folder, documents[:-1], layout=layout)
        (found,) = recover(folder)
        documents.pop()
        back = list(replay(found.path))[:-1]
        assert recover(folder) == []
    else:
        path = written(folder, documents, layout=layout)
        assert verify(path, isolated=False) == []
        back = list(replay(path))
    assert_same_documents(documents, back)
    shutil.rmtree(folder)


def left_by_a_kill(folder, documents, **options):
    """What a process leaves that dies with a run open."""
    child = os.fork()
    if child == 0:
        writer = PymodaqWriter(folder, **options)
        for name, doc in documents:
            writer(name, doc)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def killed(folder, documents):
    left_by_a_kill(folder, documents[:-1])
    (path,) = folder.rglob("*.h5")
    (journal,) = folder.rglob("*.journal")
    return path, journal


def set_aside(folder, documents):
    """A killed run whose frames are under another name: dataset, journal and that."""
    path, journal = killed(folder, documents)
    aside = folder / "aside"
    frames_of(journal).rename(aside)
    return path, journal, aside


def assert_recovered(folder, documents):
    (found,) = recover(folder)
    assert_same_documents(documents[:-1], list(replay(found.path))[:-1])
    assert verify(found.path, isolated=False) == []
    assert recover(folder) == []
    assert {p.suffix for p in found.path.parent.iterdir()} == {".h5"}
    return found.path


def test_a_kill_loses_nothing(tmp_path):
    documents = lines(6, announced=24)
    killed(tmp_path, documents)
    assert_recovered(tmp_path, documents)


@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_whatever_becomes_of_the_dataset_of_a_killed_run(tmp_path, how):
    documents = lines(6)
    path, _ = killed(tmp_path, documents)
    if how == "renamed":
        path.rename(path.with_name("mine.h5"))
    else:
        path.unlink()
    if how == "replaced":
        with h5py.File(path, "w") as file:
            file["a"] = 1
        (found,) = recover(tmp_path)
        assert found.scan is None
        path.unlink()
    (found,) = recover(tmp_path)
    assert_same_documents(documents[:-1], list(replay(found.path))[:-1])


def test_the_dataset_may_be_removed_while_the_run_goes_on(tmp_path):
    documents = lines(6)
    with fed(tmp_path, documents) as writer:
        writer.path.unlink()
        with pytest.raises(WriteError, match="recover"):
            writer(*documents[-1])
    (found,) = recover(tmp_path)
    assert_same_documents(documents, list(replay(found.path)))


def test_the_other_name_may_be_removed_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("pymo_bluesky.journal.slots._LOOK_AGAIN", 0)
    documents = lines(6)
    with PymodaqWriter(tmp_path) as writer:
        for n, (name, doc) in enumerate(documents):
            writer(name, doc)
            if n == 4:
                frames_of(next(tmp_path.rglob("*.journal"))).unlink()
    assert_came_back(writer.path, documents, times=3)


def test_frames_without_their_file_are_told_and_kept(tmp_path):
    documents = lines(6)
    path, journal, aside = set_aside(tmp_path, documents)
    path.unlink()
    (found,) = recover(tmp_path)
    assert found.scan is None
    assert f"{frames_of(journal).name} or {path.name}" in found.message
    aside.rename(frames_of(journal))
    assert_recovered(tmp_path, documents)


def test_a_journal_that_was_put_right_is_not_taken_for_done(tmp_path):
    """A copy program left half a file, `recover` was called; then it was mended."""
    documents = lines(6)
    path, journal, aside = set_aside(tmp_path, documents)
    frames_of(journal).write_bytes(aside.read_bytes()[: BEGIN + 2 * ROW])
    (found,) = recover(tmp_path)
    assert (found.events, found.scan) == (6, "Scan000")
    assert "4 values are not in it; the journal is kept" in found.message
    back = [doc for name, doc in replay(found.path) if name == "event"]
    assert ["cam" in doc["data"] for doc in back] == [True, True, *[False] * 4]
    assert [doc["data"]["x"] for doc in back] == [0, 1, 2, 3, 4, 5]
    (scan,) = open_dataset(found.path).scans
    assert "lost-frames" in {problem.kind for problem in validate(found.path)}
    assert not scan.attributes["scan_done"]
    frames_of(journal).unlink()
    aside.rename(frames_of(journal))
    journal.with_name(f"{journal.name}.damaged").rename(journal)
    (found,) = recover(tmp_path)
    assert "4 values are not in it; the journal is kept" in found.message
    assert [p for p in path.parent.iterdir() if p.name.endswith(".damaged")]


def test_rows_that_tell_of_one_place_again_and_again(tmp_path):
    """They would make a large dataset of a small journal."""
    path, journal = killed(tmp_path, lines(4))
    data = journal.read_bytes()
    size = path.stat().st_size
    last = data[journal_end_of(data) :]
    journal.write_bytes(data + last * 200)
    names = [name for name, _ in Journal(journal)]
    assert 4 <= names.count("event") <= size // ROW


def journal_end_of(data):
    """Where the last row of a journal begins: all its rows of a form are as long."""
    uids = [m.start() for m in re.finditer(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}", data)]
    return uids[-1] - 28


def test_a_dataset_made_anew_by_another_program_is_not_written_to(tmp_path):
    documents = lines(6)
    with fed(tmp_path, documents) as writer:
        path = writer.path
        before = path.stat().st_ino
        with h5py.File(path, "w", libver=("v110", "v110")) as file:  # wipes it
            file["RawData/other"] = np.arange(10**6)
        assert path.stat().st_ino == before
        wiped = path.read_bytes()
        with pytest.raises(WriteError, match="not what was written"):
            writer(*documents[-1])
    assert path.read_bytes() == wiped


def test_nothing_is_written_into_what_another_program_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("pymo_bluesky.journal.slots._LOOK_AGAIN", 0)
    documents = lines(20)
    with fed(tmp_path, documents[:6]) as writer:  # four events
        with h5py.File(writer.path, "w", libver=("v110", "v110")) as file:
            file["other"] = np.arange(10**5)
        wiped = writer.path.read_bytes()
        for name, doc in documents[6:-1]:
            writer(name, doc)
        assert writer.path.read_bytes() == wiped
        with pytest.raises(WriteError):
            writer(*documents[-1])


def test_another_program_adds_to_the_dataset_meanwhile(tmp_path):
    documents = lines(6)
    with fed(tmp_path, documents) as writer:
        with h5py.File(writer.path, "r+") as file:
            file["mine"] = np.arange(10**5)
        writer(*documents[-1])
    with h5py.File(writer.path) as file:
        assert file["mine"][-1] == 10**5 - 1
    assert_came_back(writer.path, documents, times=4)


def test_a_dataset_that_is_held_takes_no_frames_meanwhile(tmp_path):
    """Held at the first frame: the journal takes all. At the stop: another dataset."""
    documents = lines(6)
    with PymodaqWriter(tmp_path, lock_timeout=0.0) as writer:
        for name, doc in documents[:2]:
            writer(name, doc)
        with h5py.File(writer.path):
            for name, doc in documents[2:-1]:
                writer(name, doc)
        assert next(tmp_path.rglob("*.journal")).stat().st_size > 6 * ROW
        writer(*documents[-1])
        assert_came_back(writer.path, documents)
        first, documents = writer.path, lines(6)
        for name, doc in documents[:-1]:
            writer(name, doc)
        assert next(tmp_path.rglob("*.journal")).stat().st_size < ROW
        with h5py.File(first):
            writer(*documents[-1])
    assert writer.path != first
    assert_same_documents(documents, list(replay(writer.path)))


def test_runs_that_take_turns_have_rooms_of_their_own(tmp_path):
    first, second = lines(6), lines(6)
    with PymodaqWriter(tmp_path) as writer:
        for pair in zip(first, second, strict=True):
            for name, doc in pair:
                writer(name, doc)
        path = writer.paths[first[0][1]["uid"]]
    for documents in (first, second):
        back = list(replay(path, scan=documents[0][1]["uid"]))
        assert_same_documents(documents, back)
    assert path.stat().st_size < 1.2 * 12 * ROW


def test_who_follows_the_run_sees_its_frames(tmp_path):
    documents = lines(6)
    with fed(tmp_path, documents):
        (journal,) = tmp_path.rglob("*.journal")
        stream = follow(journal, timeout=5)
        assert_same_documents(documents[:-1], [next(stream) for _ in documents[:-1]])
        stream.close()


def test_frames_that_come_are_no_change_of_the_dataset_but_a_scan_is(tmp_path):
    """Else a catalog, or who follows, looked at all scans again for each frame."""
    with fed(tmp_path, documents := lines(6)) as writer:
        path = writer.path
        before = Stamp.of(path, path.stat())
        with path.open("r+b") as file:  # as a frame: in what is reserved
            file.seek(-100, os.SEEK_END)
            file.write(b"frame")
        assert Stamp.of(path, path.stat()) == before
        other = lines(2)
        with PymodaqWriter(tmp_path / "b", append_to=path) as second:
            for name, doc in other:
                second(name, doc)
        assert Stamp.of(path, path.stat()) != before
        before = Stamp.of(path, path.stat())
        writer(*documents[-1])
        assert Stamp.of(path, path.stat()) != before


@pytest.mark.parametrize(
    "options",
    [
        {"max_pending": 10**9},
        {"on_error": "continue", "rescue": ["/tmp"]},
        {"compression": "gzip"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_where_frames_cannot_go_to_the_dataset_at_once(tmp_path, options):
    documents = lines(6)
    with fed(tmp_path, documents, **options) as writer:
        assert not list(tmp_path.rglob("*.frames"))
        writer(*documents[-1])
    assert_same_documents(documents, list(replay(writer.path)))


def test_the_disk_is_synced_with_the_frames(tmp_path, monkeypatch):
    synced = []
    documents = lines(6)
    with fed(tmp_path, documents) as writer:
        monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd)))
        writer.flush()
        frames = frames_of(next(tmp_path.rglob("*.journal"))).stat()
        assert [s.st_ino == frames.st_ino for s in synced] == [True, False]
        monkeypatch.undo()


def test_frames_that_the_disk_did_not_keep_are_told(tmp_path, monkeypatch):
    documents = lines(6)
    with fed(tmp_path, documents[:5]) as writer:

        def fails(fd):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", fails)
        with pytest.raises(WriteError, match="could not be synced"):
            writer.flush()
        monkeypatch.undo()
        with pytest.raises(WriteError, match="could not be synced"):
            writer(*documents[4])
        for name, doc in documents[5:]:
            writer(name, doc)
    assert writer.status.failed


def test_a_start_of_which_nothing_can_be_foreseen_costs_no_event(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError("a start that nobody thought of")

    monkeypatch.setattr("pymo_bluesky.writer.callback.expected_order", fails)
    documents = lines(6)
    path = written(tmp_path, documents)
    assert_came_back(path, documents)


def test_a_point_that_the_plan_visits_twice(tmp_path):
    documents = grid(range(24))
    indexes = [list(map(int, np.unravel_index(n, (6, 4)))) for n in range(24)]
    indexes[5] = indexes[4]
    documents[0][1]["pymodaq"] = {"indexes": indexes}
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []


def test_one_point_of_many_cameras_measured_again(tmp_path, monkeypatch):
    """What an append writes over is bounded for all arrays together."""
    monkeypatch.setattr("pymo_bluesky.recording.staying._MOST_OTHERWISE", 4 * ROW)
    monkeypatch.setattr("pymo_bluesky.append.overlay.MEMORY_LIMIT", 8 * ROW)
    cameras = [f"cam{n}" for n in range(10)]
    documents = grid([0, 1, 2, 2, 3], cameras=cameras)
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))


def test_the_last_point_measured_again(tmp_path):
    documents = lines(6)
    again = {**documents[-2][1], "uid": f"{0:036}"}
    again["data"] = {**again["data"], "cam": frame(99)}
    documents.insert(-1, ("event", again))
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert path.stat().st_size < 1.2 * 7 * ROW


def test_a_header_that_nobody_knows_costs_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(staying, "_VERSIONS", (b"\x09",))
    documents = lines(6)
    path = written(tmp_path, documents)
    assert_came_back(path, documents, times=2.2)
    with h5py.File(path) as file:
        assert set(file) <= {"RawData", "Logger"}


def test_arrays_of_the_scan_are_read_and_drawn(tmp_path):
    path = written(tmp_path, documents := lines(6))
    with open_dataset(path) as dataset:
        array = dataset.scans[0].to_xarray()["cam"]
    np.testing.assert_array_equal(array[3], documents[5][1]["data"]["cam"])


# ------------------------------------------------------------------- what is not ours


@pytest.mark.parametrize(
    "names", [None, 5, [], [7], ["../../etc/passwd"], ["/etc/passwd"], {"a": 1}]
)
def test_a_journal_that_names_no_file_for_its_frames(tmp_path, names):
    """Nothing outside is looked at, and nothing is lost: it is said."""
    documents = lines(4)
    path, journal = killed(tmp_path, documents)
    with JournalWriter(tmp_path / "other", {}) as made:
        begin = made.size
        made.append(ABOUT, {IN: names})
    amended = (tmp_path / "other").read_bytes()[begin:]
    data = journal.read_bytes()
    end = data.rindex(documents[2][1]["uid"].encode()) - 28  # its first row
    journal.write_bytes(data[:end] + amended + data[end:])
    if names in ([], [7], None, 5, {"a": 1}):
        frames_of(journal).unlink()
    (found,) = recover(tmp_path)
    assert found.scan is None or found.events == 0
    kept = [p for p in path.parent.iterdir() if ".journal" in p.name]
    assert kept


def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path):
    documents = lines(4)
    path, journal, aside = set_aside(tmp_path, documents)
    path.unlink()
    frames_of(journal).symlink_to(aside)
    (found,) = recover(tmp_path)
    assert found.scan is None
    assert aside.stat().st_size > 4 * ROW


def test_room_in_files_of_any_format(tmp_path):
    for n, libver in enumerate(["earliest", "v108", "v110", "latest"]):
        path = tmp_path / f"{n}.h5"
        with h5py.File(path, "w", libver=libver) as file:
            file["a"] = np.arange(5)
        places, end = reserve(path, [5000, 1])
        assert [place % 4096 for place in places] == [0, 0]
        assert path.stat().st_size == end
        with h5py.File(path, "r+") as file:
            file["b"] = np.arange(10**5)
            assert file["b"].id.get_offset() >= end
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["a"], np.arange(5))
            np.testing.assert_array_equal(file["b"], np.arange(10**5))


def test_no_room_in_a_dataset_that_was_cut_off(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="v110") as file:
        file["a"] = np.arange(10**5)
    os.truncate(path, path.stat().st_size // 2)
    before = path.read_bytes()
    with pytest.raises(AppendError, match="cut off"):
        reserve(path, [5000])
    assert path.read_bytes() == before


def test_no_room_where_there_are_no_locks(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    h5py.File(path, "w").close()
    before = path.read_bytes()

    def refuses(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuses)
    with pytest.raises(AppendError, match="no locks"):
        reserve(path, [5000])
    assert path.read_bytes() == before


def test_room_is_empty_behind_a_killed_append(tmp_path):
    path = tmp_path / "a.h5"
    h5py.File(path, "w").close()
    with path.open("ab") as file:
        file.write(b"left" * 10_000)
    (place,), end = reserve(path, [40_000])
    assert not any(path.read_bytes()[place:end])


def test_a_second_name_without_a_journal_goes_but_not_the_last(tmp_path):
    path = tmp_path / "a.h5"
    h5py.File(path, "w").close()
    second = tmp_path / "a.run.frames"
    second.hardlink_to(path)
    assert recover(tmp_path) == []
    assert not second.exists()
    path.rename(second)
    assert recover(tmp_path) == []
    assert second.exists()


def test_no_room_in_what_is_no_usual_dataset(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["a"] = 1
    paged = tmp_path / "b.h5"
    h5py.File(paged, "w", fs_strategy="page", fs_persist=True, libver="v110").close()
    text = tmp_path / "c.h5"
    text.write_text("no HDF5")
    for unusual in (path, paged, text):
        before = unusual.read_bytes()
        with pytest.raises(AppendError):
            reserve(unusual, [5000])
        assert unusual.read_bytes() == before
