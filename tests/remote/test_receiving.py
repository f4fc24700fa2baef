"""Messages without a network: what is refused, what is missed, what is filled."""

import itertools
import pickle
import random

import numpy as np
import pytest
from corpus import load, stream
from exactness import assert_same_documents

from pymo_bluesky import open_dataset, recover, replay, validate
from pymo_bluesky.remote import (
    ForeignMessageError,
    Message,
    PublishedRuns,
    Receiver,
    decode,
    encode,
)
from pymo_bluesky.remote.receiving import RemoteWriter


def published(*runs: list, publisher: str = "p", journals: PublishedRuns | None = None):
    """Messages of runs in turn, as a publisher sends them."""
    messages = []
    count = itertools.count()
    columns = [
        [(run[0][1]["uid"], index, *document) for index, document in enumerate(run)]
        for run in runs
    ]
    for row in itertools.zip_longest(*columns):
        for uid, index, name, doc in filter(None, row):
            message = Message(
                name=name,
                doc=doc,
                publisher=publisher,
                count=next(count),
                run=uid,
                index=index,
            )
            messages.append(encode(message))
    for run in runs if journals else ():
        with journals.begin(run[0][1]["uid"], publisher) as journal:
            for document in run:
                journal.append(*document)
    return messages


class Listening:
    """A receiver and what it says."""

    def __init__(self, folder, source=None) -> None:
        self.said: list[str] = []
        self.writer = RemoteWriter(folder, template="remote")
        self.receiver = Receiver(self.writer, source=source, say=self.said.append)
        self.tally = self.receiver.tally

    def take(self, messages) -> "Listening":
        for message in messages:
            self.receiver.take(message)
        return self


def test_a_message_carries_every_value_exactly():
    run = load(stream("p32"))
    came = [decode(message) for message in published(run)]
    assert_same_documents(run, [(message.name, message.doc) for message in came])
    assert [message.index for message in came] == list(range(len(run)))


@pytest.mark.fuzz
def test_no_damaged_message_is_taken():
    sent = encode(Message(name="event", doc={"data": {"x": np.arange(9.0)}}))
    chance = random.Random(1)
    for place in range(len(sent)):
        data = bytearray(sent)
        data[place] ^= 1 << chance.randrange(8)
        try:
            found = decode(bytes(data))
        except ForeignMessageError:
            continue
        # In the prefix, which is everybody's own.
        assert place < sent.index(b" ") or found is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"start",
        b" start ",
        b" shutdown PYMOMSG1",
        b" start " + pickle.dumps({"uid": "4b1d"}),
        b" start PYMOMSG1" + bytes(4),
        encode(Message(name="start", doc={}))[:-1],
    ],
)
def test_what_is_no_message_of_ours_is_refused_and_counted(message, tmp_path):
    listening = Listening(tmp_path).take([message])
    assert listening.tally.refused == 1
    assert listening.said[0].startswith("refused: ")
    assert not listening.tally.is_whole


def test_what_has_another_prefix_is_for_others(tmp_path):
    listening = Listening(tmp_path)
    listening.receiver.prefix = b"lab"
    run = load(stream("p02"))
    listening.take(published(run))
    assert (listening.tally.documents, listening.tally.refused) == (0, 0)


def test_whatever_is_dropped_comes_from_the_journals(tmp_path):
    runs = [load(stream("p05")), load(stream("p13"))]
    for seed in range(6):
        folder = tmp_path / str(seed)
        source = PublishedRuns(folder / "journals")
        listening = Listening(folder, source)
        messages = published(*runs, journals=source)
        chance = random.Random(seed)
        share = (0.05, 0.5, 0.95)[seed % 3]
        came = [one for one in messages if chance.random() >= share] or messages[-1:]
        listening.take([*came, *came[-3:]])  # and some of it twice
        listening.receiver.idle()
        assert listening.tally.is_whole
        assert listening.tally.filled >= len(messages) - len(came)
        documents = [doc for run in runs for doc in run]
        assert_same_documents(documents, replay(listening.writer.path))


@pytest.mark.parametrize("dropped", ["descriptor", "event", "stop"])
def test_without_journals_a_run_with_a_gap_is_marked(dropped, tmp_path):
    run = load(stream("p02"))
    lost = next(n for n, (name, _) in enumerate(run) if name == dropped)
    messages = published(run, load(stream("p11")))
    uid = run[0][1]["uid"]
    came = [m for m in messages if (decode(m).run, decode(m).index) != (uid, lost)]
    assert len(came) == len(messages) - 1
    listening = Listening(tmp_path).take(came)
    if dropped == "stop":  # nobody knows that it was to come
        assert list(listening.writer.open_runs) == [uid]
        listening.writer.leave()
        recover(tmp_path)
        assert (
            open_dataset(listening.writer.path).scans[uid].attributes["exit_status"]
            == "fail"
        )
        return
    assert listening.tally.lost == 1
    assert not listening.tally.is_whole
    assert any(
        "1 documents are lost, it is incomplete" in line for line in listening.said
    )
    dataset = open_dataset(listening.writer.path)
    assert any(f"run {uid}: 1 documents are lost" in line for line in dataset.log)
    wrong = {p.kind for p in validate(listening.writer.path) if p.severity == "error"}
    assert "lost-documents" in wrong


def test_who_joins_in_the_middle_of_a_run_is_told(tmp_path):
    first, second = load(stream("p02")), load(stream("p11"))
    messages = [*published(first), *published(second, publisher="q")]
    listening = Listening(tmp_path).take(messages[4:])
    assert "joined the publisher p after 4 messages" in listening.said
    assert any("its first 4 documents never came" in line for line in listening.said)
    assert listening.tally.late == len(first) - 4
    assert_same_documents(second, replay(listening.writer.path))


def test_who_joins_in_the_middle_of_a_run_gets_its_begin_from_the_journal(tmp_path):
    run = load(stream("p02"))
    source = PublishedRuns(tmp_path / "journals")
    messages = published(run, journals=source)
    listening = Listening(tmp_path, source).take(messages[4:])
    assert listening.tally.is_whole
    assert_same_documents(run, replay(listening.writer.path))


def test_runs_of_before_are_left_alone(tmp_path):
    source = PublishedRuns(tmp_path / "journals")
    old, new = load(stream("p02")), load(stream("p11"))
    published(old, journals=source)
    listening = Listening(tmp_path, source).take(published(new, journals=source))
    listening.receiver.idle()
    assert_same_documents(new, replay(listening.writer.path))


def test_journals_of_a_publisher_can_be_recovered_without_any_writer(tmp_path):
    source = PublishedRuns(tmp_path)
    run = load(stream("p02"))
    published(run, journals=source)
    (result,) = recover(tmp_path)
    assert_same_documents(run, replay(result.path))


def test_only_so_many_journals_are_kept(tmp_path):
    source = PublishedRuns(tmp_path)
    for number in range(5):
        with source.begin(f"run{number}", "p") as journal:
            journal.append("start", {"uid": f"run{number}"})
            source.prune(2)
    source.prune(2)
    assert {uid for uid, _ in source.runs()} == {"run3", "run4"}
