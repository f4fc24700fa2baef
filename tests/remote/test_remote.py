"""A writer in a process of its own behind bluesky's 0MQ proxy, over a bad network."""

import os
import signal
import threading

import pytest
from corpus import load, stream
from exactness import assert_same_documents
from extras import needs
from remote.processes import proxy, relay, writing

from pymo_bluesky import open_dataset, recover, replay, validate, verify
from pymo_bluesky.remote import ForeignMessageError, Publisher, decode, serialize

needs("zmq", "remote")
pytestmark = pytest.mark.extras

# A thread of bluesky's publisher's context may outlive it; pyzmq tells of it.
NAMES = ("p05", "p13", "p32")


@pytest.fixture(scope="module")
def there():
    with proxy() as addresses:
        yield addresses


@pytest.fixture
def publisher(there, tmp_path):
    with Publisher(there[0], wait=60) as publisher:
        yield publisher


def greet(writer, there) -> None:
    """See that the writer hears what is published: by a run that is nobody's."""
    from event_model import compose_run

    with Publisher(there[0], wait=60) as publisher:

        def send() -> None:
            run = compose_run(metadata={"plan_name": "greeting"})
            publisher("start", run.start_doc)
            publisher("stop", run.compose_stop())

        writer.hears(send)


def publish(publisher, *names: str) -> list:
    documents = [document for name in names for document in load(stream(name))]
    for document in documents:
        publisher(*document)
    return documents


def runs_of(folder, documents: list) -> list:
    """The documents of some runs, from whatever dataset they are in."""
    uids = {doc["uid"] for name, doc in documents if name == "start"}
    found = []
    for path in sorted(folder.rglob("*.h5")):
        for uid in uids:
            try:
                found += replay(path, scan=uid)
            except LookupError:
                continue
    return found


def holds(path, documents: list) -> bool:
    """Whether a run is in a dataset."""
    uid = documents[0][1]["uid"]
    return any(scan.uid == uid for scan in open_dataset(path).scans)


def ends(writer, documents: list) -> None:
    uid = next(doc["uid"] for name, doc in reversed(documents) if name == "start")
    writer.says(f"run {uid} ends")


@pytest.mark.parametrize("layout", ["pymodaq5", "pymodaq3"])
def test_runs_arrive_as_they_were_published(layout, there, publisher, tmp_path):
    words = ("--layout", layout, "--name", "{plan_name}_{date}")
    with writing(there[1], tmp_path, *words) as writer:
        greet(writer, there)
        documents = publish(publisher, *NAMES)
        ends(writer, documents)
        assert writer.end() == 0
        assert "documents" in writer.lines[-1]
    assert_same_documents(documents, runs_of(tmp_path, documents))
    assert [
        problem for path in tmp_path.rglob("*.h5") for problem in verify(path)
    ] == []


def test_a_run_engine_publishes(there, publisher, tmp_path):
    from bluesky import RunEngine
    from bluesky.plans import count
    from ophyd.sim import det

    engine, seen = RunEngine({}), []
    engine.subscribe(publisher)
    engine.subscribe(lambda name, doc: seen.append((name, doc)))
    with writing(there[1], tmp_path) as writer:
        greet(writer, there)
        engine(count([det], 3))
        ends(writer, seen)
        assert writer.end() == 0
    assert_same_documents(seen, runs_of(tmp_path, seen))


def test_the_publisher_of_bluesky_will_do_with_our_serializer(there, tmp_path):
    from bluesky.callbacks.zmq import Publisher as TheirPublisher

    theirs = TheirPublisher(there[0], serializer=serialize)
    try:
        with writing(there[1], tmp_path) as writer:
            greet(writer, there)
            greeted = threading.Event()  # its socket connects in the background
            greeted.wait(1)
            documents = publish(theirs, "p02")
            ends(writer, documents)
            assert writer.end() == 0
    finally:
        theirs.close()
    assert_same_documents(documents, runs_of(tmp_path, documents))


class Runs:
    """Unpickled, it makes a file."""

    def __init__(self, canary) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)

    def __deepcopy__(self, memo):
        return self  # bluesky copies what it sends


def test_a_pickle_is_refused_and_not_unpickled(there, tmp_path):
    from bluesky.callbacks.zmq import Publisher as TheirPublisher

    canary = tmp_path / "canary"
    theirs = TheirPublisher(there[0])
    try:
        with writing(there[1], tmp_path) as writer:
            writer.hears(lambda: theirs("start", {"uid": Runs(canary)}))
            assert writer.end() == 1
            assert "messages refused" in writer.lines[-1]
    finally:
        theirs.close()
    assert not canary.exists()


class Dropping:
    """Drops the messages of one kind of document, but not of greetings."""

    def __init__(self, kinds: tuple[str, ...], index: int | None = None) -> None:
        self.kinds, self.index = kinds, index
        self.runs: set[str] = set()
        self.dropped = 0

    def __call__(self, data: bytes) -> bool:
        try:
            message = decode(data)
        except ForeignMessageError:
            return False
        drop = (
            message is not None
            and message.run in self.runs
            and message.name in self.kinds
            and self.index in (None, message.index)
        )
        self.dropped += drop
        return drop


@pytest.mark.parametrize(
    "kinds",
    [("start",), ("descriptor",), ("event",), ("stop",), ("start", "event", "stop")],
    ids="-".join,
)
def test_what_the_network_drops_comes_from_the_journal(kinds, there, tmp_path):
    journals, dropping = tmp_path / "journals", Dropping(kinds)
    documents = load(stream("p13"))
    dropping.runs = {documents[0][1]["uid"]}
    with (
        relay(there[1], dropping) as address,
        writing(address, tmp_path / "data", "--fill-from", journals) as writer,
        Publisher(there[0], journal=journals, wait=60) as publisher,
    ):
        greet(writer, there)
        for document in documents:
            publisher(*document)
        ends(writer, documents)
        assert writer.end() == 0
    assert dropping.dropped
    assert_same_documents(documents, runs_of(tmp_path / "data", documents))


def test_without_a_journal_the_run_is_marked_and_the_program_says_so(
    there, publisher, tmp_path
):
    documents = load(stream("p02"))
    dropping = Dropping(("event",), index=3)
    dropping.runs = {documents[0][1]["uid"]}
    with (
        relay(there[1], dropping) as address,
        writing(address, tmp_path) as writer,
    ):
        greet(writer, there)
        for document in documents:
            publisher(*document)
        writer.says("1 messages of the publisher .* were dropped")
        writer.says("1 documents are lost, it is incomplete")
        ends(writer, documents)
        assert writer.end() == 1
        assert "1 lost" in writer.lines[-1]
    assert dropping.dropped == 1
    # The greeting is of today, and the run of another day: so is its dataset.
    (path,) = (path for path in tmp_path.rglob("*.h5") if holds(path, documents))
    kinds = {problem.kind for problem in validate(path) if problem.severity == "error"}
    assert kinds >= {"lost-documents", "missing-events"}


def test_a_killed_writer_loses_nothing_that_it_took(there, publisher, tmp_path):
    documents = load(stream("p05"))
    with writing(there[1], tmp_path) as writer:
        greet(writer, there)
        for document in documents[:9]:
            publisher(*document)
        writer.says("begins: grid_scan")
        (journal,) = _journals_with(tmp_path, documents[0][1]["uid"], 9)
        writer.kill()
    results = [one for one in recover(tmp_path) if one.journal == journal]
    assert [one.scan is not None for one in results] == [True]
    got = runs_of(tmp_path, documents)
    assert_same_documents(documents[:9], got[:9])
    assert got[-1][1]["exit_status"] == "fail"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_runs_that_go_on_in_their_journals(
    number, there, publisher, tmp_path
):
    documents = load(stream("p05"))
    with writing(there[1], tmp_path) as writer:
        greet(writer, there)
        for document in documents[:9]:
            publisher(*document)
        writer.says("begins: grid_scan")
        _journals_with(tmp_path, documents[0][1]["uid"], 9)
        assert writer.end(number) == 0
        assert any("goes on without this writer" in line for line in writer.lines)
    recover(tmp_path)
    assert_same_documents(documents[:9], runs_of(tmp_path, documents)[:9])


def test_who_comes_late_is_told(there, publisher, tmp_path):
    documents = load(stream("p05"))
    for document in documents[:5]:
        publisher(*document)
    with writing(there[1], tmp_path) as writer:
        greet(writer, there)
        for document in documents[5:]:
            publisher(*document)
        writer.says("joined in its middle, its first 5 documents never came")
        greet(writer, there)
        assert writer.end() == 1
    assert runs_of(tmp_path, documents) == []


def _journals_with(folder, uid: str, count: int) -> list:
    """The journal of a run, once it holds so many documents."""
    from pymo_bluesky.building import documents_of
    from pymo_bluesky.journal import Journal

    waiting = threading.Event()
    for _ in range(1200):
        found = list(folder.rglob(f"*{uid}*.journal"))
        if found and len(list(documents_of(Journal(found[0])))) >= count:
            return found
        waiting.wait(0.1)
    raise AssertionError(f"no journal of {uid} with {count} documents")
