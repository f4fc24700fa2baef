"""The writer as a bluesky callback: runs in any order, and none is lost."""

import gc
import os
import shutil
import time
import weakref

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import h5py
import pytest
from bluesky import RunEngine
from corpus import load, stream
from event_model import compose_run
from exactness import assert_same_documents, runs_of
from ophyd.sim import SynAxis, SynSignal

from pymo_bluesky import PymodaqWriter, export, recover, replay
from pymo_bluesky.errors import LayoutError, PymoError, WriteError
from pymo_bluesky.journal import JournalWriter
from pymo_bluesky.journal.appending import LOOK_AGAIN


@pytest.fixture
def motor():
    return SynAxis(name="motor")


@pytest.fixture
def detector(motor):
    return SynSignal(name="detector", func=lambda: motor.position**2)


class Session:
    """A RunEngine with a writer, and what it emitted."""

    def __init__(self, writer) -> None:
        self.writer = writer
        self.engine = RunEngine({}, context_managers=[])
        self.documents: list = []
        self.engine.subscribe(writer)
        self.engine.subscribe(lambda name, doc: self.documents.append((name, doc)))

    def assert_all_written(self) -> None:
        runs = runs_of(self.documents)
        for uid, documents in runs.items():
            assert_same_documents(documents, replay(self.writer.paths[uid], scan=uid))


@pytest.fixture
def session(tmp_path):
    return Session(PymodaqWriter(tmp_path))


def run_of(count=3, **metadata):
    """A run made by hand, document by document."""
    run = compose_run(metadata=metadata)
    yield "start", run.start_doc
    keys = {"x": {"dtype": "number", "shape": [], "source": "sim"}}
    primary = run.compose_descriptor(name="primary", data_keys=keys)
    yield "descriptor", primary.descriptor_doc
    for n in range(count):
        yield "event", primary.compose_event(data={"x": n}, timestamps={"x": 0.0})
    yield "stop", run.compose_stop()


def feed(writer, documents) -> list:
    documents = list(documents)
    for name, doc in documents:
        writer(name, doc)
    return documents


def left_in(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# ------------------------------------------------------------------- with a RunEngine


def test_a_subscribed_writer_is_held_by_the_run_engine(tmp_path, motor, detector):
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(PymodaqWriter(tmp_path))  # nobody else knows it
    gc.collect()
    engine(bp.scan([detector], motor, 0, 1, 3))
    (dataset,) = tmp_path.rglob("*.h5")
    assert [name for name, _ in replay(dataset)][-1] == "stop"


def test_when_the_plan_returns_the_run_is_in_the_dataset(session, motor, detector):
    session.engine(bp.scan([detector], motor, 0, 1, 3))
    (uid,) = session.writer.paths
    assert session.writer.paths[uid] == session.writer.path
    assert session.writer.scans[uid] == "Scan000"
    assert session.writer.status.written == 1
    session.assert_all_written()


def test_a_dataset_has_pymodaqs_path_and_name(session, tmp_path, detector):
    session.engine(bp.count([detector]))
    day = time.strftime("%Y%m%d", time.localtime(session.documents[0][1]["time"]))
    expected = tmp_path / day[:4] / day / f"Dataset_{day}_000.h5"
    assert session.writer.path == expected


def test_runs_within_runs_are_scans_of_their_own(session, motor, detector):
    @bpp.set_run_key_decorator("outer")
    @bpp.run_decorator(md={"purpose": "outer"})
    def outer():
        for n in range(2):
            yield from bps.mv(motor, n)
            yield from bps.trigger_and_read([motor])
            yield from bpp.set_run_key_wrapper(bp.count([detector], 2), f"inner {n}")

    session.engine(outer())
    assert sorted(session.writer.scans.values()) == ["Scan000", "Scan001", "Scan002"]
    session.assert_all_written()


def test_a_plan_that_fails_leaves_its_run_in_the_dataset(session, detector):
    @bpp.run_decorator()
    def plan():
        yield from bps.trigger_and_read([detector])
        raise RuntimeError("vacuum lost")

    with pytest.raises(RuntimeError, match="vacuum lost"):
        session.engine(plan())
    session.assert_all_written()
    assert session.documents[-1][1]["exit_status"] == "fail"


# ---------------------------------------------------------------------------- by hand


def test_interleaved_runs_are_kept_apart(tmp_path):
    writer = PymodaqWriter(tmp_path)
    runs = [list(run_of(4, number=n)) for n in range(3)]
    for step in zip(*runs, strict=True):
        feed(writer, step)
    for run in runs:
        uid = run[0][1]["uid"]
        assert_same_documents(run, replay(writer.path, scan=uid))
    assert len(set(writer.scans.values())) == 3


def test_a_run_that_never_stopped_is_written_when_the_writer_closes(tmp_path):
    with PymodaqWriter(tmp_path) as writer:
        documents = feed(writer, list(run_of(3))[:-1])
        assert writer.status.runs == 1
    assert writer.status.runs == 0
    assert_same_documents(documents, replay(writer.path))


def test_events_are_safe_before_the_run_stops(tmp_path):
    writer = PymodaqWriter(tmp_path / "lab")
    documents = feed(writer, list(run_of(3))[:-1])
    # What lies on the disk at this moment is what a kill would leave.
    shutil.copytree(tmp_path / "lab", tmp_path / "after the kill")
    (found,) = recover(tmp_path / "after the kill")
    back = list(replay(found.path))
    assert_same_documents(documents, back[:-1])
    assert back[-1][1]["pymodaq"] == {"synthesised": True}


def test_nothing_is_left_beside_the_dataset(tmp_path):
    writer = PymodaqWriter(tmp_path)
    feed(writer, run_of())
    assert left_in(tmp_path) == [str(writer.path.relative_to(tmp_path))]


def test_a_document_may_be_changed_after_the_call(tmp_path):
    writer = PymodaqWriter(tmp_path)
    for name, doc in list(run_of(2, sample="Si")):
        writer(name, doc)
        if name == "event":
            doc["data"].clear()
        if name == "start":
            doc["sample"] = "Ge"
    back = list(replay(writer.path))
    assert back[0][1]["sample"] == "Si"
    assert [doc["data"] for name, doc in back if name == "event"] == [
        {"x": 0},
        {"x": 1},
    ]


def test_flush_brings_the_journals_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    writer = PymodaqWriter(tmp_path)
    feed(writer, list(run_of())[:-1])
    writer.flush()
    assert len(synced) == 1


# ------------------------------------------------------------------ what must not pass


def test_an_unknown_layout_is_told_at_once(tmp_path):
    with pytest.raises(
        LayoutError, match="'pymodaq4'; there are 'pymodaq5', 'pymodaq3'"
    ):
        PymodaqWriter(tmp_path, layout="pymodaq4")
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", ["stop", "descriptor", "event", "datum"])
def test_a_document_of_no_run_is_refused_with_its_uid(tmp_path, name):
    doc = {"uid": "4b1d", "run_start": "gone", "descriptor": "gone", "resource": "gone"}
    with pytest.raises(PymoError, match=r"4b1d.*subscribe the writer before the run"):
        PymodaqWriter(tmp_path)(name, doc)


def test_a_run_cannot_start_twice(tmp_path):
    writer = PymodaqWriter(tmp_path)
    start = {"uid": "4b1d", "time": 0.0}
    writer("start", start)
    with pytest.raises(PymoError, match="4b1d has started already"):
        writer("start", start)


@pytest.mark.parametrize("where", ["", "2026"])
def test_a_file_in_place_of_a_folder_is_told(tmp_path, where):
    base = tmp_path / "data"
    if where:
        base.mkdir()
    (base / where).write_text("not a folder")
    before = left_in(tmp_path)
    writer = PymodaqWriter(base)
    with pytest.raises(WriteError, match=r"cannot be used: .*Nothing was recorded"):
        writer("start", {"uid": "4b1d", "time": 1.79e9})
    assert left_in(tmp_path) == before
    assert writer.status.runs == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="Permission denied"):
        PymodaqWriter(tmp_path)("start", {"uid": "4b1d", "time": 1.79e9})


def test_a_reference_error_never_leaves_for_bluesky_would_unsubscribe(tmp_path):
    class Thing:
        pass

    writer = PymodaqWriter(tmp_path)
    with pytest.raises(WriteError, match="a start document was not written"):
        writer("start", {"uid": "4b1d", "time": 0.0, "thing": weakref.proxy(Thing())})


def test_a_run_engine_stops_at_a_document_that_is_not_safe(session, detector):
    def plan():
        yield from bps.open_run()
        yield from bps.trigger_and_read([detector])
        for journal in session.writer.directory.rglob("*.journal"):
            journal.unlink()
        yield from bps.sleep(LOOK_AGAIN)
        yield from bps.trigger_and_read([detector])

    with pytest.raises(WriteError, match="was removed while the run went on"):
        session.engine(plan())


# ------------------------------------------------------------- a dataset that is in use


def test_a_dataset_that_is_read_at_the_wrong_moment_costs_no_run(tmp_path, caplog):
    writer = PymodaqWriter(tmp_path, lock_timeout=0.1)
    first = feed(writer, run_of())
    taken = writer.path
    with h5py.File(taken):
        began = time.monotonic()
        second = feed(writer, run_of())
        assert 0.1 <= time.monotonic() - began < 2
    assert writer.path.name.endswith("_001.h5")
    assert f"{taken}: another program has it open" in caplog.text
    assert "The scan goes to a new dataset" in caplog.text
    assert_same_documents(first, replay(taken))
    assert_same_documents(second, replay(writer.path))
    third = feed(writer, run_of())
    assert_same_documents(third, replay(writer.path, scan="Scan001"))


def test_a_dataset_that_is_read_for_a_moment_is_waited_for(tmp_path):
    writer = PymodaqWriter(tmp_path, lock_timeout=5)
    feed(writer, run_of())
    reader = h5py.File(writer.path)
    *before, stop = run_of()
    feed(writer, before)
    reader.close()
    feed(writer, [stop])
    assert [*writer.scans.values()] == ["Scan000", "Scan001"]


def test_a_dataset_that_was_removed_leaves_the_run_in_its_journal(tmp_path):
    writer = PymodaqWriter(tmp_path)
    *documents, stop = run_of()
    feed(writer, documents)
    writer.path.unlink()
    with pytest.raises(WriteError, match=r"Its documents are safe in .*journal"):
        feed(writer, [stop])
    (found,) = recover(tmp_path)
    assert_same_documents([*documents, stop], replay(found.path))
    after = feed(writer, run_of())
    assert_same_documents(after, replay(writer.path, scan=after[0][1]["uid"]))


def test_a_journal_cannot_steer_the_terminal_or_name_files_so(tmp_path):
    about = {"run": "\x1b[31m", "dataset": "../\x1b[2Jx\u202e.h5", "layout": "pymodaq5"}
    documents = list(run_of())
    with JournalWriter(tmp_path / "run.journal", about) as journal:
        for name, doc in documents:
            journal.append(name, doc)
    (found,) = recover(tmp_path)
    assert str(found).isprintable()
    assert left_in(tmp_path) == ["[2Jx_.h5"]
    assert_same_documents(documents, replay(found.path))


# ----------------------------------------------------------------------------- export


def test_an_export_of_nothing_writes_nothing(tmp_path):
    assert export([], tmp_path / "new") == {}
    assert left_in(tmp_path) == []


def test_an_export_takes_a_generator_and_makes_the_folder(tmp_path):
    documents = load(stream("p16"))
    files = export(iter(documents), tmp_path / "a" / "b", "both")
    assert files == {"pymodaq": [str(tmp_path / "a" / "b" / "both.h5")]}
    assert_same_documents(documents, replay(files["pymodaq"][0]))


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_an_export_that_is_interrupted_leaves_nothing(tmp_path, after):
    def interrupted():
        yield from list(run_of())[:after]
        raise ConnectionError("the sender is gone")

    with pytest.raises(ConnectionError, match="the sender is gone"):
        export(interrupted(), tmp_path, "run")
    assert left_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_export_whose_second_run_is_torn_leaves_nothing(tmp_path):
    documents = [*run_of(), *list(run_of())[1:]]  # the second has no start
    with pytest.raises(PymoError, match="belongs to no run"):
        export(documents, tmp_path, "run")
    assert list(tmp_path.iterdir()) == []


def test_an_export_begins_with_a_start(tmp_path):
    with pytest.raises(PymoError, match="first document is a stop"):
        export([("stop", {})], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_nothing(tmp_path):
    (tmp_path / "run.h5").write_text("precious")
    with pytest.raises(WriteError, match="exists already and is not replaced"):
        export(run_of(), tmp_path, "run")
    assert (tmp_path / "run.h5").read_text() == "precious"
    (tmp_path / "link.h5").symlink_to(tmp_path / "nowhere.h5")
    with pytest.raises(WriteError, match="exists already"):
        export(run_of(), tmp_path, "link")
    assert not (tmp_path / "nowhere.h5").exists()


def test_an_export_that_lost_a_race_replaces_nothing(tmp_path):
    final = tmp_path / "run.h5"

    def racing():
        yield from run_of()
        final.write_text("precious")

    with pytest.raises(WriteError, match="another program made it meanwhile"):
        export(racing(), tmp_path, "run")
    assert final.read_text() == "precious"
    assert left_in(tmp_path) == ["run.h5"]


def test_an_export_into_a_file_is_refused(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(WriteError, match="cannot be made"):
        export(run_of(), tmp_path / "data")


def test_an_export_refuses_what_it_does_not_know(tmp_path):
    with pytest.raises(LayoutError):
        export(run_of(), tmp_path, layout="nexus")
    with pytest.raises(TypeError, match="colour"):
        export(run_of(), tmp_path, colour="red")
    assert list(tmp_path.iterdir()) == []
