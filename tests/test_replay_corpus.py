"""Every document stream of the corpus comes back as it went in, from both layouts.

What the corpus holds is told in ``corpus/README.md``: adding a stream there adds it
here.
"""

import numpy as np
import pytest
from corpus import diff_docs, load, stream
from exactness import assert_replays, assert_same_documents

from pymo_bluesky import export, replay
from pymo_bluesky.replaying.loose import stored_order

LAYOUTS = ("pymodaq5", "pymodaq3")


@pytest.fixture(params=LAYOUTS)
def layout(request) -> str:
    return request.param


def exported(documents, folder, layout) -> str:
    (path,) = export(documents, folder, "run", layout=layout)["pymodaq"]
    return path


def test_all_documents_come_back_exactly(corpus_stream, layout, tmp_path):
    documents = load(corpus_stream)
    path = exported(documents, tmp_path, layout)
    assert not list(diff_docs(documents, replay(path), strict=True))
    assert not list(diff_docs(documents, replay(path, pages=True), strict=True))
    assert_replays(documents, path)


def test_the_whole_corpus_goes_into_one_dataset(layout, tmp_path):
    names = ("p05", "p16", "p21", "p25", "p32", "p33")
    documents = [item for name in names for item in load(stream(name))]
    path = exported(documents, tmp_path, layout)
    assert_replays(documents, path)


def test_one_scan_of_several_is_replayed_alone(layout, tmp_path):
    documents = load(stream("p16"))
    path = exported(documents, tmp_path, layout)
    starts = [n for n, (name, _) in enumerate(documents) if name == "start"]
    first, second = documents[: starts[1]], documents[starts[1] :]
    uid = second[0][1]["uid"]
    for chosen in (1, -1, "Scan001", uid):
        assert_same_documents(second, replay(path, scan=chosen))
    assert_same_documents(first, replay(path, scan=0))


def test_replaying_what_was_replayed_changes_nothing(corpus_stream, tmp_path):
    documents = load(corpus_stream)
    once = exported(documents, tmp_path, "pymodaq5")
    again = exported(replay(once), tmp_path / "again", "pymodaq3")
    assert_same_documents(documents, replay(again))


def test_pages_written_from_single_events_hold_the_same(tmp_path):
    documents = load(stream("p11"))
    once = exported(documents, tmp_path, "pymodaq5")
    paged = exported(replay(once, pages=True), tmp_path / "paged", "pymodaq5")
    assert_replays(list(replay(once, pages=True)), paged)


def test_the_order_of_documents_is_read_in_parts():
    """As lists, all of it would take ten times the memory that one read may."""
    runs = np.tile(np.array([[0, 1], [1, 20]], np.int32), (100_000, 1))
    asked = []

    class Array:
        shape = runs.shape

        def __getitem__(self, key):
            asked.append(key)
            return runs[key]

    class Scan:
        def get(self, _):
            return Array()

    assert list(stored_order(Scan())) == [tuple(run) for run in runs.tolist()]
    assert max(key.stop - key.start for key in asked) < len(runs)
