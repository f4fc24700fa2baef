"""What the journal took is safe: whole records come back, a torn one is left out."""

import contextlib
import errno
import os
import random
import struct
import subprocess
import sys
import threading
import uuid
import zlib
from unittest.mock import patch

import numpy as np
import pytest
from corpus import load
from exactness import assert_same_documents, differences

from pymo_bluesky.errors import JournalError, WriteError
from pymo_bluesky.forms import Form, form_of
from pymo_bluesky.journal import (
    Bound,
    DelayedOutbox,
    Journal,
    JournalWriter,
    Outbox,
    rowing,
)
from pymo_bluesky.journal.packing import Records, as_record
from pymo_bluesky.journal.records import MAGIC, JournalTail
from pymo_bluesky.journal.rowing import HEAD
from pymo_bluesky.values import BLOB_BYTES, pack

ABOUT = {"run": "4b1d", "dataset": "Dataset_20261122_000.h5", "layout": "pymodaq5"}
MEMBERS = ("uid", "time", "data", "timestamps", "seq_num", "descriptor")
BEGIN = MAGIC + b"".join(as_record("journal", ABOUT))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.journal"


def written(path, documents):
    with JournalWriter(path, ABOUT) as journal:
        for name, doc in documents:
            journal.append(name, doc)
    return path


def test_documents_come_back_in_order_any_number_of_times(path, corpus_stream):
    documents = load(corpus_stream)
    journal = Journal(written(path, documents))
    assert journal.about == ABOUT
    for _ in range(2):
        assert_same_documents(documents, journal)
    assert journal.torn == 0


def test_arrays_of_all_sizes_travel(path):
    sizes = (0, 1, BLOB_BYTES - 1, BLOB_BYTES, BLOB_BYTES + 1, 10 * BLOB_BYTES)
    event = {"data": {str(n): np.arange(n, dtype=np.uint8) for n in sizes}}
    ((_, back),) = Journal(written(path, [("event", event)]))
    assert not list(differences(event, back))


COLUMNS = {
    "floats": [0.5, -0.0, float("inf"), float("-inf"), *map(float, range(20))],
    "not a number": [
        struct.unpack("<d", struct.pack("<q", n - 2**51))[0] for n in range(24)
    ],
    "integers": [2**63 - 1, -(2**63), *range(22)],
    "an integer beyond 64 bits": [2**63, *range(23)],
    "integers among floats": [1.0, 1, *map(float, range(22))],
    "truths": [True, False] * 12,
    "truths among integers": [True, 1] * 12,
    "uuids": [str(uuid.UUID(int=n)) for n in range(24)],
    "capitals": [str(uuid.UUID(int=2**128 - 1 - n)).upper() for n in range(24)],
    "texts": [f"wafer {n}" for n in range(24)],
    "nothing": [None] * 24,
    "numpy's": list(np.arange(24.0)),
    "an array": np.arange(24.0),
    "a tuple": tuple(map(float, range(24))),
    "lists": [[0.5, n] for n in range(24)],
}


@pytest.mark.parametrize("which", COLUMNS)
def test_columns_of_pages_come_back_as_they_were(path, which):
    column = COLUMNS[which]
    page = {"uid": COLUMNS["uuids"], "time": column, "seq_num": list(range(24))}
    page |= {"descriptor": "d", "data": {"x": column}, "timestamps": {"x": column}}
    ((_, back),) = Journal(written(path, [("event_page", page)]))
    assert not list(differences(page, back))
    assert_bits(page["data"]["x"], back["data"]["x"])
    assert list(back) == list(page)


def assert_bits(one, other):
    """NaNs have bits of their own."""
    if type(one) is list and set(map(type, one)) == {float}:
        assert struct.pack("<24d", *one) == struct.pack("<24d", *other)


def test_a_frame_that_changes_after_the_call_is_written_as_it_was(path):
    frame = np.zeros(10_000)
    with JournalWriter(path, ABOUT) as journal:
        journal.append("event", {"data": {"frame": frame}})
        frame[:] = 1
    ((_, back),) = Journal(path)
    assert not back["data"]["frame"].any()


def test_a_growing_journal_is_read_while_it_is_written(path):
    with JournalWriter(path, ABOUT) as journal:
        journal.append("start", {"uid": "4b1d"})
        assert [name for name, _ in Journal(path)] == ["start"]
        journal.append("stop", {"run_start": "4b1d"})
        assert [name for name, _ in Journal(path)] == ["start", "stop"]


@pytest.fixture
def long_one(path):
    """A journal of three documents, and where the last of them begins."""
    documents = [("start", {"uid": "4b1d"}), ("event", {"data": {"x": np.zeros(600)}})]
    written(path, documents)
    before = path.stat().st_size
    path.unlink()
    written(path, [*documents, ("stop", {"run_start": "4b1d", "reason": "x" * 100})])
    return path, before


def test_rows_of_alternating_streams_are_looked_at_once(path, monkeypatch):
    """Or nearly: what follows a row is read with it, but not all of the journal."""
    looked: list[int] = []
    found = rowing._whole_rows

    def counting(data, size, common):
        looked.append(len(data) // size)
        return found(data, size, common)

    monkeypatch.setattr(rowing, "_whole_rows", counting)
    for large in (0, BLOB_BYTES):
        looked.clear()
        journal = Journal(alternating(path.with_name(f"{large}.journal"), 200, large))
        for how in ("read", "filed", "outline"):
            assert sum(len(rows) for name, rows in journal.batches(how)) == 200
        assert sum(looked) < 3 * 200 * 5


def alternating(path, count, large):
    """A monitor between the events of a scan; its rows are no larger."""
    value = np.zeros(large, np.uint8) if large else 0.5
    records = Records()
    with JournalWriter(path, ABOUT) as journal:
        for n in range(count):
            event = dict.fromkeys(MEMBERS, f"stream {n % 2}") | {
                "uid": str(uuid.UUID(int=n))
            }
            event |= {"time": 1.0 * n, "seq_num": n + 1}
            event |= {"data": {"x": value}, "timestamps": {"x": 0.0}}
            journal.write(records.of("event", event))
    return path


def test_a_record_that_was_cut_off_anywhere_is_left_out(long_one):
    path, before = long_one
    whole = path.read_bytes()
    for end in range(before, len(whole)):
        path.write_bytes(whole[:end])
        journal = Journal(path)
        assert [name for name, _ in journal] == ["start", "event"]
        assert journal.torn == end - before


def test_a_byte_that_flipped_is_noticed(long_one):
    path, before = long_one
    whole = path.read_bytes()
    for at in range(before, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        assert [name for name, _ in Journal(path)] == ["start", "event"], at


@pytest.mark.parametrize("content", [b"", b"PYMO", b"\x89HDF\r\n\x1a\n" * 9])
def test_what_is_no_journal_is_refused_by_name(path, content):
    path.write_bytes(content)
    with pytest.raises(JournalError, match=str(path)):
        Journal(path)


def test_a_journal_cut_off_in_its_first_record_has_no_document(path):
    written(path, [])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(JournalError, match="no event was acknowledged"):
        Journal(path)


def test_a_journal_is_never_overwritten(path):
    path.write_text("what was here before")
    with pytest.raises(WriteError, match="cannot be made"):
        JournalWriter(path, ABOUT)
    assert path.read_text() == "what was here before"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WriteError, match="cannot be made: No such file"):
        JournalWriter(tmp_path / "nowhere" / "run.journal", ABOUT)


def test_a_journal_that_was_removed_takes_no_more(path):
    with JournalWriter(path, ABOUT) as journal:
        path.unlink()
        journal.look_again()
        with pytest.raises(WriteError, match="was removed"):
            journal.append("event", {})


def test_a_child_that_python_did_not_fork_does_not_write_either(path, monkeypatch):
    """Nothing told it: a library forked, or another hook of the fork comes first."""
    with JournalWriter(path, {"run": "r"}) as journal:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert not journal.is_ours
        with pytest.raises(WriteError, match="fork"):
            journal.append("event", {"uid": "e"})
        monkeypatch.undo()
    assert [name for name, _ in Journal(path)] == []


def test_a_forked_child_does_not_write_into_its_parents_journal(path):
    with JournalWriter(path, ABOUT) as journal:
        pid = os.fork()
        if pid == 0:
            try:
                journal.append("event", {})
            except WriteError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        journal.append("stop", {})
    assert [name for name, _ in Journal(path)] == ["stop"]


def test_whether_its_writer_lives_is_known_also_after_a_kill(path):
    code = f"""
import os, pathlib
from pymo_bluesky.journal import JournalWriter
journal = JournalWriter(pathlib.Path({str(path)!r}), {ABOUT!r})
journal.append("start", {{"uid": "4b1d"}})
print("ready", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=-1, stdout=-1, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert Journal.is_alive(path)
        process.kill()
    assert not Journal.is_alive(path)
    assert [name for name, _ in Journal(path)] == ["start"]


def test_records_of_several_threads_do_not_mix(path):
    with JournalWriter(path, ABOUT) as journal:

        def append(thread):
            for n in range(50):
                frame = np.full(2000, thread)
                journal.append("event", {"thread": thread, "n": n, "frame": frame})

        threads = [threading.Thread(target=append, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = [doc for _, doc in Journal(path)]
    assert all((doc["frame"] == doc["thread"]).all() for doc in events)
    for thread in range(4):
        mine = [doc["n"] for doc in events if doc["thread"] == thread]
        assert mine == list(range(50))


class TestRows:
    """Events of one form lie in the journal as rows, and come back as they were."""

    FORMS = (
        {"x": 0.5, "n": 3, "on": True},
        {"x": np.float64("nan"), "n": np.int64(-1)},
        {"frame": np.arange(6000.0).reshape(60, 100), "x": -0.0},
        {"spectrum": np.arange(10, dtype=">i2"), "when": np.array(["2026"], "M8[s]")},
        {},
    )

    @staticmethod
    def event(n, data):
        return {
            "uid": str(uuid.UUID(int=n)),
            "time": 1.5 * n,
            "data": data,
            "timestamps": dict.fromkeys(data, 0.25 * n),
            "seq_num": n,
            "filled": {},
            "descriptor": "d1",
        }

    @pytest.mark.parametrize("data", FORMS)
    def test_come_back(self, tmp_path, data):
        events = [("event", self.event(n, data)) for n in range(1, 40)]
        journal = Journal(put(tmp_path / "a.journal", events))
        assert_same(events, list(journal))
        batches = [item for name, item in journal.batches() if name == "rows"]
        assert sum(map(len, batches)) == 39

    def test_odd_events_among_them_keep_their_place(self, tmp_path):
        values = [0.5, 1, 2.5, "text", None, 2**70, 0.5, [1.0], np.float32(1), 0.5]
        events = [
            ("event", self.event(n, {"x": values[n % len(values)]})) for n in range(200)
        ]
        journal = Journal(put(tmp_path / "a.journal", events))
        assert_same(events, list(journal))

    def test_a_uid_that_is_none_is_kept(self, tmp_path):
        uids = ["e" * 36, "É" * 36, "short", str(uuid.uuid4()).upper(), " " * 36]
        events = [("event", {**self.event(1, {"x": 1.0}), "uid": u}) for u in uids * 3]
        assert_same(events, list(Journal(put(tmp_path / "a.journal", events))))

    @pytest.mark.parametrize("failing", [1, 2, 3])
    def test_a_form_that_was_not_written_is_written_again(self, tmp_path, failing):
        outbox = Outbox(JournalWriter(tmp_path / "a.journal", {}))
        events = [self.event(n, {"x": float(n)}) for n in range(6)]
        write, calls = os.pwrite, iter(range(100))

        def pwrite(fd, data, at):
            if next(calls) == failing:
                raise OSError(errno.ENOSPC, "full")
            return write(fd, data, at)

        with patch.object(os, "pwrite", pwrite):
            for event in events:
                with contextlib.suppress(WriteError):
                    outbox.put("event", event)
        outbox.journal.close()
        back = [doc["seq_num"] for _, doc in Journal(tmp_path / "a.journal")]
        assert back == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize("row", [0, 1, 299, 300, 899])
    @pytest.mark.parametrize("place", [0, 3, 4, 9, 23, 28, 64, 90, -1])
    def test_a_byte_that_flipped_among_many_rows_is_found(self, path, row, place):
        records = Records()
        parts = [
            joined(records.of("event", self.event(n, {"x": n / 2}))) for n in range(900)
        ]
        parts[0], form = parts[0][-len(parts[1]) :], parts[0][: -len(parts[1])]
        flipped = bytearray(parts[row])
        flipped[place] ^= 1
        path.write_bytes(
            BEGIN + form + b"".join([*parts[:row], flipped, *parts[row + 1 :]])
        )
        journal = Journal(path)
        found = [doc["seq_num"] for _, doc in journal]
        assert found[:row] == list(range(row))
        assert row not in found
        assert journal.damaged or journal.torn

    @pytest.mark.parametrize("data", [FORMS[0], FORMS[2]])
    def test_a_tail_outlives_a_first_row_that_was_taken_back(self, path, data):
        records = Records()
        lost = joined(records.of("event", self.event(1, {"x": 0.5})))
        path.write_bytes(BEGIN + lost[:-1])
        with contextlib.closing(JournalTail(path)) as tail:
            assert list(tail.new()) == []
            records.forget()
            events = [("event", self.event(n, data)) for n in (2, 3)]
            path.write_bytes(BEGIN + b"".join(joined(records.of(*e)) for e in events))
            assert_same(events, list(tail.new()))
            assert tail.left == 0

    @pytest.mark.parametrize("missing", ["timestamps", "data", "uid", "time"])
    def test_a_later_event_that_lacks_a_member_comes_back(self, tmp_path, missing):
        events = [self.event(n, {"x": float(n)}) for n in range(1, 6)]
        del events[3][missing]
        events[4]["timestamps"] = None
        documents = [("event", event) for event in events]
        assert_same(documents, list(Journal(put(tmp_path / "a.journal", documents))))

    @pytest.mark.parametrize(
        "spoilt",
        [
            {"signatures": [["nd", "O", [3]], ["py", "<f8", []]]},
            {"signatures": [["nd", "(2,", [3]], ["py", "<f8", []]]},
            {"signatures": [["nd", "<f8", [-3]], ["py", "<f8", []]]},
            {"signatures": [["nd", "<f8", [0]], ["py", "<f8", []]]},
            {"signatures": [["nd", "<f8", [2**20, 2**20]], ["py", "<f8", []]]},
            {"signatures": [["nd", "<f8", [1] * 65], ["py", "<f8", []]]},
            {"signatures": [["nd", "<f8", [float("inf")]], ["py", "<f8", []]]},
            {"signatures": 3},
            {"members": ["uid", "time"]},
            {"members": ["uid", "uid", "time", "data", "timestamps", "seq_num"]},
            {"members": [*MEMBERS, "uid"]},
            {"members": [*MEMBERS, "more"]},
            {"number": float("inf")},
            {"number": None},
        ],
    )
    def test_a_form_that_no_event_has_is_damage(self, path, spoilt):
        form = form_of(self.event(1, {"x": np.zeros(3)})).to_plain()
        record = as_record("form", {**form, "number": 0, **spoilt})
        path.write_bytes(BEGIN + joined(record))
        journal = Journal(path)
        assert list(journal) == []
        assert journal.damaged
        with contextlib.closing(JournalTail(path)) as tail:
            assert list(tail.new()) == []
            assert tail.left == len(joined(record))

    def test_an_array_too_large_for_a_row_makes_no_form(self):
        image = np.broadcast_to(0.0, (2**14, 2**14))
        assert form_of(self.event(1, {"x": image})) is None
        form = form_of(self.event(1, {"x": image[:-1]}))
        assert Form.from_plain(form.to_plain()) == form

    @pytest.mark.parametrize("data", [FORMS[0], FORMS[2]])
    @pytest.mark.parametrize("size", [12, 20])
    @pytest.mark.parametrize("row", [1, 2])
    def test_a_row_that_tells_other_sizes_is_damage(self, tmp_path, data, size, row):
        events = [("event", self.event(n, data)) for n in (1, 2, 3)]
        path = put(tmp_path / "a.journal", events)
        content = bytearray(path.read_bytes())
        begin = content.index(events[row - 1][1]["uid"].encode()) - 28
        content[begin + size] ^= 1
        head = content[begin + 4 : begin + 28]
        content[begin : begin + 4] = zlib.crc32(head).to_bytes(4, "little")
        path.write_bytes(content)
        journal = Journal(path)
        assert_same(events[: row - 1], list(journal))
        assert journal.damaged

    @pytest.mark.parametrize("data", [FORMS[0], FORMS[2]])
    def test_each_flipped_byte_is_found(self, tmp_path, data):
        events = [("event", self.event(n, data)) for n in range(1, 6)]
        path = put(tmp_path / "a.journal", events)
        whole = path.read_bytes()
        begin = whole.index(b"00000000-0000") - 28
        places = random.Random(1).sample(range(begin, len(whole)), 200)
        for place in places:
            spoilt = bytearray(whole)
            spoilt[place] ^= 1
            path.write_bytes(spoilt)
            journal = Journal(path)
            back = list(journal)
            assert_same(events[: len(back)], back)
            assert len(back) < 5
            assert journal.damaged


def joined(parts):
    return b"".join(map(bytes, parts))


def put(path, documents):
    """A journal that a run's outbox wrote."""
    outbox = Outbox(JournalWriter(path, {"run": "4b1d"}))
    for name, doc in documents:
        outbox.put(name, doc)
    outbox.journal.close()
    return path


def assert_same(events, back):
    assert len(events) == len(back)
    for (_, event), (name, found) in zip(events, back, strict=True):
        assert name == "event"
        assert not list(differences(event, found, "event"))


class TestOutboxes:
    """What went wrong with one document does no harm to the next."""

    @staticmethod
    def events(n, size=3):
        return [
            TestRows.event(i, {"x": float(i), "image": np.full((size, size), i)})
            for i in range(1, n + 1)
        ]

    @pytest.mark.parametrize("delayed", [False, True])
    def test_a_first_row_that_could_not_be_copied(self, tmp_path, delayed):
        journal = JournalWriter(tmp_path / "a.journal", {})
        box = DelayedOutbox(journal, Bound(10**6)) if delayed else Outbox(journal)
        of, events = box._records.of, self.events(5)

        def exhausted(name, doc):
            of(name, doc)
            raise MemoryError

        with patch.object(box._records, "of", exhausted), pytest.raises(MemoryError):
            box.put("event", events[0])
        for event in events[1:]:
            box.put("event", event)
        box.drain()
        box.close()
        journal.close()
        assert_same([("event", e) for e in events[1:]], list(Journal(journal.path)))

    def test_a_failure_that_is_over_at_the_stop_costs_nothing(self, tmp_path):
        journal = JournalWriter(tmp_path / "a.journal", {})
        box = DelayedOutbox(journal, Bound(10**6))
        events = self.events(5)
        failed = threading.Event()

        def full(parts):
            failed.set()
            raise WriteError(errno.ENOSPC, "full")

        with patch.object(journal, "write", full):
            for event in events:
                with contextlib.suppress(WriteError):
                    box.put("event", event)
            assert failed.wait(30)
        box.put("stop", {"uid": "s"})
        box.drain()
        box.close()
        journal.close()
        back = [doc.get("seq_num") for _, doc in Journal(journal.path)]
        assert back == [1, 2, 3, 4, 5, None]
        assert box.lost == 0

    def test_whatever_ends_a_delivery_is_told(self, tmp_path):
        journal = JournalWriter(tmp_path / "a.journal", {})
        box = DelayedOutbox(journal, Bound(10**6))
        with patch.object(journal, "write", side_effect=MemoryError):
            with contextlib.suppress(WriteError):
                box.put("start", {"uid": "4b1d"})
            with pytest.raises(WriteError, match="MemoryError"):
                box.drain()
        box.close()
        journal.close()
        assert box.lost == 1

    def test_a_document_that_fits_nowhere_ends_the_search(self, tmp_path):
        journal = JournalWriter(tmp_path / "a.journal", {})
        tried = []

        def elsewhere(old, error):
            folder = tmp_path / str(len(tried) % 2)
            folder.mkdir(exist_ok=True)
            tried.append(folder)
            new = JournalWriter(folder / f"{len(tried)}.journal", {})
            new.write = old.write
            return new

        def full(parts):
            raise WriteError(errno.ENOSPC, "full")

        journal.write = full
        with pytest.raises(WriteError, match="full"):
            Outbox(journal, elsewhere).put("start", {"uid": "4b1d"})
        assert len(tried) == 3


PAGE = {"data": {"x": None}}
NO_COLUMNS = (
    [["data", "x", 1, b"7 bytes"]],
    [["data", "x", 3, b"15 bytes are no"]],
    [["data", "x", 9, bytes(8)]],
    [["data", "x", 1, "a text"]],
    [["data", "x"]],
    [[[], {}, 1, bytes(8)]],
    {"data": 1},
    7,
)


@pytest.mark.parametrize(
    "record",
    [
        *(5, ["event"], ["event", None], [5, {}], ["event", {}, 1]),
        *(["event_page", PAGE, columns] for columns in NO_COLUMNS),
        ["event_page", PAGE, [], []],
        ["event", PAGE, [["data", "x", 1, bytes(8)]]],
    ],
    ids=repr,
)
def test_a_record_that_is_no_document_is_damage(record, path):
    """Its checksum is right: somebody made it."""
    written(path, [("start", {"uid": "4b1d"})])
    body = pack(record)
    head = HEAD.pack(zlib.crc32(body), 0, len(body), 0)
    with path.open("ab") as file:
        file.write(zlib.crc32(head).to_bytes(4, "little") + head + body)
    journal = Journal(path)
    assert [name for name, _ in journal] == ["start"]
    assert journal.damaged
