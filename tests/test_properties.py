"""Whatever documents a run emits, its dataset gives them back.

The strategies lie in ``generating.py``. ``pytest -m slow`` hunts for longer.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import event_model
import h5py
import pytest
from exactness import assert_replays, differences
from generating import PLAIN, document_streams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymo_bluesky import blocks, building, export, pages, values
from pymo_bluesky.columns import signatures
from pymo_bluesky.recording import run
from pymo_bluesky.replaying import loose, rows

EXAMPLES = int(os.environ.get("PYMO_EXAMPLES", "1500"))
bounded = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
long = settings(bounded, max_examples=EXAMPLES)
layouts = st.sampled_from(["pymodaq5", "pymodaq3"])

# With these a run of three events is long: it comes in several blocks, its arrays
# travel beside the documents, and nothing is held back to be written at once.
TIGHT = (
    (values, "BLOB_BYTES", 8),
    (signatures, "_MAX_VALUE_TEXT", 7),  # what travels beside is never a text
    (building, "_SHORT_RUN", 0),
    (blocks, "MAX_ROWS", 2),
    (blocks, "_FEW", 0),
    (pages, "_LEAST", 1),
    (run, "_HELD_BYTES", 0),
    (rows, "_ROWS", 3),
    (rows, "_BYTES", 64),
    (loose, "_TEXT", 50),
)


@contextlib.contextmanager
def tight_limits() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for module, name, value in TIGHT:
            stack.enter_context(patch.object(module, name, value))
        yield


def holds(documents, layout) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (path,) = export(documents, folder, "run", layout=layout)["pymodaq"]
        assert_replays(documents, path)


def tree_of(path: Path) -> dict[str, tuple]:
    """Every array that PyMoDAQ shows, with its attributes."""
    found = {}

    def note(name: str, node) -> None:
        if isinstance(node, h5py.Dataset) and "/Documents/" not in name:
            found[name] = (node[()], {k: bytes(v) for k, v in node.attrs.items()})

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@bounded
@given(document_streams(), layouts)
def test_every_stream_of_documents_comes_back(documents, layout):
    holds(documents, layout)


@pytest.mark.slow
@long
@given(document_streams(), layouts)
def test_many_streams_of_documents_come_back(documents, layout):
    holds(documents, layout)


@bounded
@given(document_streams(), layouts)
def test_a_long_run_comes_back_as_a_short_one(documents, layout):
    with tight_limits():
        holds(documents, layout)


@pytest.mark.slow
@long
@given(document_streams(), layouts)
def test_many_long_runs_come_back(documents, layout):
    with tight_limits():
        holds(documents, layout)


@bounded
@given(document_streams(most_runs=1), layouts)
def test_the_tree_of_a_long_run_is_that_of_a_short_one(documents, layout):
    with tempfile.TemporaryDirectory() as folder:
        (short,) = export(documents, folder, "a", layout=layout)["pymodaq"]
        with tight_limits():
            (long,) = export(documents, folder, "b", layout=layout)["pymodaq"]
        assert not list(differences(tree_of(short), tree_of(long)))


@settings(bounded, max_examples=30)
@given(document_streams(words=PLAIN))
def test_the_plainest_of_the_generated_runs_are_valid_documents(documents):
    """The rest is odd on purpose; this tells that the oddity is, not the generator."""
    for name, doc in documents:
        kind = event_model.DocumentNames[name]
        event_model.schema_validators[kind].validate(doc)
