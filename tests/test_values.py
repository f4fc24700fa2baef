"""Any value a document can hold goes to bytes and back, in both dialects."""

import datetime
from collections import OrderedDict

import msgpack
import numpy as np
import pytest
from exactness import differences

from pymo_bluesky.errors import FormatError
from pymo_bluesky.values import BLOB_BYTES, from_json, pack, to_json, unpack


def by_msgpack(value):
    blobs: list[memoryview] = []
    return unpack(pack(value, blobs), blobs)


def by_json(value):
    return from_json(to_json(value))


DIALECTS = pytest.mark.parametrize("there_and_back", [by_json, by_msgpack])

STRUCTURED = np.dtype([("x", "<f4"), ("pixels", ">u2", (2, 3)), ("name", "<U4")])
OVERLAPPING = np.dtype(
    {
        "names": ["word", "bytes", "table"],
        "formats": ["<u4", ("u1", (4,)), np.zeros(1, "<i4,<f8")[["f1", "f0"]].dtype],
        "offsets": [8, 8, 16],
        "titles": ["a title", None, None],
    }
)
RECORDS = np.array([(1, None), (2, ("a", [1.5]))], [("n", "<i4"), ("what", object)])
VALUES = {
    "numbers": [0, -1, 1.5, True, False, None],
    "floats beyond numbers": [float("nan"), float("inf"), float("-inf"), -0.0],
    "small floats": [5e-324, 2.2250738585072014e-308, 0.1 + 0.2],
    "integers beyond 64 bits": [2**63, 2**64, -(2**63) - 1, 10**100],
    "text of any script": ["", "µm", "試料", "🧲", "a\0b", "line\nbreak", "\u202e"],
    "text that is no unicode": ["\ud800", "\udcff"],
    "bytes": [b"", b"\0\xff"],
    "containers": [(), [], {}, (1, [2, (3,)]), {"a": {"b": ({},)}}],
    "sets": [{1, 2}, frozenset({"a"}), set()],
    "keys of any kind": {1: "int", None: "none", (1, 2): "tuple", "": "empty"},
    "mappings that look like a tag": [{"!array": 1}, {"!tuple": [1]}, {"!": None}],
    "complex": [1 + 2j, complex("nan"), complex(-0.0, 0.0)],
    "dates": [datetime.date(2026, 11, 22), datetime.datetime(2026, 11, 22, 1, 2, 3)],
    "numpy scalars": [np.float16(1.5), np.uint64(2**64 - 1), np.bool_(True)],
    "numpy text": [np.str_("µ"), np.bytes_(b"x")],
    "numpy times": [np.datetime64("2026-11-22T00:00:00.1"), np.timedelta64(3, "ms")],
    "arrays": [np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.array(3.0)],
    "big-endian": np.array([1, 2, 3], ">i4"),
    "not contiguous": np.arange(10)[::-2],
    "column order": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "half precision": np.array([1.5, np.nan], np.float16),
    "times": np.array(["2026-11-22", "NaT"], "M8[ns]"),
    "text arrays": np.array(["a", "ü"]),
    "structured": np.zeros(2, STRUCTURED),
    "a structured scalar": np.zeros(1, STRUCTURED)[0],
    "objects": np.array([1, "a", None, [2.0]], dtype=object),
    "times of the day and spans": [datetime.time(1, 2, 3), datetime.timedelta(1, 2, 3)],
    "fields out of order": np.zeros(2, "<i4,<f8")[["f1", "f0"]],
    "fields that overlap": np.zeros(2, OVERLAPPING),
    "no fields": np.zeros((2, 3), []),
    "items of no bytes": np.zeros((2, 0, 3), "V0"),
    "objects in a structure": RECORDS,
    "objects in a scalar of a structure": RECORDS[1],
}


@DIALECTS
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_comes_back_as_it_was(there_and_back, value):
    assert not list(differences(value, there_and_back(value)))


@DIALECTS
def test_a_nan_keeps_its_payload(there_and_back):
    odd = np.array([0x7FF8_0000_0000_1234], np.uint64).view(np.float64)
    assert not list(differences(odd, there_and_back(odd)))
    assert not list(differences(float(odd[0]), there_and_back(float(odd[0]))))


@DIALECTS
def test_a_masked_array_keeps_its_mask(there_and_back):
    masked = np.ma.MaskedArray([1.0, 2.0], mask=[False, True], fill_value=-1.0)
    back = there_and_back(masked)
    assert isinstance(back, np.ma.MaskedArray)
    assert back.mask.tolist() == [False, True]
    assert back.data.tolist() == [1.0, 2.0]
    assert back.fill_value == -1.0


@DIALECTS
def test_the_masked_constant_comes_back_as_it_is(there_and_back):
    assert there_and_back({"beam": np.ma.masked})["beam"] is np.ma.masked


@DIALECTS
def test_a_subclass_of_a_plain_type_comes_back_plain(there_and_back):
    class Counts(int):
        pass

    given = {"counts": Counts(3), "ordered": OrderedDict(a=1)}
    assert not list(
        differences({"counts": 3, "ordered": {"a": 1}}, there_and_back(given))
    )


def test_a_bytearray_passes_msgpack_as_bytes():
    """Msgpack packs it itself, unasked; no document of bluesky can hold one."""
    assert by_msgpack(bytearray(b"ab")) == b"ab"
    assert not list(differences(bytearray(b"ab"), by_json(bytearray(b"ab"))))


@DIALECTS
def test_of_what_nobody_can_write_the_text_is_kept(there_and_back):
    assert there_and_back({"axis": slice(1, 2)}) == {"axis": "slice(1, 2, None)"}


@DIALECTS
def test_what_comes_back_can_be_changed(there_and_back):
    back = there_and_back(np.arange(3))
    back[0] = 7
    assert back.tolist() == [7, 1, 2]


def test_large_arrays_travel_beside_the_packed_document_without_a_copy():
    frame = np.zeros(BLOB_BYTES, np.uint8)
    blobs: list[memoryview] = []
    packed = pack({"frame": frame, "small": np.zeros(8)}, blobs)
    assert len(packed) < 200
    assert [len(blob) for blob in blobs] == [BLOB_BYTES]
    frame[0] = 1
    assert unpack(packed, blobs)["frame"][0] == 1


def test_json_is_one_line_of_ascii():
    text = to_json({"sample": "試料\nA", "data": np.arange(3)})
    assert text.isascii()
    assert "\n" not in text


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"!unheard of": 1}', '{"!array": [1]}', '{"!complex": "x"}'],
)
def test_json_that_is_damaged_is_a_format_error(text):
    with pytest.raises(FormatError, match="cannot be read"):
        from_json(text)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\xc7\x01\x63\x00", pack(np.zeros(3))[:-1], pack([1]) + b"x"],
    ids=["nothing", "reserved", "unknown kind", "cut off", "too long"],
)
def test_msgpack_that_is_damaged_is_a_format_error(data):
    with pytest.raises(FormatError, match="cannot be read"):
        unpack(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"!array": ["O", [1], ""]}',
        '{"!array": ["|O", [1], "AAAAAAAAAAA="]}',
        '{"!array": [[["a", "O"]], [1], "AAAAAAAAAAA="]}',
        '{"!scalar": ["|O", "AAAAAAAAAAA="]}',
        '{"!objects": ["<f8", [1], [1.5]]}',
        '{"!record": ["V1000000000", [], [0]]}',
    ],
)
def test_stored_bytes_never_become_pointers_to_objects(text):
    with pytest.raises(FormatError):
        from_json(text)


def test_values_nested_so_deep_that_msgpack_dies_of_them_are_texts():
    value: object = 1
    for _ in range(220):
        value = (value,)
    found = unpack(pack(value))
    for _ in range(100):
        (found,) = found
    assert isinstance(found, str)


def test_bytes_nested_so_deep_that_msgpack_dies_of_them_are_a_format_error():
    data = pack((1,))
    for _ in range(3000):
        data = b"\x91" + msgpack.packb(msgpack.ExtType(3, data))
    with pytest.raises(FormatError, match="in each other"):
        unpack(data)


def test_an_array_without_bytes_is_not_as_long_as_it_says():
    with pytest.raises(FormatError, match="without bytes"):
        from_json('{"!array": ["|S0", [1000000000000000], ""]}')
