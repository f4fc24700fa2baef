"""A run that goes on, seen from another process: as a dataset, and as documents."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from corpus import load, stream, streams
from exactness import assert_same_documents
from live_writer import documents

from pymo_bluesky import open_dataset, recover, replay
from pymo_bluesky.errors import JournalError, NotFoundError, PymoError, SilentRunError

HERE = Path(__file__).parent
PATIENCE = 120.0  # seconds; a loaded machine is slow, and nothing waits so long else


class LiveWriter:
    """A writer in another process."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.paths = [str(path) for path in streams(*names)]
        self.documents = documents(self.paths)
        self._process = subprocess.Popen(
            [sys.executable, HERE / "live_writer.py", folder, *self.paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(HERE)])},
        )

    def write(self, count: int | str = "all") -> Path:
        """Let it write some documents; they are acknowledged when this returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return Path(self._process.stdout.readline().strip())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def writing(folder: Path, *names: str) -> Iterator[LiveWriter]:
    writer = LiveWriter(folder, *names)
    try:
        yield writer
    finally:
        writer.kill()
        for pipe in (writer._process.stdin, writer._process.stdout):
            assert pipe is not None
            pipe.close()


def followed(path: Path, **options) -> Iterator:
    return replay(path, follow=True, poll=0.02, **{"timeout": PATIENCE, **options})


def taken(documents: Iterator, count: int) -> list:
    return [next(documents) for _ in range(count)]


# ------------------------------------------------------------------------- as a dataset


def test_another_process_sees_a_scan_as_far_as_it_has_come(tmp_path):
    with writing(tmp_path, "p05") as writer:
        path = writer.write(2 + 7)  # start, descriptor, 7 of 4 x 5 events
        (scan,) = open_dataset(path).scans
        assert scan.running
        assert scan.attributes["exit_status"] == "running"
        assert "running" in repr(scan)
        assert scan.shape == (4, 5)
        assert scan.visited is not None
        assert scan.visited.sum() == 7
        detector = scan.detectors[0].arrays["det4"].data
        told = [
            doc["data"]["det4"] for name, doc in writer.documents[:9] if name == "event"
        ]
        seen = np.asarray(detector)
        np.testing.assert_array_equal(seen[~np.isnan(seen)], [*told[:5], *told[:4:-1]])
        assert_same_documents(writer.documents[:9], scan.documents())

        assert writer.write() == path
        (done,) = open_dataset(path).scans
        assert not done.running
        assert done.attributes["exit_status"] == "success"
        # What was opened before is still what it was.
        np.testing.assert_array_equal(np.asarray(detector), seen)


def test_the_journal_of_a_run_is_a_dataset_too(tmp_path):
    with writing(tmp_path, "p13") as writer:
        path = writer.write(12)
        (journal,) = path.parent.glob("*.journal")
        dataset = open_dataset(journal)
        assert dataset.layout == "pymodaq5"
        assert_same_documents(writer.documents[:12], dataset.scans[0].documents())
        assert "baseline" in dataset.scans[0].streams
        assert_same_documents(writer.documents[:12], replay(journal))


def test_running_scans_stand_behind_those_that_are_done(tmp_path):
    with writing(tmp_path, "p02") as writer:
        path = writer.write()
    with writing(tmp_path, "p05", "p11") as writer:
        other = writer.write(9)
        assert other != path
        names = [(scan.name, scan.running) for scan in open_dataset(other).scans]
        assert names == [("Scan000", True), ("Scan001", True)]
        assert [scan.name for scan in open_dataset(path).scans] == ["Scan000"]


def test_who_looks_on_keeps_nobody_waiting(tmp_path):
    with writing(tmp_path, "p05") as writer:
        path = writer.write(9)
        seen = followed(path)
        taken(seen, 5)
        live = open_dataset(path)
        # With both of them in the middle, the scan enters the dataset.
        assert writer.write() == path
        assert [scan.running for scan in open_dataset(path).scans] == [False]
        assert len(live.scans) == 1
        assert len(list(seen)) == len(writer.documents) - 5


# ----------------------------------------------------------------------- as documents


@pytest.mark.parametrize(
    "names",
    [
        ("p05", "p32"),
        *(pytest.param((p,), marks=pytest.mark.slow) for p in ("p05", "p13", "p20")),
        ("p16",),
    ],
    ids="-".join,
)
def test_each_document_comes_once_whenever_it_is_written(names, tmp_path):
    with writing(tmp_path, *names) as writer:
        path = writer.write(1)
        seen, ended = [], threading.Event()

        def look_on() -> None:
            # Runs that come later belong to it, too: it lingers for them.
            seen.extend(followed(path, linger=2.0))
            ended.set()

        thread = threading.Thread(target=look_on)
        thread.start()
        for _ in writer.documents[1:]:
            writer.write(1)
        assert ended.wait(PATIENCE)
        thread.join()
        assert_same_documents(writer.documents, seen)


def test_the_moment_in_which_the_journal_becomes_a_scan(tmp_path):
    with writing(tmp_path, "p02", "p05") as writer:
        path = writer.write(3)
        seen = followed(path)
        first = taken(seen, 3)
        writer.write()  # both journals are gone before the next look
        assert not list(path.parent.glob("*.journal"))
        assert_same_documents(writer.documents, [*first, *seen])


def test_what_came_and_went_between_two_looks_comes_from_the_dataset(tmp_path):
    with writing(tmp_path, "p16") as writer:
        count = [name for name, _ in writer.documents].index("stop") + 1
        path = writer.write(2)
        seen = followed(path)
        first = taken(seen, 2)
        writer.write(count - 2)
        writer.write()
        assert_same_documents(writer.documents, [*first, *seen])


def test_only_one_of_several_runs(tmp_path):
    with writing(tmp_path, "p02", "p05") as writer:
        path = writer.write(6)
        uid = open_dataset(path).scans[-1].uid
        seen = followed(path, scan=-1)
        first = taken(seen, 3)
        writer.write()
        (own,) = [
            load(path)
            for path in map(Path, writer.paths)
            if load(path)[0][1]["uid"] == uid
        ]
        assert_same_documents(own, [*first, *seen])


def test_a_dataset_without_a_run_ends_at_once(tmp_path):
    with writing(tmp_path, "p02") as writer:
        path = writer.write()
    assert_same_documents(load(stream("p02")), followed(path, timeout=None))


# ------------------------------------------------------------------- when it goes wrong


def test_a_killed_writer_is_told_behind_all_that_it_acknowledged(tmp_path):
    with writing(tmp_path, "p05") as writer:
        path = writer.write(9)
        seen = followed(path)
        first = taken(seen, 4)
        writer.kill()
        with pytest.raises(JournalError, match=r"is gone .*9 documents.*recover"):
            first += seen  # `+=` keeps what came before the error
        assert_same_documents(writer.documents[:9], first)


def test_a_run_that_is_recovered_meanwhile_comes_to_its_end(tmp_path):
    with writing(tmp_path, "p05") as writer:
        path = writer.write(9)
        seen = followed(path)
        first = taken(seen, 9)
        writer.kill()
        (result,) = recover(path.parent)
        assert result.scan == "Scan000"
        ((name, stop),) = list(seen)
        assert (name, stop["exit_status"]) == ("stop", "fail")
        assert_same_documents(writer.documents[:9], first)


def test_a_run_of_which_nothing_comes(tmp_path):
    with writing(tmp_path, "p05") as writer:
        path = writer.write(9)
        seen = followed(path, timeout=0.3)
        assert len(taken(seen, 9)) == 9
        with pytest.raises(SilentRunError, match=r"no document for 0\.3 s"):
            next(seen)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="there is no file"):
        list(replay(tmp_path / "none.h5", follow=True))
    with pytest.raises(NotFoundError, match="there is no journal"):
        open_dataset(tmp_path / "none.journal")
    with pytest.raises(PymoError, match="event by event"):
        list(replay(tmp_path / "none.h5", follow=True, pages=True))


# ------------------------------------------------------------------------ command line


def command(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "pymo_bluesky", "replay", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_the_command_shows_events_as_they_come(tmp_path):
    with writing(tmp_path, "p02") as writer:
        path = writer.write(3)
        with command(path, "--follow", "--poll", "0.05") as shown:
            assert shown.stdout is not None
            lines = [shown.stdout.readline() for _ in range(3)]
            assert [line.split()[0] for line in lines] == [
                "start",
                "descriptor",
                "event",
            ]
            writer.write()
            out, err = shown.communicate(timeout=PATIENCE)
        assert out.splitlines()[-1].startswith("stop")
        assert (shown.returncode, err) == (0, "")


def test_the_command_ends_with_1_when_the_writer_was_killed(tmp_path):
    with writing(tmp_path, "p02") as writer:
        path = writer.write(4)
        with command(path, "--follow", "--jsonl", "-") as shown:
            assert shown.stdout is not None
            assert [bool(shown.stdout.readline()) for _ in range(4)] == [True] * 4
            writer.kill()
            out, err = shown.communicate(timeout=PATIENCE)
    assert (out, shown.returncode) == ("", 1)
    assert "is gone" in err
