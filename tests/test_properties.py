"""Whatever documents a run emits, its dataset gives them back.

The strategies lie in ``generating.py``. ``pytest -m slow`` hunts for longer.
"""

import os
import tempfile

import pytest
from exactness import assert_replays
from generating import document_streams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymo_bluesky import export

EXAMPLES = int(os.environ.get("PYMO_EXAMPLES", "2000"))
bounded = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
long = settings(bounded, max_examples=EXAMPLES)
layouts = st.sampled_from(["pymodaq5", "pymodaq3"])


def holds(documents, layout) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (path,) = export(documents, folder, "run", layout=layout)["pymodaq"]
        assert_replays(documents, path)


@bounded
@given(document_streams(), layouts)
def test_every_stream_of_documents_comes_back(documents, layout):
    holds(documents, layout)


@pytest.mark.slow
@long
@given(document_streams(), layouts)
def test_many_streams_of_documents_come_back(documents, layout):
    holds(documents, layout)
