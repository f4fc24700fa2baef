"""Two streams are the same only when nothing can tell them apart."""

import struct
from copy import deepcopy

import numpy as np
import pytest
from corpus import load, stream

from pymo_bluesky.replaying.comparing import differences


def event(value):
    return [("event", {"uid": "4b1d", "data": {"x": value}})]


def nan(payload: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000000 | payload))[0]


LOOK_ALIKES = {
    "number kinds": (1, 1.0),
    "truth": (True, 1),
    "zeros": (0.0, -0.0),
    "last bit": (0.1 + 0.2, 0.3),
    "payload of NaN": (nan(0), nan(1)),
    "numpy's number": (1.0, np.float64(1.0)),
    "width of a number": (np.float32(1.0), np.float64(1.0)),
    "sequence": ([1, 2], (1, 2)),
    "length": ([1, 2], [1, 2, 3]),
    "array for a list": ([1, 2], np.array([1, 2])),
    "dtype": (np.ones(3, "f4"), np.ones(3, "f8")),
    "byte order": (np.ones(3, "<f8"), np.ones(3, ">f8")),
    "shape": (np.ones((2, 3)), np.ones((3, 2))),
    "one bit of an array": (np.array([0.1 + 0.2]), np.array([0.3])),
    "sign in an array": (np.zeros(2), -np.zeros(2)),
    "text for bytes": ("a", b"a"),
    "nothing": (None, float("nan")),
}


@pytest.mark.parametrize("pair", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_look_alikes_are_told_apart(pair):
    one, other = pair
    (line,) = differences(event(one), event(other))
    assert line.startswith("event 4b1d: data.x: expected ")
    assert len(line) < 200
    for value in pair:
        assert not list(differences(event(value), event(deepcopy(value))))


def test_a_member_that_is_missing_or_too_many_is_named():
    one = [("start", {"uid": "4b1d", "md": {"sample": "Si"}})]
    other = [("start", {"uid": "4b1d", "md": {"dose": 3}})]
    assert list(differences(one, other)) == [
        "start 4b1d: md.sample: expected 'Si', found nothing",
        "start 4b1d: md.dose: expected nothing, found 3",
    ]


def test_the_order_of_members_and_the_class_of_a_mapping_are_free():
    from collections import ChainMap

    one = [("start", {"a": 1, "b": {"c": 2}})]
    other = [("start", ChainMap({"b": ChainMap({"c": 2})}, {"a": 1}))]
    assert not list(differences(one, other))


def test_a_stream_that_ends_early_or_late_is_no_equal():
    whole = load(stream("p02"))
    (line,) = differences(whole, whole[:-1])
    assert line.endswith("found the end")
    (line,) = differences(whole[:-1], whole)
    assert f"found stop {whole[-1][1]['uid']}" in line


def test_swapped_documents_are_no_equals():
    whole = load(stream("p02"))
    swapped = [*whole[:3], whole[4], whole[3], *whole[5:]]
    assert any(
        "event" in line and "uid" in line for line in differences(whole, swapped)
    )


def test_streams_are_not_held_in_memory():
    """Of generators without end, the first difference is told at once."""

    def endless(last):
        yield "start", {"uid": "4b1d", "n": last}
        number = 0
        while True:
            number += 1
            yield "event", {"uid": str(number)}

    assert "n: expected 1, found 2" in next(differences(endless(1), endless(2)))
