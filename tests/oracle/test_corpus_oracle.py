"""What PyMoDAQ loads from our files is, bit for bit, what plain h5py reads in them.

Of every recorded run, and of runs that nobody recorded: generated ones, whose names and
values are as odd as documents allow.
"""

import ast
import hashlib
import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import load
from generating import document_streams
from hypothesis import HealthCheck, given, settings
from oracle.judge import BACKENDS, WAYS, check

from pymo_bluesky import export

pytestmark = pytest.mark.oracle
# PyMoDAQ 5.3 takes what is nearly a line for one, and computes its points anew.
LINE = 1e-6


def written(documents, folder, layout) -> Path:
    (path,) = export(documents, folder, "run", layout=layout)["pymodaq"]
    return Path(path)


def attribute(node, name):
    text = bytes(node.attrs[name]).decode()
    return ast.literal_eval(json.loads(text)["data"])


def digest(array: np.ndarray) -> str:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return hashlib.sha1(little.tobytes()).hexdigest()


@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_5_loads_the_bits_that_are_there(
    pymodaq5, corpus_stream, backend, tmp_path
):
    path = written(load(corpus_stream), tmp_path, "pymodaq5")
    verdict = check(pymodaq5, path, backend)
    with h5py.File(path) as file:
        for node in verdict["nodes"]:
            stored = file[node["path"]]
            if "sha1" in node:
                assert node["sha1"] == digest(stored[()]), node["path"]
                assert node["labels"] == [attribute(stored, "label")]
            elif node["data_type"] == "axis":
                assert_same_axis(node, stored)


def assert_same_axis(node, stored):
    values = stored[()]
    assert node["label"] == attribute(stored, "label")
    assert node["index"] == attribute(stored, "index")
    assert node["spread_order"] == attribute(stored, "spread_order")
    assert node["size"] == values.size
    if np.isfinite(values).any():
        span = np.nanmax(values) - np.nanmin(values) or 1.0
        assert abs(node["max_abs_dev_from_stored"] or 0.0) <= LINE * span


def test_pymodaq_36_loads_the_values_that_are_there(pymodaq36, corpus_stream, tmp_path):
    path = written(load(corpus_stream), tmp_path, "pymodaq3")
    status, verdict = pymodaq36.report(path)
    assert (status, verdict["errors"]) == (0, 0)
    with h5py.File(path) as file:
        for node in verdict["nodes"]:
            if node["type"] != "data" or not file[node["path"]].size:
                continue
            values = file[node["path"]][()]
            assert np.prod(node["shape"]) == values.size
            if values.dtype.kind in "iuf" and not np.isnan(values).all():
                low, high = np.nanmin(values), np.nanmax(values)
                assert (node["min"], node["max"]) == (float(low), float(high))


fewer = settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.slow
@fewer
@given(document_streams())
def test_pymodaq_5_reads_whatever_a_run_may_hold(pymodaq5, documents):
    with tempfile.TemporaryDirectory() as folder:
        path = written(documents, folder, "pymodaq5")
        for backend in BACKENDS:
            for how in WAYS:
                status, verdict = pymodaq5.report(
                    path, "--backend", backend, "--how", how
                )
                assert (status, verdict["errors"]) == (0, 0), verdict


@pytest.mark.slow
@fewer
@given(document_streams())
def test_pymodaq_36_reads_whatever_a_run_may_hold(pymodaq36, documents):
    with tempfile.TemporaryDirectory() as folder:
        status, verdict = pymodaq36.report(written(documents, folder, "pymodaq3"))
        assert (status, verdict["errors"]) == (0, 0), verdict
