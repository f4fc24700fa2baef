"""Compressed datasets: smaller, and nothing else about them is different."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from event_model import compose_run
from extras import needs
from oracle.environments import OracleMissingError
from oracle.judge import BACKENDS, LOADER5, LOADER36, WAYS, check, judging, nodes

from pymo_bluesky import (
    PymodaqWriter,
    convert,
    export,
    open_dataset,
    recover,
    replay,
    validate,
    verify,
)
from pymo_bluesky.cli import main
from pymo_bluesky.compression import Compression, compression_of
from pymo_bluesky.errors import PymoError
from pymo_bluesky.plans import ContinuousSaving, SnapshotSaving
from pymo_bluesky.replaying.comparing import differences

LAYOUTS = ("pymodaq5", "pymodaq3")
EXTRA = ("lz4", "bitshuffle", "zstd")
FILTERS = {"gzip": {1, 2}, "lz4": {32004}, "bitshuffle": {32008}, "zstd": {2, 32015}}


def has_extra() -> bool:
    return importlib.util.find_spec("hdf5plugin") is not None


@pytest.fixture(
    params=["gzip", *(pytest.param(n, marks=pytest.mark.extras) for n in EXTRA)]
)
def library(request) -> str:
    if request.param != "gzip":
        needs("hdf5plugin", "compression")
    return request.param


def key(shape: tuple[int, ...] = (), dtype: str = "<f8") -> dict:
    kind = "array" if shape else "number"
    return {"source": "SIM", "dtype": kind, "shape": shape, "dtype_numpy": dtype}


def measured(points: int = 12, *, visits=None, shape=(), number=0) -> list:
    """A run with frames that compress, noise that does not, and scalars."""
    rng = np.random.default_rng(number)
    motors = ["y", "x"][-max(1, len(shape)) :]
    bundle = compose_run(
        metadata={
            "plan_name": "scan",
            "num_points": points,
            "motors": motors,
            "shape": list(shape) or [points],
            "hints": {"dimensions": [[[motor], "primary"] for motor in motors]},
        }
    )
    keys = {
        **{motor: key() for motor in motors},
        "image": key((96, 128), "<u2"),
        "spectrum": key((1024,)),
        "count": key((), "<i8"),
    }
    descriptor = bundle.compose_descriptor(name="primary", data_keys=keys)
    documents = [("start", bundle.start_doc), ("descriptor", descriptor.descriptor_doc)]
    for n in range(points) if visits is None else visits:
        place = np.unravel_index(n, shape) if shape else (n,)
        data = {
            **{m: 0.5 * int(at) for m, at in zip(motors, place, strict=True)},
            "image": rng.poisson(0.02, (96, 128)).astype(np.uint16),
            "spectrum": rng.random(1024),
            "count": int(rng.integers(1000)),
        }
        event = descriptor.compose_event(
            data=data, timestamps=dict.fromkeys(data, 1.0 * n), time=1.0 * n
        )
        documents.append(("event", event))
    documents.append(("stop", bundle.compose_stop()))
    return [(name, dict(doc)) for name, doc in documents]


def written(documents, folder: Path, **options) -> Path:
    (path,) = export(documents, folder, "run", **options)["pymodaq"]
    return Path(path)


def feed(writer, documents) -> None:
    for name, doc in documents:
        writer(name, doc)


class Stored(NamedTuple):
    """How an array lies in a file."""

    path: str
    shape: tuple[int, ...]
    maxshape: tuple[int | None, ...]
    dtype: np.dtype
    nbytes: int
    size: int
    filters: set[int]
    level: int | None
    chunks: tuple[tuple[int, int], ...]


def arrays(path: Path) -> list[Stored]:
    found: list[Stored] = []

    def visit(name, node) -> None:
        if isinstance(node, h5py.Dataset):
            plist = node.id.get_create_plist()
            numbers = {plist.get_filter(n)[0] for n in range(plist.get_nfilters())}
            count = node.id.get_num_chunks() if node.chunks else 0
            chunks = [node.id.get_chunk_info(n) for n in range(count)]
            found.append(
                Stored(
                    name,
                    node.shape,
                    node.maxshape,
                    node.dtype,
                    node.nbytes,
                    node.id.get_storage_size(),
                    numbers,
                    node.compression_opts if node.compression == "gzip" else None,
                    tuple((chunk.byte_offset, chunk.size) for chunk in chunks),
                )
            )

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def images(path: Path) -> list[Stored]:
    return [array for array in arrays(path) if array.shape[-2:] == (96, 128)]


def large_and_small(path: Path) -> tuple[list[set[int]], list[set[int]]]:
    """Filters of arrays of measured values, by their size; JSON is always packed."""
    large, small = [], []
    for array in arrays(path):
        if array.dtype.kind != "O" and array.dtype != np.uint8:
            (large if array.nbytes >= 2**14 else small).append(array.filters)
    return large, small


def assert_whole(path: Path, *runs) -> None:
    documents = [document for run in runs for document in run]
    assert not list(differences(documents, replay(path)))
    assert verify(path) == []
    assert validate(path) == []


# ------------------------------------------------------------ what is there


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_compressed_dataset_gives_the_same_and_is_smaller(library, layout, tmp_path):
    documents = measured()
    plain = written(documents, tmp_path / "plain", layout=layout)
    path = written(documents, tmp_path / "packed", layout=layout, compression=library)
    assert_whole(path, documents)
    (image,) = images(path)
    assert image.size < 0.1 * image.nbytes
    assert path.stat().st_size < plain.stat().st_size
    large, small = large_and_small(path)
    assert len(large) == 2
    assert small
    assert all(found == FILTERS[library] | ({2} & found) for found in large)
    assert not any(small)
    for one, other in zip(
        open_dataset(plain).scans, open_dataset(path).scans, strict=True
    ):
        for old, new in zip(one.detectors, other.detectors, strict=True):
            for name, values in old.arrays.items():
                assert np.array_equal(
                    values.data, new.arrays[name].data, equal_nan=True
                )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("visits", [None, [5, 0, 11, 3, 7], [3, 2, 1, 0, 4, 4, 5]])
def test_grids_in_any_order_and_cut_short(layout, visits, tmp_path):
    documents = measured(12, visits=visits, shape=(3, 4))
    path = written(documents, tmp_path, layout=layout, compression="gzip")
    assert not list(differences(documents, replay(path)))
    assert verify(path) == []


def test_arrays_that_grow_are_compressed_too(tmp_path):
    bundle = compose_run(metadata={"plan_name": "count", "num_points": None})
    descriptor = bundle.compose_descriptor(
        name="primary", data_keys={"spectrum": key((1024,))}
    )
    documents = [("start", bundle.start_doc), ("descriptor", descriptor.descriptor_doc)]
    for n in range(40):
        data = {"spectrum": np.full(1024, float(n))}
        event = descriptor.compose_event(data=data, timestamps={"spectrum": 1.0 * n})
        documents.append(("event", event))
    documents.append(("stop", bundle.compose_stop()))
    path = written(documents, tmp_path, compression="gzip")
    assert_whole(path, documents)
    (spectra,) = [a for a in arrays(path) if a.shape == (40, 1024)]
    assert spectra.maxshape == (None, 1024)
    assert spectra.filters >= FILTERS["gzip"]


@pytest.mark.parametrize("level", range(1, 10))
def test_the_level_is_what_was_asked_for(level, tmp_path):
    path = written(measured(2), tmp_path, compression="gzip", compression_level=level)
    (image,) = images(path)
    assert image.level == level


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "gzip", "compression_level": 0}, {"compression": "none"}],
)
def test_none_and_level_0_mean_none(options, tmp_path):
    large, small = large_and_small(written(measured(), tmp_path, **options))
    assert not any([*large, *small])


def test_chunks_are_small_whatever_the_shape():
    for shape in [(3,), (10**6,), (7, 2048), (400, 500, 3), (2, 3, 4096, 4096), (0, 5)]:
        chunks = Compression.chunks(shape, 8)
        if chunks is not None:
            assert all(1 <= c <= n for c, n in zip(chunks, shape, strict=True))
            assert np.prod(chunks) * 8 <= 2**18


# ------------------------------------------------------------ what is wrong is told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compression": "blosc"}, "'bitshuffle'"),
        ({"compression": "GZIP"}, "'gzip'"),
        ({"compression": "gzip", "compression_level": 10}, "from 0 (none) to 9"),
        ({"compression": "gzip", "compression_level": -1}, "from 0 (none) to 9"),
        ({"compression": "gzip", "compression_level": 2.5}, "from 0 (none) to 9"),
        ({"compression": "gzip", "compression_level": True}, "from 0 (none) to 9"),
        ({"compression_level": 3}, "without a library"),
        ({"compression": "none", "compression_level": 3}, "without a library"),
    ],
)
def test_what_is_not_known_is_refused_before_anything_is_made(options, told, tmp_path):
    folder = tmp_path / "lab"
    source = written(measured(2), tmp_path / "source")
    for make in (
        lambda: PymodaqWriter(folder, **options),
        lambda: ContinuousSaving(folder, **options),
        lambda: SnapshotSaving(folder / "a", **options),
        lambda: convert(source, folder / "b.h5", **options),
        lambda: written(measured(2), folder, **options),
    ):
        with pytest.raises(PymoError) as caught:
            make()
        assert told in str(caught.value)
    assert not list(folder.glob("*")) if folder.exists() else True


WITHOUT = """
import sys
import numpy as np
sys.modules["hdf5plugin"] = None  # as if it were not installed
from pymo_bluesky import *
from pymo_bluesky.errors import PymoError
"""


def without_the_extra(code: str, *words) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", EXTRA)
def test_without_the_extra_a_writer_says_which_one_is_missing(name, tmp_path):
    code = """
try:
    PymodaqWriter(sys.argv[1], compression=sys.argv[2])
except PymoError as error:
    print(type(error).__name__, error)
"""
    told = without_the_extra(code, tmp_path, name)
    assert told.startswith("MissingExtraError")
    assert 'pip install "pymo-bluesky[compression]"' in told
    assert "gzip" not in without_the_extra(code, tmp_path, "gzip")


@pytest.mark.extras
@pytest.mark.parametrize("name", EXTRA)
def test_without_the_extra_a_reader_says_which_one_is_missing(name, tmp_path):
    needs("hdf5plugin", "compression")
    path = written(measured(), tmp_path, compression=name)
    code = """
scan = open_dataset(sys.argv[1]).scans[0]
found = {key: a for module in scan.detectors for key, a in module.arrays.items()}
print(np.asarray(found["count"].data).sum())
print("image" in found, [problem.message for problem in scan.problems])
try:
    list(replay(sys.argv[1]))
except PymoError as error:
    print(type(error).__name__, error)
print([problem.message for problem in verify(sys.argv[1], isolated=False)])
"""
    count, read, replayed, verified = without_the_extra(code, path).splitlines()
    with open_dataset(path) as dataset:
        (module,) = [m for m in dataset.scans[0].detectors if "count" in m.arrays]
        assert int(count) == np.asarray(module.arrays["count"].data).sum()
    assert read.startswith("False")
    assert replayed.startswith("FormatError")
    for told in (read, replayed, verified):
        assert 'pip install "pymo-bluesky[compression]"' in told


@pytest.mark.parametrize("found", [b"gzip", -7, ["gzip"], "of tomorrow"])
def test_what_a_journal_tells_may_be_anything(found, tmp_path):
    assert compression_of({"compression": found}) is None
    assert compression_of({"compression": "gzip", "compression_level": found}) is None


# ------------------------------------------------------------ other ways to them


def test_a_dataset_takes_scans_of_any_compression(library, tmp_path):
    runs = [measured(number=n) for n in range(3)]
    first = PymodaqWriter(tmp_path)
    feed(first, runs[0])
    assert first.path is not None
    for run, name in ((runs[1], library), (runs[2], None)):
        feed(PymodaqWriter(tmp_path, append_to=first.path, compression=name), run)
    assert_whole(first.path, *runs)
    found = [image.filters for image in sorted(images(first.path))]
    assert [bool(each) for each in found] == [False, True, False]


def journal_of(documents, folder: Path, **options) -> Path:
    """The folder as a kill before the stop document leaves it."""
    writer = PymodaqWriter(folder / "lab", **options)
    feed(writer, documents[:-1])
    # What lies on the disk at this moment is what a kill would leave.
    shutil.copytree(folder / "lab", folder / "after the kill")
    return folder / "after the kill"


def test_a_recovered_scan_is_compressed_as_the_writer_would_have(library, tmp_path):
    documents = measured()
    (found,) = recover(journal_of(documents, tmp_path, compression=library))
    assert found.path is not None
    assert not list(differences(documents[:-1], list(replay(found.path))[:-1]))
    assert verify(found.path) == []
    (image,) = images(found.path)
    assert image.filters >= FILTERS[library]


@pytest.mark.extras
def test_without_the_extra_a_scan_is_recovered_uncompressed(tmp_path):
    needs("hdf5plugin", "compression")
    documents = measured()
    folder = journal_of(documents, tmp_path, compression="zstd")
    code = "(found,) = recover(sys.argv[1]); print(found.path); print(found)"
    path, told = without_the_extra(code, folder).splitlines()
    assert "it is not compressed: hdf5plugin is not installed" in told
    assert not list(differences(documents[:-1], list(replay(path))[:-1]))


def test_a_run_is_followed_while_it_is_not_yet_compressed(tmp_path):
    documents = measured()
    writer = PymodaqWriter(tmp_path, compression="gzip")
    feed(writer, documents[:-1])
    with open_dataset(writer.path) as dataset:
        assert not list(differences(documents[:-1], dataset.scans[0].documents()))
    feed(writer, documents[-1:])
    assert_whole(writer.path, documents)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_old_datasets_are_compressed_by_converting_them(library, layout, tmp_path):
    runs = [measured(number=n) for n in range(2)]
    old = PymodaqWriter(tmp_path / "old")
    for run in runs:
        feed(old, run)
    new = tmp_path / "new" / "run.h5"
    result = convert(old.path, new, layout, compression=library)
    assert result.converted
    assert_whole(new, *runs)
    large, _ = large_and_small(new)
    assert all(found >= FILTERS[library] for found in large)
    again = convert(new, tmp_path / "back.h5", layout, compression="gzip")
    assert again.converted
    assert_whole(tmp_path / "back.h5", *runs)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "options", [{"compression": "none"}, {"compression_level": 0}], ids=str
)
def test_compression_is_undone_by_converting(options, layout, tmp_path):
    run = measured()
    old = written(run, tmp_path / "old", layout=layout, compression="gzip")
    assert all(large_and_small(old)[0])
    assert convert(old, tmp_path / "new.h5", layout, **options).converted
    assert not any(map(any, large_and_small(tmp_path / "new.h5")))
    assert_whole(tmp_path / "new.h5", run)


def test_the_command_line_undoes_compression(tmp_path):
    old = written(measured(), tmp_path / "old", compression="gzip")
    words = ["convert", str(old), str(tmp_path / "new.h5"), "--compression", "none"]
    assert main(words) == 0
    assert not images(tmp_path / "new.h5")[0].filters


def test_the_command_line_compresses(tmp_path, capsys):
    old = written(measured(), tmp_path / "old")
    words = ["convert", str(old), str(tmp_path / "new.h5"), "--compression", "gzip"]
    assert main([*words, "--compression-level", "9"]) == 0
    (image,) = images(tmp_path / "new.h5")
    assert image.level == 9
    words[2] = str(tmp_path / "other.h5")
    assert main([*words, "--compression-level", "11"]) == 2
    assert "from 0 (none) to 9" in capsys.readouterr().err
    assert not (tmp_path / "other.h5").exists()


def test_savings_compress(tmp_path):
    saving = ContinuousSaving(tmp_path, compression="gzip", compression_level=6)
    feed(saving, measured())
    (image,) = images(saving.path)
    assert image.level == 6


def test_a_flipped_byte_in_a_compressed_array_is_told(library, tmp_path):
    path = written(measured(), tmp_path, compression=library)
    (image,) = images(path)
    offset, size = image.chunks[0]
    where = offset + size // 2
    with path.open("r+b") as file:
        file.seek(where)
        (byte,) = file.read(1)
        file.seek(where)
        file.write(bytes([byte ^ 4]))
    assert [problem.severity for problem in verify(path)] == ["error"]


# ------------------------------------------------------------ PyMoDAQ reads them


@pytest.fixture(scope="module")
def judges_with_filters():
    """PyMoDAQ 5 and 3.6 that find hdf5plugin's filters by HDF5's own variable."""
    plugins = needs("hdf5plugin", "compression")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HDF5_PLUGIN_PATH", plugins.PLUGIN_PATH)
        try:
            with judging(LOADER5) as five, judging(LOADER36) as three:
                yield five, three
        except OracleMissingError as error:
            pytest.skip(str(error))


def image_of(verdict) -> dict:
    (found,) = [
        node for node in nodes(verdict).values() if node.get("labels") == ["image"]
    ]
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_5_reads_gzip(pymodaq5, backend, how, tmp_path):
    documents = measured()
    found = [
        check(
            pymodaq5,
            written(documents, tmp_path / str(name), compression=name),
            backend,
            how,
        )
        for name in (None, "gzip")
    ]
    plain, packed = map(image_of, found)
    assert packed["sha1"] == plain["sha1"]


@pytest.mark.oracle
def test_pymodaq_36_reads_gzip(pymodaq36, tmp_path):
    path = written(measured(), tmp_path, layout="pymodaq3", compression="gzip")
    pymodaq36.check(path)


@pytest.mark.oracle
@pytest.mark.extras
@pytest.mark.parametrize("name", EXTRA)
def test_pymodaq_needs_the_filters_for_the_others(
    pymodaq5, judges_with_filters, name, tmp_path
):
    five, three = judges_with_filters
    path = written(measured(), tmp_path, compression=name)
    for backend in BACKENDS:
        _, verdict = pymodaq5.report(path, "--backend", backend)
        # The two large arrays cannot be read, all others are.
        assert verdict["errors"] == 2
        assert sum("sha1" in node for node in verdict["nodes"]) > 2
        assert image_of(check(five, path, backend))["shape"] == [12, 96, 128]
    old = written(measured(), tmp_path / "old", layout="pymodaq3", compression=name)
    three.check(old)
