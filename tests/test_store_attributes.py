"""Attributes come as they are stored, however they were stored."""

import h5py
import numpy as np
import pytest
from h5py import h5a, h5s, h5t

from pymo_bluesky.store import open_tree
from pymo_bluesky.store.opening import Source

PADS = (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD)
LONG = '{"module": "builtins", "type": "str", "data": "\'mm\'"}'


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        yield file


def read(file, name="a"):
    path = file.filename
    file.close()
    with open_tree(path) as tree:
        return tree.root.attributes[name]


def store(file, data, pad, encoding):
    kind = h5t.C_S1.copy()
    kind.set_size(len(data))
    kind.set_strpad(pad)
    kind.set_cset(encoding)
    attribute = h5a.create(file.id, b"a", kind, h5s.create(h5s.SCALAR))
    values = np.frombuffer(data, np.dtype((np.void, len(data)))).reshape(())
    attribute.write(values, mtype=kind)


@pytest.mark.parametrize("encoding", [h5t.CSET_ASCII, h5t.CSET_UTF8])
@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize(
    "data",
    [
        b"GROUP",
        b"sixteen bytes ok",
        b"with spaces  ",
        b"\x89PNG\0\0\0\rIHDR\0end",
        b"ends\0\0",
        b"\0",
        b"\0\0x",
        LONG.encode(),
        b"\xff" * 5000,
    ],
)
def test_a_text_of_fixed_length_is_its_bytes(data, pad, encoding, file):
    store(file, data, pad, encoding)
    assert read(file) == data.rstrip(b"\0")


@pytest.mark.parametrize("text", ["", "short", "sixteen bytes ok", LONG, "µ" * 3000])
def test_a_text_of_variable_length_is_whole(text, file):
    file.attrs["a"] = text
    assert read(file) == text


@pytest.mark.parametrize(
    "value",
    [
        *(3, 2.5, True, 2**60, [1, 2, 3], [b"ab", b"cd"], [0.5]),
        np.array([b"one alone"]),
        np.array(["a", "bc"], object),
        np.array(["several texts"] * 40, object),
        np.array([b"several of utf-8"] * 40, h5py.string_dtype("utf-8", 16)),
        np.void(b"opaque bytes"),
        np.array((1, 2.5), [("a", "i4"), ("b", "f8")]),
    ],
)
def test_other_values_are_what_numpy_has(value, file):
    file.attrs["a"] = value
    expected = file.attrs["a"]
    assert np.array_equal(read(file), expected)


def test_nothing_is_an_empty_text(file):
    file.attrs["a"] = h5py.Empty("S8")
    assert read(file) == ""


def test_what_is_not_there_is_told_from_what_is_unreadable(file):
    rows = np.empty(1, object)
    rows[0] = np.arange(3, dtype="i4")
    file.attrs.create("b", rows, dtype=h5py.vlen_dtype("i4"))
    path = file.filename
    file.close()
    with open_tree(path) as tree:
        attributes = tree.root.attributes
        assert attributes["b"] is None
        assert attributes.get("b", "none") is None
        assert "c" not in attributes
        assert attributes.get("c", "none") == "none"
        with pytest.raises(KeyError):
            attributes["c"]


def test_they_are_listed_in_the_order_they_were_made_in_where_it_is_kept(tmp_path):
    path = tmp_path / "b.h5"
    with h5py.File(path, "w") as file:
        for name, kept in (("kept", True), ("named", False)):
            group = file.create_group(name, track_order=kept)
            for attribute in "cab":
                group.attrs[attribute] = 1
    with open_tree(path) as tree:
        assert list(tree.node("/kept").attributes) == ["c", "a", "b"]
        assert list(tree.node("/named").attributes) == ["a", "b", "c"]


def test_a_node_asked_for_again_is_the_same_one(tmp_path):
    path = tmp_path / "c.h5"
    with h5py.File(path, "w") as file:
        file["a/b/c"] = np.arange(3)
    source = Source(path)
    with source.opened() as tree:
        above, node = tree.node("/a/b"), tree.node("/a/b/c")
        assert node[()].tolist() == [0, 1, 2]
        tree.keep(node)
        assert tree.node("/a/b/c") is node
        assert tree.node("/a/b").address == above.address
    with source.opened() as tree:  # another time the file is opened
        assert tree.node("/a/b/c") is not node
        assert tree.node("/a/b/c")[1] == 1
