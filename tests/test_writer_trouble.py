"""Disks that fail, hang or fill up, folders that go, other programs: no run is lost."""

import datetime
import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from collections import namedtuple

import bluesky.plans as bp
import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from event_model import compose_run
from exactness import assert_same_documents
from ophyd.sim import SynAxis, SynSignal
from specimens import unpacked

from pymo_bluesky import PymodaqWriter, open_dataset, recover, replay, validate
from pymo_bluesky.errors import PymoError, WriteError
from pymo_bluesky.journal.appending import LOOK_AGAIN

PATIENCE = 60  # seconds: far more than any machine needs


def run_of(count=4, size=0, **metadata):
    """A run made by hand; with a size, each event has an array of so many bytes."""
    run = compose_run(metadata=metadata)
    keys = {"x": {"dtype": "number", "shape": [], "source": "sim"}}
    if size:
        keys["frame"] = {"dtype": "array", "shape": [size], "source": "sim"}
        keys["frame"]["dtype_numpy"] = "|u1"
    primary = run.compose_descriptor(name="primary", data_keys=keys)
    documents = [("start", run.start_doc), ("descriptor", primary.descriptor_doc)]
    for n in range(count):
        data = {"x": n} | ({"frame": np.full(size, n, "u1")} if size else {})
        event = primary.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0))
        documents.append(("event", event))
    return [*documents, ("stop", run.compose_stop())]


def feed(writer, documents):
    for name, doc in documents:
        writer(name, doc)
    return documents


def eventually(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def in_thread(work, *args):
    """Run in a thread; gives it, and a list of what it raised."""
    raised = []

    def guarded():
        try:
            work(*args)
        except Exception as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    return thread, raised


class Disk:
    """The disk of the journals: it can be made slow, to hang, and to fail."""

    def __init__(self, monkeypatch):
        self.works = threading.Event()
        self.works.set()
        self.fails = 0
        self.delay = 0.0
        self.writes = 0
        self.waiting = threading.Event()
        self._write = {name: getattr(os, name) for name in ("pwrite", "pwritev")}
        for name in self._write:
            monkeypatch.setattr(os, name, self._made(name))

    def _made(self, name):
        def write(*args):
            self.waiting.set()
            assert self.works.wait(PATIENCE)
            if self.fails:
                self.fails -= 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            time.sleep(self.delay)
            written = self._write[name](*args)
            self.writes += 1
            return written

        return write

    def hang(self):
        self.works.clear()
        self.waiting.clear()


@pytest.fixture
def disk(monkeypatch):
    disk = Disk(monkeypatch)
    yield disk
    disk.works.set()


# ------------------------------------------------------------------------- a disk fails


def test_a_document_the_disk_refused_once_is_not_missing(tmp_path, disk):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    feed(writer, documents[:3])
    disk.fails = 1
    with pytest.raises(WriteError, match="takes no more data: No space left"):
        writer(*documents[3])
    feed(writer, documents[4:])
    assert_same_documents(documents, replay(writer.path))
    assert list(writer.status.failed) == [documents[0][1]["uid"]]


def test_a_document_that_is_sent_again_is_there_once(tmp_path, disk):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    feed(writer, documents[:3])
    for _ in range(2):
        disk.fails = 1
        with pytest.raises(WriteError):
            writer(*documents[3])
    feed(writer, documents[3:])
    assert_same_documents(documents, replay(writer.path))


def test_a_descriptor_the_disk_refused_does_not_orphan_its_events(tmp_path, disk):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    writer(*documents[0])
    disk.fails = 1
    with pytest.raises(WriteError):
        writer(*documents[1])
    feed(writer, documents[2:])
    assert_same_documents(documents, replay(writer.path))


def test_what_memory_cannot_keep_is_told_as_lost(tmp_path, disk, caplog):
    writer = PymodaqWriter(tmp_path)
    documents = run_of(3, size=9_000_000)
    feed(writer, documents[:2])
    disk.fails = 10**6
    for document in documents[2:5]:  # 16 MiB hold one of the three
        with pytest.raises(WriteError):
            writer(*document)
    assert writer.status.pending.documents == 1
    disk.fails = 0
    writer(*documents[-1])
    assert_same_documents([*documents[:3], documents[-1]], replay(writer.path))
    with open_dataset(writer.path) as dataset:
        assert dataset.scans[0].attributes["scan_done"] is False
    kinds = {problem.kind for problem in validate(writer.path)}
    assert kinds >= {"lost-documents", "missing-events"}
    assert "2 documents are missing from its scan" in caplog.text


@pytest.mark.filterwarnings("ignore:A WriteError.*was raised by a callback")
@pytest.mark.filterwarnings("ignore:.*WriteError")
def test_a_run_whose_writer_failed_is_never_complete(tmp_path, disk):
    """Even where the RunEngine was told to ignore what callbacks raise."""
    engine = RunEngine({}, context_managers=[])
    engine.ignore_callback_exceptions = True
    writer = PymodaqWriter(tmp_path)
    engine.subscribe(writer)

    def fail(name, doc):
        if name == "event" and doc["seq_num"] == 2:
            disk.fails = 10**6

    engine.subscribe(fail)
    motor = SynAxis(name="motor")
    detector = SynSignal(name="detector", func=lambda: 1.0)
    (uid,) = engine(bp.scan([detector], motor, 0, 1, 5))
    disk.fails = 0
    assert uid in writer.status.failed
    assert uid not in writer.scans
    (left,) = writer.status.left
    assert left.exists()
    (found,) = recover(tmp_path)
    assert found.events == 2
    with open_dataset(found.path) as dataset:
        assert dataset.scans[0].attributes["scan_done"] is False
        assert dataset.scans[0].attributes["exit_status"] == "fail"


def test_an_event_that_an_earlier_callback_swallowed_is_missed(tmp_path):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    feed(writer, [*documents[:3], *documents[4:]])
    with open_dataset(writer.path) as dataset:
        assert dataset.scans[0].attributes["scan_done"] is False
    (problem,) = [p for p in validate(writer.path) if p.severity == "error"]
    assert problem.kind == "missing-events"


@pytest.mark.parametrize("kind", ["start", "descriptor", "event", "stop"])
def test_no_document_makes_a_reference_error(tmp_path, kind):
    class Thing:
        pass

    writer = PymodaqWriter(tmp_path)
    for name, doc in run_of():
        if name == kind:
            with pytest.raises(WriteError, match=f"a {kind} document was not written"):
                writer(name, {**doc, "gone": weakref.proxy(Thing())})
            break
        writer(name, doc)
    # Nor does what comes behind it, and the next run is written.
    for name, doc in run_of()[1:]:
        with pytest.raises(PymoError):
            writer(name, doc)
    writer.close()
    following = feed(writer, run_of())
    assert_same_documents(following, replay(writer.path, scan=following[0][1]["uid"]))


# ------------------------------------------------------------------- the run goes on


@pytest.fixture
def rescued(tmp_path):
    """A writer that goes on elsewhere, and where that is."""
    elsewhere = tmp_path / "elsewhere"
    writer = PymodaqWriter(
        tmp_path / "lab", on_error="continue", rescue=["/proc/nowhere", elsewhere]
    )
    return writer, elsewhere


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_folder_that_goes_is_noticed(tmp_path, how):
    lab = tmp_path / "lab"
    writer = PymodaqWriter(lab)
    documents = run_of()
    feed(writer, documents[:4])
    if how == "removed":
        shutil.rmtree(lab)
    else:
        folder = writer.path.parent
        folder.rename(tmp_path / "moved")
        folder.mkdir()
    time.sleep(LOOK_AGAIN)  # until then the journal takes documents, wherever it is
    with pytest.raises(WriteError, match=r"was (removed|moved away) while the run"):
        writer(*documents[4])


def test_a_folder_that_goes_in_the_last_moment_is_noticed_at_the_stop(tmp_path):
    writer = PymodaqWriter(tmp_path / "lab")
    documents = run_of()
    feed(writer, documents[:-1])
    shutil.rmtree(tmp_path / "lab")
    with pytest.raises(WriteError, match="was removed while the run"):
        writer(*documents[-1])


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_run_goes_on_when_its_folder_goes(tmp_path, rescued, how, caplog):
    writer, elsewhere = rescued
    documents = run_of()
    feed(writer, documents[:4])
    if how == "removed":
        shutil.rmtree(tmp_path / "lab")
    else:
        writer.path.parent.rename(tmp_path / "moved")
    time.sleep(LOOK_AGAIN)
    writer(*documents[4])
    (uid,) = writer.status.failed
    assert writer.status.rescued[0].parent == elsewhere
    assert f"THE DISK OF THE RUN {uid} FAILS" in caplog.text
    feed(writer, documents[5:])
    assert writer.paths[uid].parent == elsewhere
    assert_same_documents(documents, replay(writer.paths[uid]))
    assert f"WRITING FAILED during the run {uid}" in caplog.text
    assert not list(tmp_path.rglob("*.journal")) or how == "replaced"


@pytest.mark.parametrize("how", ["mid-run", "at the stop", "moved", "replaced"])
def test_a_delayed_run_goes_on_when_its_folder_goes(tmp_path, how):
    """Its documents wait for a thread that writes, and finds out by itself."""
    lab, elsewhere = tmp_path / "lab", tmp_path / "elsewhere"
    writer = PymodaqWriter(
        lab, on_error="continue", rescue=[elsewhere], max_pending=10**6
    )
    documents = run_of(30)
    cut = 10 if how == "mid-run" else len(documents) - 1
    feed(writer, documents[:cut])
    ((uid, run),) = writer._runs.items()
    run.outbox.drain()
    if how in ("mid-run", "at the stop"):
        shutil.rmtree(lab)
    else:
        lab.rename(tmp_path / "moved")
    if how == "replaced":
        shutil.copytree(tmp_path / "moved", lab)
    feed(writer, documents[cut:])
    path = writer.paths[uid]
    assert path.is_relative_to(lab if how == "replaced" else elsewhere)
    assert uid in writer.status.failed
    assert_same_documents(documents, replay(path))
    writer.close()


def test_a_rescued_run_survives_a_kill(tmp_path, rescued):
    writer, elsewhere = rescued
    documents = run_of()
    feed(writer, documents[:4])
    shutil.rmtree(tmp_path / "lab")
    time.sleep(LOOK_AGAIN)
    feed(writer, documents[4:5])
    shutil.copytree(elsewhere, tmp_path / "after the kill")
    (found,) = recover(tmp_path / "after the kill")
    assert_same_documents(documents[:5], list(replay(found.path))[:-1])


def test_a_run_starts_elsewhere_when_it_cannot_start_here(tmp_path, rescued, caplog):
    writer, elsewhere = rescued
    (tmp_path / "lab").write_text("a file is in the way")
    documents = feed(writer, run_of())
    ((uid, path),) = writer.paths.items()
    assert path.parent == elsewhere
    assert_same_documents(documents, replay(path))
    assert "cannot be used" in writer.status.failed[uid]
    assert f"WRITING FAILED during the run {uid}" in caplog.text


def test_a_dataset_that_cannot_be_written_sends_its_scan_elsewhere(rescued):
    writer, elsewhere = rescued
    documents = run_of()
    feed(writer, documents[:-1])
    writer.path.unlink()
    writer(*documents[-1])
    (uid,) = writer.scans
    assert writer.paths[uid].parent == elsewhere
    assert_same_documents(documents, replay(writer.paths[uid]))


def test_where_nothing_can_be_written_the_error_names_all_places(tmp_path):
    (tmp_path / "lab").write_text("a file is in the way")
    places = ["/proc/one", "/proc/two"]
    writer = PymodaqWriter(tmp_path / "lab", on_error="continue", rescue=places)
    with pytest.raises(WriteError, match=r"/proc/one: .*/proc/two: "):
        writer(*run_of()[0])
    with pytest.raises(PymoError, match="on_error='ignore'"):
        PymodaqWriter(tmp_path, on_error="ignore")


# ------------------------------------------------------------------------ a slow disk


def test_a_plan_waits_for_the_journal(tmp_path, disk):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    feed(writer, documents[:2])
    disk.hang()
    thread, raised = in_thread(feed, writer, documents[2:])
    assert disk.waiting.wait(PATIENCE)
    assert thread.is_alive()
    disk.works.set()
    thread.join(PATIENCE)
    assert not raised
    assert_same_documents(documents, replay(writer.path))


def test_with_max_pending_a_plan_goes_on_while_the_disk_hangs(tmp_path, disk):
    writer = PymodaqWriter(tmp_path, max_pending=10**6)
    documents = run_of(50)
    feed(writer, documents[:2])
    writer.flush()
    disk.hang()
    for name, doc in documents[2:-1]:
        writer(name, doc)
        doc["data"]["x"] = -1  # what waits is what was sent
    pending = writer.status.pending
    assert pending.documents == 50
    assert 0 < pending.bytes < 10**6
    assert pending.seconds > 0
    # What `pending` counts is what a kill would lose, and nothing else.
    shutil.copytree(tmp_path, tmp_path / "after the kill")
    disk.works.set()
    (found,) = recover(tmp_path / "after the kill")
    assert found.events == 0
    writer(*documents[-1])
    assert writer.status.pending.documents == 0
    values = [doc["data"]["x"] for name, doc in replay(writer.path) if name == "event"]
    assert values == list(range(50))


@pytest.mark.parametrize(
    "bound", [250_000, datetime.timedelta(milliseconds=1)], ids=["bytes", "age"]
)
def test_at_the_bound_a_plan_waits(tmp_path, disk, bound):
    writer = PymodaqWriter(tmp_path, max_pending=bound)
    documents = run_of(40, size=100_000)
    feed(writer, documents[:2])
    writer.flush()
    disk.hang()
    most = []
    thread, raised = in_thread(feed, writer, documents[2:])
    eventually(disk.waiting.is_set)
    for _ in range(20):
        most.append(writer.status.pending.bytes)
        time.sleep(0.005)
    assert thread.is_alive()
    if isinstance(bound, int):
        assert max(most) <= bound
    disk.works.set()
    thread.join(PATIENCE)
    assert not raised
    assert_same_documents(documents, replay(writer.path))


SLOW = 0.2  # seconds that a slow disk takes for each write


def test_a_plan_waits_for_a_slow_disk_and_loses_nothing(tmp_path, disk):
    writer = PymodaqWriter(tmp_path)
    documents = run_of(5)
    feed(writer, documents[:2])
    disk.delay = SLOW
    for n, document in enumerate(documents[2:-1], 1):
        began, written = time.monotonic(), disk.writes
        writer(*document)
        assert disk.writes > written
        assert time.monotonic() - began >= SLOW
        assert writer.status.pending.documents == 0
        # A kill now would lose nothing: what lies on the disk is all that was sent.
        shutil.copytree(tmp_path, tmp_path.with_name(f"after event {n}"))
    disk.delay = 0
    for n in range(1, 6):
        (found,) = recover(tmp_path.with_name(f"after event {n}"))
        assert found.events == n
    writer(*documents[-1])
    assert_same_documents(documents, replay(writer.path))


def test_with_max_pending_a_plan_goes_on_beside_a_slow_disk(tmp_path, disk):
    size, bound = 100_000, 650_000
    writer = PymodaqWriter(tmp_path, max_pending=bound)
    documents = run_of(12, size=size)
    feed(writer, documents[:2])
    writer.flush()
    disk.delay = SLOW
    before = disk.writes
    most_documents = 0
    tracemalloc.start()
    for n, document in enumerate(documents[2:-1], 1):
        writer(*document)
        pending = writer.status.pending
        assert pending.bytes <= bound
        # All that was sent waits, is being written, or was; each of them once.
        assert n - (disk.writes - before) <= pending.documents <= n
        assert size * pending.documents <= pending.bytes
        most_documents = max(most_documents, pending.documents)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # One is on its way to the disk, and one in the hand of the caller.
    assert most < bound + 3 * size
    assert most_documents > 1, "the plan waited for the disk"
    lost = writer.status.pending.documents
    shutil.copytree(tmp_path, tmp_path.with_name("after the kill"))
    disk.delay = 0
    writer(*documents[-1])
    assert writer.status.pending.documents == 0
    (found,) = recover(tmp_path.with_name("after the kill"))
    assert found.events >= 12 - lost
    assert_same_documents(documents, replay(writer.path))


def test_at_the_bound_a_plan_may_be_refused(tmp_path, disk):
    writer = PymodaqWriter(tmp_path, max_pending=150_000, when_full="raise")
    documents = run_of(4, size=100_000)
    feed(writer, documents[:2])
    writer.flush()
    disk.hang()
    writer(*documents[2])
    with pytest.raises(WriteError, match=r"1 documents wait .* this one is not record"):
        writer(*documents[3])
    disk.works.set()
    for document in documents[4:]:
        writer.flush()
        writer(*document)
    kept = [*documents[:3], *documents[4:]]
    assert_same_documents(kept, replay(writer.path))
    assert "lost-documents" in {problem.kind for problem in validate(writer.path)}
    with pytest.raises(PymoError, match="when_full='drop'"):
        PymodaqWriter(tmp_path, when_full="drop")


def test_an_error_behind_the_plan_is_raised_by_the_next_document(tmp_path, disk):
    writer = PymodaqWriter(tmp_path, max_pending=10**6)
    documents = run_of(8)
    feed(writer, documents[:3])
    writer.flush()
    disk.fails = 1
    writer(*documents[3])
    eventually(lambda: disk.fails == 0)
    (run,) = writer._runs.values()
    eventually(lambda: run.outbox._error is not None)
    with pytest.raises(WriteError, match="documents wait in memory"):
        writer(*documents[4])
    feed(writer, documents[5:])
    assert_same_documents(documents, replay(writer.path))
    assert writer.status.pending.documents == 0


def test_what_waits_at_the_exit_is_written(tmp_path):
    code = f"""
import os, time
from pymo_bluesky import PymodaqWriter
from pymo_bluesky.journal import appending
write = appending._write_all
def slow(*args):
    time.sleep(0.02)
    return write(*args)
writer = PymodaqWriter({str(tmp_path)!r}, max_pending=10**6)
writer("start", {{"uid": "4b1d", "time": 0.0}})
appending._write_all = slow
for n in range(20):
    writer("descriptor", {{"uid": str(n), "run_start": "4b1d", "name": "primary",
        "data_keys": {{}}, "time": 0.0, "configuration": {{}}, "object_keys": {{}}}})
assert writer.status.pending.documents > 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    (found,) = recover(tmp_path)
    names = [name for name, _ in replay(found.path)]
    assert names.count("descriptor") == 20


def test_building_a_scan_does_not_hold_up_the_events_of_others(tmp_path):
    writer = PymodaqWriter(tmp_path, lock_timeout=PATIENCE)
    outer, inner = run_of(6), run_of()
    feed(writer, outer[:2])
    with h5py.File(writer.path):
        feed(writer, inner)  # its scan cannot enter as long as somebody reads
        feed(writer, outer[2:-1])
        assert not writer._landing.scans
    writer(*outer[-1])
    assert list(writer.scans.values()) == ["Scan000", "Scan001"]
    for documents in (outer, inner):
        uid = documents[0][1]["uid"]
        assert_same_documents(documents, replay(writer.path, scan=uid))


def test_a_scan_that_failed_to_land_behind_is_told_at_the_end(tmp_path, caplog):
    writer = PymodaqWriter(tmp_path)
    outer, inner = run_of(6), run_of()
    feed(writer, outer[:2])
    feed(writer, inner[:-1])
    writer.path.unlink()
    feed(writer, inner[-1:])
    writer.flush()
    assert f"the run {inner[0][1]['uid']} is not in a dataset" in caplog.text
    with pytest.raises(WriteError, match="is not in a dataset"):
        feed(writer, outer[2:])
    assert len(writer.status.left) == 2
    assert sorted(result.events for result in recover(tmp_path)) == [4, 6]


# ------------------------------------------------------------------------ little space

Space = namedtuple("Space", "f_bavail f_frsize")


@pytest.fixture
def free(monkeypatch):
    """Bytes that the disk says it has."""
    bytes_ = [10**12]
    monkeypatch.setattr(os, "statvfs", lambda _: Space(bytes_[0], 1))
    return bytes_


def low(writer):
    return [p.message for p in writer.status.problems if p.kind == "low-disk-space"]


@pytest.mark.parametrize(
    ("options", "wanted"), [({}, "1 GB"), ({"compression": "gzip"}, "2 GB")]
)
def test_too_little_space_is_announced_before_the_first_event(
    tmp_path, free, caplog, options, wanted
):
    """Frames are written once where they can go to the dataset, else twice."""
    writer = PymodaqWriter(tmp_path, **options)
    documents = run_of(1, size=10**6, num_points=1000)
    free[0] = 3 * 10**9
    feed(writer, documents[:2])
    assert not low(writer)
    free[0] = 10**9
    documents = run_of(1, size=10**6, num_points=1000)
    feed(writer, documents[:2])
    (message,) = low(writer)
    assert "has 1 GB free" in message
    assert f"1000 points of 1 MB each, which want about {wanted}" in message
    assert message in caplog.text


def test_little_space_is_announced_at_the_start_of_any_run(tmp_path, free):
    writer = PymodaqWriter(tmp_path)
    free[0] = 10**6
    writer(*run_of()[0])
    assert len(low(writer)) == 1


def test_space_that_shrinks_is_announced_once_while_the_run_goes_on(tmp_path, free):
    writer = PymodaqWriter(tmp_path)
    documents = run_of(6)
    feed(writer, documents[:3])
    free[0] = 10**6
    for document in documents[3:-1]:
        for run in writer._runs.values():
            run.look_at = 0.0  # as if a second had passed
        writer(*document)
    (message,) = low(writer)
    assert "when it stops" in message


# ------------------------------------------------------ forks, threads, other programs


def test_a_forked_child_leaves_the_run_to_its_parent(tmp_path):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    feed(writer, documents[:3])
    child = os.fork()
    if child == 0:
        try:
            writer(*documents[3])
        except WriteError:
            writer.close()
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    feed(writer, documents[3:])
    assert_same_documents(documents, replay(writer.path))


def test_runs_may_come_from_several_threads(tmp_path):
    writer = PymodaqWriter(tmp_path, lock_timeout=PATIENCE)
    runs = [run_of(30, thread=n) for n in range(4)]
    threads = [in_thread(feed, writer, documents) for documents in runs]
    for thread, raised in threads:
        thread.join(PATIENCE)
        assert not raised
    assert len(set(writer.scans.values())) == 4
    for documents in runs:
        uid = documents[0][1]["uid"]
        assert_same_documents(documents, replay(writer.paths[uid], scan=uid))


READER = """
import h5py, sys
with h5py.File(sys.argv[1], "r"):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_viewer_that_stays_open_for_hours_costs_no_run(tmp_path):
    writer = PymodaqWriter(tmp_path, lock_timeout=0.05)
    runs = [feed(writer, run_of())]
    first = writer.path
    with subprocess.Popen(
        [sys.executable, "-c", READER, first], stdin=-1, stdout=-1, text=True
    ) as viewer:
        assert viewer.stdout.readline() == "open\n"
        runs += [feed(writer, run_of()) for _ in range(3)]
        viewer.send_signal(signal.SIGKILL)
    runs.append(feed(writer, run_of()))
    assert [path == first for path in writer.paths.values()] == [True, *[False] * 4]
    assert len(set(writer.paths.values())) == 2
    for documents in runs:
        uid = documents[0][1]["uid"]
        assert_same_documents(documents, replay(writer.paths[uid], scan=uid))


# -------------------------------------------------------------------- loss of power


def test_journals_are_synced_beside_the_plan(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    writer = PymodaqWriter(tmp_path, sync_interval=0.01)
    documents = run_of()
    feed(writer, documents[:-1])
    eventually(lambda: synced and synced[-1] == writer._runs.popitem()[1].journal.size)


def test_a_sync_that_failed_is_raised_by_the_next_document(tmp_path, monkeypatch):
    def fail(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = PymodaqWriter(tmp_path, sync_interval=0.01)
    documents = run_of()
    feed(writer, documents[:2])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        (run,) = writer._runs.values()
        eventually(lambda: run.journal._sync_error is not None)
    with pytest.raises(WriteError, match="could not be synced: Input/output error"):
        writer(*documents[2])
    feed(writer, documents[3:])
    assert_same_documents(documents, replay(writer.path))


# ----------------------------------------------------------------- mistakes of a user


def test_a_writer_that_was_closed_says_so_to_what_comes_behind(tmp_path):
    writer = PymodaqWriter(tmp_path)
    documents = run_of()
    feed(writer, documents[:4])
    writer.close()
    for document in documents[4:]:
        with pytest.raises(WriteError, match=r"writer\.close\(\) ended the run before"):
            writer(*document)
    assert_same_documents(documents[:4], replay(writer.path))
    feed(writer, run_of())


def test_a_dataset_of_another_layout_is_not_gone_on_with_silently(tmp_path):
    writer = PymodaqWriter(tmp_path, layout="pymodaq3")
    feed(writer, run_of())
    with pytest.raises(PymoError, match="has the layout 'pymodaq3', and layout='pymod"):
        PymodaqWriter(tmp_path, layout="pymodaq5", append_to=writer.path)
    assert PymodaqWriter(tmp_path, append_to=writer.path).layout.name == "pymodaq3"
    PymodaqWriter(tmp_path, layout="pymodaq3", append_to=writer.path)


def test_a_misspelt_field_of_a_template_is_told_once(tmp_path, caplog):
    options = {"template": "{sampel}_{start[plna_name]}_{date}", "renew": "run"}
    writer = PymodaqWriter(tmp_path, **options)
    for _ in range(2):
        feed(writer, run_of(sample="Si", plan_name="count"))
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warned) == 2
    assert "has no 'sampel' (is 'sample' meant?)" in warned[0]
    assert "has no 'plna_name' (is 'plan_name' meant?)" in warned[1]


@pytest.mark.parametrize("specimen", ["5.3.8/h5py/scan2d", "3.6.13/tabular"])
def test_a_dataset_of_pymodaq_without_log_gets_one(tmp_path, specimen, caplog):
    path = unpacked(specimen, tmp_path)
    with h5py.File(path, "r+") as file:
        (raw,) = [name for name in file if name.startswith("Raw")]
        del file[raw]["Logger"]
    with PymodaqWriter(tmp_path, append_to=path) as writer:
        documents = feed(writer, run_of())
    assert writer.paths == {documents[0][1]["uid"]: path}
    assert_same_documents(documents, replay(path, scan=-1))
    with open_dataset(path) as dataset:
        assert any("the run ends: success" in line for line in dataset.log)
