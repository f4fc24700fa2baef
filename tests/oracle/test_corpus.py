"""Every recorded run opens in the PyMoDAQ whose layout it was written in."""

from pathlib import Path

import numpy as np
import pytest
from corpus import load, stream, streams
from oracle.judge import BACKENDS, WAYS, check, nodes

from pymo_bluesky import export

pytestmark = pytest.mark.oracle
# Runs without one event: a tree of groups, where PyMoDAQ 3.6 has nothing to load.
WITHOUT_EVENTS = streams("p21", "p22")


def exported(recorded: Path, folder: Path, layout: str) -> Path:
    (path,) = export(load(recorded), folder, layout=layout)["pymodaq"]
    return Path(path)


def test_pymodaq_5_reads_every_run(pymodaq5, corpus_stream, tmp_path):
    path = exported(corpus_stream, tmp_path, "pymodaq5")
    for backend in BACKENDS:
        for how in WAYS:
            check(pymodaq5, path, backend, how)


def test_pymodaq_36_reads_every_run(pymodaq36, corpus_stream, tmp_path):
    path = exported(corpus_stream, tmp_path, "pymodaq3")
    if corpus_stream in WITHOUT_EVENTS:
        status, verdict = pymodaq36.report(path)
        assert (status, verdict["errors"], verdict["nodes"]) == (0, 0, [])
    else:
        pymodaq36.check(path)


def readings(documents: list) -> list[dict]:
    return [doc["data"] for name, doc in documents if name == "event"]


def navigation_axes(node: dict) -> dict[str, list[float]]:
    """Values of a node's navigation axes by label; the verdict gives them unsorted."""
    return {
        axis["label"]: next(
            values
            for values in node["axes_values"]
            if (len(values), values[0], values[-1])
            == (axis["size"], axis["first"], axis["last"])
        )
        for axis in node["axes"]
        if axis["nav"]
    }


@pytest.mark.parametrize("name", ["p02", "p04", "p05", "p07", "p11"])
def test_each_value_lies_where_its_setpoints_say(pymodaq5, name, tmp_path):
    documents = load(stream(name))
    motors = documents[0][1]["motors"]
    verdict = pymodaq5.check(exported(stream(name), tmp_path, "pymodaq5"), "--values")
    channels = {
        node["labels"][0]: node
        for node in verdict["nodes"]
        if node["data_type"] == "data" and node["source"] == "raw"
    }
    events = readings(documents)
    assert set(channels) == set(events[0])
    for key, node in channels.items():
        axes = navigation_axes(node)
        assert list(axes) == [*motors]
        values = np.array(node["values"])
        for event in events:
            setpoints = [float(event[f"{motor}_setpoint"]) for motor in motors]
            place = tuple(
                int(np.argmin(np.abs(np.array(axis) - setpoint)))
                for axis, setpoint in zip(axes.values(), setpoints, strict=True)
            )
            np.testing.assert_array_equal(values[place], event[key])


def test_scattered_points_are_kept_in_their_order(pymodaq5, tmp_path):
    events = readings(load(stream("p08")))
    verdict = pymodaq5.check(exported(stream("p08"), tmp_path, "pymodaq5"), "--values")
    detector = nodes(verdict)["/RawData/Scan000/Detector000/Data0D/CH00/Data00"]
    assert detector["distribution"] == "spread"
    assert [axis["label"] for axis in detector["axes"]] == ["motor1", "motor2"]
    np.testing.assert_array_equal(detector["values"], [e["det4"] for e in events])


@pytest.mark.parametrize("name", ["p05", "p08"])
def test_pymodaq_36_sees_the_same_values(pymodaq36, name, tmp_path):
    values = np.array([event["det4"] for event in readings(load(stream(name)))])
    verdict = pymodaq36.check(exported(stream(name), tmp_path, "pymodaq3"))
    detector = [
        node
        for node in verdict["nodes"]
        if node["type"] == "data" and "/Detector000/" in node["path"]
    ]
    assert [node["min"] for node in detector] == [values.min()]
    assert [node["max"] for node in detector] == [values.max()]
    # Scattered points have one axis in PyMoDAQ 3.6's own files too: their index.
    axes = detector[0]["axes"]
    labels = [axis["label"] for key, axis in axes.items() if key.startswith("nav_")]
    assert labels == (["Scan index"] if name == "p08" else ["motor1", "motor2"])
