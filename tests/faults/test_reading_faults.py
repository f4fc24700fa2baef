"""Hostile and damaged files: nothing runs, nothing leaks, nothing hangs or is written.

Each file is a real dataset with one hostile thing where a reader would step on it. What
is asked of the reader is everything (`reading.everything`: all of a scan, documents,
the commands, a catalog), in a worker with bounded memory and time: the rest must come
back, or one of our errors.
"""

import json
import os
import pickle
import random
import re
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import load, stream
from faults.reading import digest, everything
from specimens import unpacked

from pymo_bluesky import PymoError, export
from pymo_bluesky.isolation import Limits, Worker

pytestmark = pytest.mark.fuzz

SECRET = "the text of another file"
SCAN = "RawData/Scan000"
DATA = f"{SCAN}/Detector001/Data0D/CH00/Data00"
REST = "PD2"
BUDGET = 256 * 2**20
PACKAGES = 128 * 2**20
"""What importing h5py, numpy and xarray takes, of the memory that is measured."""

LIMITS = Limits(memory=3 * 2**30, seconds=300)


@pytest.fixture
def dataset(tmp_path):
    """A real scan; beside its folder lies a file that is none of its business."""
    (tmp_path / "secret.txt").write_text(SECRET)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.frombuffer(SECRET.encode(), np.uint8)
    folder = tmp_path / "data"
    folder.mkdir()
    return unpacked("5.3.8/h5py/scan2d", folder)


@pytest.fixture(scope="module")
def worker():
    with Worker(LIMITS) as worker:
        yield worker


def _asked(path, worker):
    before, stat = path.read_bytes(), path.stat()
    folder = sorted(path.parent.iterdir())
    found = worker.call(everything, path)
    assert path.read_bytes() == before, "the file was written to"
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert sorted(path.parent.iterdir()) == folder, "something was left behind"
    assert SECRET not in json.dumps(found)
    told = "".join(found["terminal"])
    assert all(c.isprintable() or c == "\n" for c in told), "raw control characters"
    return found


def _texts(found):
    outcome = "refused" if found["read"] is None else "read"
    texts = [*(found["read"] or [found["refused"]]), *found["terminal"]]
    return outcome, [*texts, found["filled"], found["xarray"], found["catalog"]]


@pytest.fixture
def asked(worker):
    """What the reader says of a file: ("read" | "refused", texts)."""
    return lambda path: _texts(_asked(path, worker))


@pytest.fixture
def frugal():
    """The same, and it took no more memory than it may."""

    def ask(path):
        with Worker(LIMITS) as worker:
            found = _asked(path, worker)
        used = found["memory"]
        assert used < BUDGET + PACKAGES, f"{used / 2**20:.0f} MiB"
        return _texts(found)

    return ask


def replaced(file, **options):
    """The node of a detector's values, made again with other storage."""
    attributes = dict(file[DATA].attrs)
    del file[DATA]
    node = file.create_dataset(DATA, **options)
    node.attrs.update(attributes)
    return node


class Runs:
    """Unpickled, it makes a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return (os.mkdir, (str(self.canary),))


# --------------------------------------------------------------------------- code


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_in_the_log_is_not_unpickled(protocol, dataset, tmp_path, asked):
    canary = tmp_path / "canary"
    rows = [pickle.dumps("a line", 4), pickle.dumps(Runs(canary), protocol)]
    with h5py.File(dataset, "r+") as file:
        log = file["RawData/Logger"]
        log.resize((2,))
        for n, row in enumerate(rows):
            log[n] = np.frombuffer(row, np.uint8)
    outcome, texts = asked(dataset)
    assert outcome == "read"
    assert "a line" in texts
    assert [text for text in texts if "a row is not read" in text]
    assert not canary.exists()


@pytest.mark.parametrize(
    "kind", ["str", "int", "tuple", "float64", "dict", "datetime", "bytes"]
)
def test_what_an_attribute_says_is_not_evaluated(kind, dataset, tmp_path, asked):
    canary = tmp_path / "canary"
    code = f"__import__('os').mkdir({str(canary)!r})"
    text = json.dumps({"module": "builtins", "type": kind, "data": code})
    with h5py.File(dataset, "r+") as file:
        for node in ("RawData", SCAN, DATA):
            file[node].attrs["description"] = text
            file[node].attrs["label"] = text
    outcome, texts = asked(dataset)
    assert outcome == "read"
    assert [text for text in texts if REST in text]
    assert not canary.exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickled_attributes_of_old_files_are_not_unpickled(protocol, tmp_path, asked):
    path, canary = unpacked("1.4.2/viewer_single_Det1D", tmp_path), tmp_path / "canary"
    hostile = np.void(pickle.dumps(Runs(canary), protocol))
    with h5py.File(path, "r+") as file:
        file.attrs["FILTERS"] = hostile
        node = file["Data1D/CH000/Data"]
        node.attrs["shape"] = node.attrs["data_name"] = hostile
    assert asked(path)[0] == "read"
    assert not canary.exists()


BOMB = "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "lol"}">' for n in range(12)
)


MANY = [f"x{n}='1'" for n in range(100_000)]


@pytest.mark.parametrize(
    "xml",
    [
        f"<!DOCTYPE a [{BOMB}]><a>&a11;</a>",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>" * 100_000 + "</a>" * 100_000,
        "<a><b/>" * 300_000,
        f"<a>{'<b/>' * 1_000_000}</a>",
    ],
    ids=["laughs", "entity", "deep", "open", "wide"],
)
def test_settings_that_blow_up_stay_text(xml, dataset, frugal):
    with h5py.File(dataset, "r+") as file:
        file[f"{SCAN}/Detector001"].attrs["settings"] = xml
    outcome, texts = frugal(dataset)
    assert outcome == "read"
    assert [text for text in texts if text.startswith("warning") and "Det0D" in text]
    assert not [text for text in texts if "root:" in text]


@pytest.mark.parametrize(
    "xml",
    [f"<a {' '.join(MANY)}/>", f"<a><b type='str'>{'x' * 2**20}</b></a>"],
    ids=["attributes", "long"],
)
def test_settings_of_unusual_size_are_read(xml, dataset, frugal):
    with h5py.File(dataset, "r+") as file:
        file[f"{SCAN}/Detector001"].attrs["settings"] = xml
    assert frugal(dataset)[0] == "read"


# ---------------------------------------------------------------------- other files


def link_outside(file, folder):
    del file[DATA]
    file[DATA] = h5py.ExternalLink(str(folder / "secret.h5"), "secret")


def link_device(file, folder):
    del file[DATA]
    file[DATA] = h5py.ExternalLink("/dev/zero", "secret")


def link_itself(file, folder):
    del file[DATA]
    file[DATA] = h5py.SoftLink(f"/{DATA}")


def bytes_outside(file, folder):
    where = [(str(folder / "secret.txt"), 0, len(SECRET))]
    replaced(file, shape=(len(SECRET),), dtype="u1", external=where)


def virtual_outside(file, folder):
    layout = h5py.VirtualLayout((len(SECRET),), "u1")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "secret", (len(SECRET),))
    attributes = dict(file[DATA].attrs)
    del file[DATA]
    file.create_virtual_dataset(DATA, layout).attrs.update(attributes)


@pytest.mark.parametrize(
    "hostile", [link_outside, link_device, link_itself, bytes_outside, virtual_outside]
)
def test_no_byte_of_another_file_is_read(hostile, dataset, asked):
    with h5py.File(dataset, "r+") as file:
        hostile(file, dataset.parents[1])
    outcome, texts = asked(dataset)
    assert outcome == "read"
    assert [text for text in texts if DATA in text and "not" in text], "it is told"
    assert [text for text in texts if REST in text]


def test_documents_do_not_lead_out_of_their_scan(tmp_path, asked):
    """The store's own paths are data of the file, so they are not trusted either."""
    documents = load(stream("p05"))
    path = Path(export(documents, tmp_path, "p05")["pymodaq"][0])
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.zeros((20, 6))
    with h5py.File(path, "r+") as file:
        store = file[f"{SCAN}/Documents/Events000"]
        del store["Float6400"]
        store["Float6400"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "secret")
    _, texts = asked(path)
    assert [text for text in texts if "Float6400 is missing" in text]


# --------------------------------------------------------------------------- bounds


def huge_shape(file):
    replaced(file, shape=(10**15,), dtype="f8", chunks=(1024,))


def zip_bomb(file):
    node = replaced(
        file, shape=(2**26,), dtype="f8", chunks=(2**23,), compression="gzip"
    )
    node[...] = 0


def huge_rows(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((1,))
    kind = h5py.h5t.array_create(h5py.h5t.NATIVE_DOUBLE, (2**28,))
    attributes = dict(file[DATA].attrs)
    del file[DATA]
    space = h5py.h5s.create_simple((4,))
    h5py.h5d.create(file.id, DATA.encode(), kind, space, plist)
    file[DATA].attrs.update(attributes)


def long_log(file):
    log = file["RawData/Logger"]
    log.resize((10**9,))
    log[0] = np.frombuffer(pickle.dumps("first"), np.uint8)


def huge_virtual(file):
    layout = h5py.VirtualLayout((10**12,), "f8")
    attributes = dict(file[DATA].attrs)
    del file[DATA]
    file.create_virtual_dataset(DATA, layout).attrs.update(attributes)


def long_texts(file):
    """Many of them can be the same bytes of the file's heap."""
    kind = h5py.string_dtype()
    file[DATA].attrs.create("many", ["x" * 2**20] * 64, dtype=kind)
    file[DATA].attrs["one"] = "x" * 2**25


def long_numbers(file):
    """A number takes two bytes of the text, and a thousand while Python parses it."""
    data = f"({'0,' * 7_000_000})"
    text = json.dumps({"module": "builtins", "type": "tuple", "data": data})
    file[DATA].attrs["distribution"] = text


def many_attributes(file):
    node = replaced(file, shape=(4,), dtype="f8", track_order=True)
    for n in range(12_000):
        node.attrs.create(f"n{n}", 1)


def long_attributes(file):
    """Each may be; together they are more than a dataset may tell of itself."""
    for n in range(12):
        group = file[SCAN].create_group(f"Detector{n + 100}")
        group.attrs.update(CLASS="GROUP", type="detector", TITLE=f"d{n}")
        for m in range(4):
            group.attrs[f"note{m}"] = "x" * 2**23


@pytest.mark.parametrize(
    "hostile",
    [
        *(huge_shape, zip_bomb, huge_rows, huge_virtual),
        *(long_texts, long_numbers, many_attributes, long_attributes),
    ],
)
def test_a_few_bytes_do_not_fill_the_memory(hostile, dataset, frugal):
    with h5py.File(dataset, "r+") as file:
        hostile(file)
    _, texts = frugal(dataset)
    assert [text for text in texts if REST in text]


def test_chunks_that_share_their_bytes_do_not_fill_the_memory(dataset, frugal):
    """What is stored counts once, however often the file says that it is there."""
    size, count = 2**20, 600
    noise = np.random.default_rng(1).integers(0, 256, size // 64, np.uint8)
    with h5py.File(dataset, "r+") as file:
        node = replaced(
            *(file,), shape=(size * count,), dtype="u1", chunks=(size,), compression=1
        )
        node[:size] = np.repeat(noise, 64)
        for n in range(1, count):
            node.id.write_direct_chunk((n * size,), b"\0" * 8)
        first, *others = [node.id.get_chunk_info(n) for n in range(count)]
    data = dataset.read_bytes()
    for chunk in others:
        place = struct.pack("<QQ", *chunk.chunk_offset, 0)
        record = struct.pack("<II", chunk.size, 0) + place
        shared = struct.pack("<II", first.size, 0) + place
        data = data.replace(
            record + struct.pack("<Q", chunk.byte_offset),
            shared + struct.pack("<Q", first.byte_offset),
        )
    dataset.write_bytes(data)
    _, texts = frugal(dataset)
    assert [text for text in texts if "bytes were to be read where" in text]
    assert [text for text in texts if REST in text]


def circle(file):
    file[f"{SCAN}/Detector004"] = file[SCAN]
    file["RawData/Scan009"] = file["RawData"]
    file[f"{SCAN}/Detector001/Data0D/CH09"] = file[f"{SCAN}/Detector001"]


def doubling(file):
    here = file["RawData"].create_group("Scan007")
    here.attrs["CLASS"] = "GROUP"
    for _ in range(40):
        below = file.create_group(None)
        here["a"] = here["b"] = below
        here = below


def deep(file):
    here = file
    for _ in range(3000):
        here = here.create_group("g")


def broad(file):
    for n in range(12_000):
        file["RawData"].create_group(f"n{n}")


@pytest.mark.parametrize("hostile", [circle, doubling, deep, broad])
def test_trees_without_end_come_to_an_end(hostile, dataset, frugal):
    with h5py.File(dataset, "r+") as file:
        hostile(file)
    frugal(dataset)


def test_a_log_without_end_comes_to_an_end(dataset, frugal):
    with h5py.File(dataset, "r+") as file:
        long_log(file)
    frugal(dataset)


def test_documents_without_end_are_refused(tmp_path, frugal):
    """What the store says of its rows is data of the file too."""
    path = Path(export(load(stream("p01")), tmp_path, "p01")["pymodaq"][0])
    with h5py.File(path, "r+") as file:
        store = file[f"{SCAN}/Documents"]
        text = bytes(store["Index"][()]).decode()
        changed = re.sub(r'"rows":\d+', '"rows":1000000000000', text).encode()
        attributes = dict(store["Index"].attrs)
        del store["Index"]
        store["Index"] = np.frombuffer(changed, np.uint8)
        store["Index"].attrs.update(attributes)
    _, texts = frugal(path)
    assert [text for text in texts if "can hold" in text]


def test_names_cannot_steer_the_terminal(dataset, asked):
    with h5py.File(dataset, "r+") as file:
        file[SCAN].create_group("\x1b[31mred").attrs["CLASS"] = "GROUP"
        file[f"{SCAN}/Detector001"].attrs["TITLE"] = "\x1b]0;title\x07"
        file[SCAN][b"not \xff utf-8"] = file[DATA]
    outcome, texts = asked(dataset)
    assert outcome == "read"
    shown = [text for text in texts if "red" in text or "title" in text]
    tree = next(text for text in shown if "├──" in text)
    assert "\x1b" not in tree
    assert "\\x1b[31mred" in tree


def test_a_group_where_values_should_be_is_an_extra(dataset, asked):
    with h5py.File(dataset, "r+") as file:
        attributes = dict(file[DATA].attrs)
        del file[DATA]
        file.create_group(DATA).attrs.update(attributes)
    outcome, texts = asked(dataset)
    assert outcome == "read"
    assert [text for text in texts if text == f"/{DATA}" or DATA in text]


# --------------------------------------------------------------------------- damage


@pytest.mark.parametrize("seed", range(12))
def test_a_cut_file_is_refused(seed, dataset):
    data = dataset.read_bytes()
    dataset.write_bytes(data[: random.Random(seed).randrange(len(data) - 1)])
    with pytest.raises(PymoError, match=dataset.name):
        digest(dataset)
