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


@pytest.mark.parametrize("chunks", [None, (50,)])
def test_what_was_never_written_reads_as_zeros(file, chunks):
    """And not as what lay in memory before."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    if chunks:
        properties.set_chunk(chunks)
    h5py.h5d.create(
        file.id, b"x", h5t.NATIVE_DOUBLE, h5s.create_simple((100,)), properties
    )
    if chunks:
        file["x"][0] = 5.0
    path = file.filename
    file.close()
    left = [np.full(100, 7.0) for _ in range(100)]
    with open_tree(path) as tree:
        node = tree.node("/x")
        del left
        found = node[()]
    assert not found[50:].any()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((700_001,), "f8"),
        ((1_000, 1_001), "f8"),
        ((3, 1_100, 1_000), "u1"),
        ((3, 2, 1_500_000), "u1"),
        ((1, 3_000_000), "i2"),
        ((300_000, 1, 1, 2), ">f8"),
    ],
)
def test_a_large_array_is_read_as_it_is(file, shape, dtype):
    values = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    file["x"] = values
    file.create_dataset("never", shape, dtype)
    path = file.filename
    file.close()
    with open_tree(path) as tree:
        found, never = tree.node("/x")[()], tree.node("/never")[()]
    assert found.dtype == values.dtype
    assert found.flags.aligned
    assert found.flags.writeable
    np.testing.assert_array_equal(found, values)
    assert never.shape == shape
    assert not never.any()


def test_an_array_that_hdf5_caches_is_not_kept_open(file):
    """8 MiB for each array in chunks, of which a file can have thousands."""
    file["plain"] = np.zeros(3)
    file.create_dataset("chunked", data=np.zeros(3), chunks=(3,))
    path = file.filename
    file.close()
    with open_tree(path) as tree:
        for name, is_kept in (("/plain", True), ("/chunked", False)):
            node = tree.node(name)
            tree.keep(node)
            assert (tree.node(name) is node) is is_kept


def test_a_node_is_not_taken_for_one_that_is_shown_so(file):
    """A name that is not UTF-8 is shown with backslashes, which another can have."""
    h5py.h5g.create(file.id, b"\xff")
    h5py.h5g.create(file.id, b"\\xff").close()
    file["\\xff"].attrs["mine"] = 1
    path = file.filename
    file.close()
    with open_tree(path) as tree:
        for node in tree.root.children():
            tree.keep(node)
        assert tree.node("/\\xff").attributes["mine"] == 1


def test_an_array_holds_no_nodes(file):
    file["x"] = np.zeros(3)
    path = file.filename
    file.close()
    with open_tree(path) as tree:
        node = tree.node("/x")
        assert (node.names(), list(node.children())) == ([], [])
