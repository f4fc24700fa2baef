"""Data that detectors wrote into files of their own: shown, filled in, found again.

The runs come from `external_runs`, with real files; the tree is read by plain h5py (and
by PyMoDAQ itself where the marker says so), never by this package.
"""

import doctest
import os
import re
import shutil
import sys
import tempfile
import textwrap
import tracemalloc
from importlib import metadata
from pathlib import Path

import external_runs
import h5py
import numpy as np
import pytest
from corpus import load, stream
from event_model import Filler
from exactness import assert_replays
from external_runs import (
    LINKABLE,
    Detector,
    ExternalRun,
    about,
    events_of,
    images,
    line_start,
    snaked_grid,
    step_line,
    write_h5,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.judge import BACKENDS, WAYS, check

from pymo_bluesky import (
    PymodaqWriter,
    PymoError,
    export,
    open_dataset,
    recover,
    relocate,
    replay,
    validate,
    verify,
)
from pymo_bluesky.assets import AssetSurvey, Ranges
from pymo_bluesky.assets.linking import Origin, virtual_parts
from pymo_bluesky.assets.references import Range
from pymo_bluesky.assets.resources import path_of
from pymo_bluesky.operations import MakeVirtual
from pymo_bluesky.store import create

LAYOUTS = ("pymodaq5", "pymodaq3")
named = pytest.mark.parametrize("made", LINKABLE, ids=lambda made: made.__name__)
HERE = Path(__file__).parent


@pytest.fixture(params=LAYOUTS)
def layout(request) -> str:
    return request.param


def exported(run: ExternalRun, folder: Path, **options) -> Path:
    (path,) = export(run.documents, folder, "run", **options)["pymodaq"]
    return Path(path)


def image_nodes(path: Path) -> dict[str, h5py.Dataset]:
    """Arrays of images in the trees of a dataset; the file stays open with them."""
    found: dict[str, h5py.Dataset] = {}

    def note(name: str, node) -> None:
        group, _, last = name.rpartition("/")
        images = "/Data2D/" in group or "/DataND/" in group
        if isinstance(node, h5py.Dataset) and images and "Data" in last:
            found[f"/{name}"] = node

    h5py.File(path).visititems(note)
    return found


def shown(path: Path) -> np.ndarray:
    """The one array of images, as HDF5 reads it."""
    (node,) = image_nodes(path).values()
    return node[()]


def problems_of(run: ExternalRun, folder: Path, **options) -> list[str]:
    writer = PymodaqWriter(folder, **options)
    for name, doc in run.documents:
        writer(name, doc)
    return [problem.message for problem in writer.status.problems]


def assert_filled(path: Path, run: ExternalRun, **options) -> None:
    """Each event has what was measured, where that can still be had."""
    before = events_of(run.documents)
    after = events_of(replay(path, fill=True, **options))
    for event, old, value in zip(after, before, run.values, strict=True):
        if value is None:
            assert event == old
            continue
        np.testing.assert_array_equal(event["data"]["cam"], value)
        assert event["data"]["cam"].dtype == value.dtype
        assert event["filled"]["cam"] == old["data"].get("cam", True)
        assert event["timestamps"].keys() == event["data"].keys()


# ------------------------------------------------------------------------ in the tree


@named
def test_linked_images_stand_at_their_points(made, layout, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", layout=layout)
    np.testing.assert_array_equal(shown(path), run.tree)
    assert path.stat().st_size < 120_000


@named
def test_copied_images_need_no_other_file(made, layout, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", layout=layout, assets="embed")
    shutil.rmtree(tmp_path / "detector")
    np.testing.assert_array_equal(shown(path), run.tree)
    (node,) = image_nodes(path).values()
    assert not node.is_virtual


@named
@pytest.mark.parametrize("assets", ["link", "embed", "ignore"])
def test_the_documents_come_back_as_they_were(made, layout, assets, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", layout=layout, assets=assets)
    assert_replays(run.documents, str(path))
    if assets == "ignore":
        assert not image_nodes(path)


@named
def test_links_are_relative_so_that_a_folder_can_move(made, tmp_path):
    run = made(tmp_path / "here" / "detector")
    path = exported(run, tmp_path / "here" / "data")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = tmp_path / "there" / path.relative_to(tmp_path / "here")
    np.testing.assert_array_equal(shown(moved), run.tree)
    assert_filled(moved, run)


def test_names_that_hdf5_would_read_as_formats_are_taken_literally(tmp_path):
    run = step_line(tmp_path / "100%b" / "%%")
    path = exported(run, tmp_path / "data")
    np.testing.assert_array_equal(shown(path), run.tree)


def test_links_are_right_through_linked_folders(tmp_path):
    run = step_line(tmp_path / "detector")
    (tmp_path / "deep" / "data").mkdir(parents=True)
    (tmp_path / "short").symlink_to(tmp_path / "deep" / "data")
    path = exported(run, tmp_path / "short")
    np.testing.assert_array_equal(shown(path), run.tree)
    np.testing.assert_array_equal(shown(path.resolve()), run.tree)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "|u1", "<i8", "|b1", "<c8", "<f2"])
def test_images_keep_their_dtype(dtype, tmp_path):
    frames = images(2, dtype=dtype)
    file = write_h5(tmp_path / "cam.h5", frames)
    detector = Detector(line_start(3), about((3, 4), "STREAM:"), streamed=True)
    detector.tell(detector.stream_resource(file), 1, 0, 2)
    for x in (0.0, 1.0):
        detector.event({"x": x})
    run = ExternalRun(detector.stop(), list(frames), frames)
    path = exported(run, tmp_path)
    found = shown(path)
    assert found.dtype == frames.dtype
    np.testing.assert_array_equal(found[:2], frames)
    unmeasured = np.isnan(found[2]) if frames.dtype.kind in "fc" else found[2] == 0
    assert unmeasured.all()  # the third point was announced only


def test_two_keys_of_one_file_are_two_arrays(tmp_path):
    recorded = load(stream("p26"))
    (path,) = export(recorded, tmp_path)["pymodaq"]
    linked = {name: node.shape for name, node in image_nodes(Path(path)).items()}
    assert linked == {"/RawData/Scan000/Detector000/Data2D/CH00/Data00": (3, 240, 320)}
    sums = h5py.File(path)["/RawData/Scan000/Detector000/Data0D/CH00/Data00"]
    assert (sums.shape, sums.is_virtual) == ((3,), True)


def test_a_snaked_grid_needs_few_links():
    """A link for each point would make a file of a million points unreadable."""
    rows, columns = 60, 50
    points = external_runs.grid_points((rows, columns), (False, True))
    flat = np.array([y * columns + x for y, x in points])
    parts = virtual_parts(
        flat,
        np.arange(len(flat)),
        np.zeros(len(flat), int),
        [Origin("cam.h5", "/data", (len(flat), 3, 4))],
        shape=(rows, columns),
        signal=(3, 4),
        frames=1,
    )
    assert len(parts) == 1 + columns


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_links_show_any_order_of_visiting(data):
    """Parts are joined only where every value keeps its place."""
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    frames = data.draw(st.integers(1, 3))
    visited = data.draw(st.permutations(range(int(np.prod(shape)))))
    visited = visited[: data.draw(st.integers(1, len(visited)))]
    stride = data.draw(st.integers(1, 3))
    files = data.draw(st.integers(1, 3))
    length = frames * stride * len(visited)
    arrays = [images(length, seed=n, shape=(2,)) for n in range(files)]
    numbers = st.integers(0, files - 1)
    origin = np.array([data.draw(numbers) for _ in visited])
    if data.draw(st.booleans()):
        visited.sort()
    starts = frames * stride * np.arange(len(visited))
    expected = np.zeros((int(np.prod(shape)), frames, 2), "<u2")
    for point, start, number in zip(visited, starts, origin, strict=True):
        expected[point] = arrays[number][start : start + frames]
    with tempfile.TemporaryDirectory() as folder:
        origins = [
            Origin(write_h5(Path(folder, f"{n}.h5"), a, "/a").name, "/a", a.shape)
            for n, a in enumerate(arrays)
        ]
        parts = virtual_parts(
            np.array(visited),
            starts,
            origin,
            origins,
            shape=shape,
            signal=(frames, 2),
            frames=frames,
        )
        made = MakeVirtual(
            path="/v",
            shape=(*shape, frames, 2),
            dtype=np.dtype("<u2"),
            parts=parts,
        )
        create(Path(folder, "virtual.h5"), [made])
        with h5py.File(Path(folder, "virtual.h5")) as file:
            found = file["/v"][()]
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 90), st.integers(1, 8)),
        max_size=12,
    ),
    st.integers(1, 3),
)
def test_of_ranges_that_overlap_the_last_told_counts(told, each):
    told = [(*one, number) for number, one in enumerate(told)]
    expected = {
        first + n: (source, value + n * each)
        for first, value, rows, source in told
        for n in range(rows)
    }
    ranges = Ranges.last_told(map(Range._make, told), each)
    assert {row: ranges.find(row) for row in range(30) if ranges.find(row)} == expected
    rows, values, sources = (column.tolist() for column in ranges.each_row())
    assert dict(zip(rows, zip(sources, values, strict=True), strict=True)) == expected
    assert rows == sorted(expected)


@pytest.mark.parametrize("name", ["p25", "p26", "p27", "p29"])
@pytest.mark.parametrize("assets", ["link", "embed", "ignore"])
def test_recorded_runs_come_back_in_every_way(name, assets, layout, tmp_path):
    recorded = load(stream(name))
    (path,) = export(recorded, tmp_path, layout=layout, assets=assets)["pymodaq"]
    assert_replays(recorded, path)


def test_numpy_sequences_are_copied_by_their_handler(tmp_path):
    recorded = load(stream("p25"))
    (path,) = export(recorded, tmp_path, assets="embed")["pymodaq"]
    resource = next(doc for name, doc in recorded if name == "resource")
    frames = [np.load(f"{path_of(resource)}_{n}.npy") for n in range(3)]
    np.testing.assert_array_equal(shown(Path(path)), frames)


# ------------------------------------------------------ what PyMoDAQ itself makes of it


@pytest.mark.oracle
@named
@pytest.mark.parametrize("assets", ["link", "embed"])
def test_pymodaq_5_reads_the_images(pymodaq5, made, assets, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", assets=assets)
    for backend in BACKENDS:
        for how in WAYS:
            check(pymodaq5, path, backend, how)
        verdict = pymodaq5.check(path, "--backend", backend, "--values")
        (name,) = image_nodes(path)
        (node,) = [node for node in verdict["nodes"] if node["path"] == name]
        np.testing.assert_array_equal(node["values"], run.tree)
        assert node["labels"] == ["cam"]
        assert [axis["label"] for axis in node["axes"] if axis["nav"]]


@pytest.mark.oracle
@named
@pytest.mark.parametrize("assets", ["link", "embed"])
def test_pymodaq_36_reads_the_images(pymodaq36, made, assets, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", layout="pymodaq3", assets=assets)
    (name,) = image_nodes(path)
    verdict = pymodaq36.check(path)
    (node,) = [node for node in verdict["nodes"] if node["path"] == name]
    assert (node["min"], node["max"]) == (run.tree.min(), run.tree.max())


@pytest.mark.oracle
def test_pymodaq_5_reads_images_that_were_moved(pymodaq5, tmp_path):
    run = snaked_grid(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    (tmp_path / "detector").rename(tmp_path / "archive")
    relocate(path, tmp_path / "archive")
    (name,) = image_nodes(path)
    for backend in BACKENDS:
        verdict = pymodaq5.check(path, "--backend", backend, "--values")
        (node,) = [node for node in verdict["nodes"] if node["path"] == name]
        np.testing.assert_array_equal(node["values"], run.tree)


# -------------------------------------------------------------------------- filled in


@named
@pytest.mark.parametrize("assets", ["link", "embed", "ignore"])
def test_events_are_filled_with_what_was_measured(made, assets, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", assets=assets)
    if assets == "embed":
        shutil.rmtree(tmp_path / "detector")
    assert_filled(path, run)


@named
def test_pages_are_filled_as_their_events_are(made, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    pages = [doc for n, doc in replay(path, fill=True, pages=True) if n == "event_page"]
    seq_nums = [number for page in pages for number in page["seq_num"]]
    assert seq_nums == [event["seq_num"] for event in events_of(run.documents)]
    if not any(value is None for value in run.values):
        values = [value for page in pages for value in page["data"]["cam"]]
        for value, expected in zip(values, run.values, strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize(
    "made",
    [external_runs.step_line, external_runs.several_frames,
     external_runs.a_file_for_each, external_runs.rewound],
    ids=lambda made: made.__name__,
)  # fmt: skip
def test_events_are_filled_as_event_model_does(made, tmp_path):
    handlers = pytest.importorskip("area_detector_handlers.handlers")
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    specs = {
        "AD_HDF5": handlers.AreaDetectorHDF5Handler,
        "AD_HDF5_SINGLE": handlers.AreaDetectorHDF5SingleHandler,
    }
    ours = events_of(replay(path, fill=True))
    with Filler(specs, inplace=False, coerce="force_numpy") as filler:
        theirs = events_of([filler(name, doc) for name, doc in run.documents])
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine["data"]["cam"], other["data"]["cam"])
            assert mine["data"]["cam"].dtype == other["data"]["cam"].dtype
            assert mine["timestamps"] == other["timestamps"]
            assert mine["filled"] == other["filled"]


def test_filling_leaves_other_documents_alone(tmp_path):
    run = step_line(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    before = [pair for pair in run.documents if pair[0] != "event"]
    assert [pair for pair in replay(path, fill=True) if pair[0] != "event"] == before


def test_an_installed_handler_is_found_by_its_entry_point(
    tmp_path, monkeypatch, caplog
):
    """No databroker is there, and none is asked."""
    before = set(sys.modules)
    site = tmp_path / "site"
    (site / "diffraction-1.0.dist-info").mkdir(parents=True)
    (site / "diffraction-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: diffraction\nVersion: 1.0\n"
    )
    (site / "diffraction-1.0.dist-info" / "entry_points.txt").write_text(
        "[databroker.handlers]\nRINGS = diffraction:Rings\n"
    )
    (site / "diffraction.py").write_text(
        textwrap.dedent(
            """
            import numpy

            class Rings:
                def __init__(self, path, scale):
                    self.scale, self.rows = scale, numpy.loadtxt(path)

                def __call__(self, row):
                    return self.scale * self.rows[row]
            """
        )
    )
    monkeypatch.syspath_prepend(site)
    assert metadata.entry_points(group="databroker.handlers", name="RINGS")
    rows = np.arange(12.0).reshape(3, 4)
    np.savetxt(tmp_path / "rings.txt", rows)
    detector = Detector(line_start(3), about((4,), "FILESTORE:"), streamed=False)
    compose = detector.resource(tmp_path / "rings.txt", "RINGS", scale=10)
    for n in range(3):
        datum = compose(datum_kwargs={"row": n})
        detector.emit("datum", datum)
        detector.event({"x": float(n)}, datum["datum_id"])
    run = ExternalRun(detector.stop(), list(10 * rows), 10 * rows)
    linked = exported(run, tmp_path / "linked")
    assert_filled(linked, run)
    embedded = exported(run, tmp_path / "embedded", assets="embed")
    (tmp_path / "rings.txt").unlink()
    assert_filled(embedded, run)
    assert "databroker" not in set(sys.modules) - before


# ---------------------------------------------------------- files that are not as told


def test_a_missing_file_never_costs_the_run(tmp_path):
    run = external_runs.a_missing_file(tmp_path / "detector")
    (remark,) = problems_of(run, tmp_path / "data")
    assert "2 of 6 values of 'cam' are not shown: there is no file" in remark
    assert "cam_2.h5" in remark


def test_data_that_is_not_hdf5_is_told_and_how_to_have_it(tmp_path):
    run = ExternalRun(load(stream("p25")), [], np.zeros(0))
    (remark,) = problems_of(run, tmp_path)
    assert "3 of 3 values of 'img'" in remark
    assert "assets='embed'" in remark


@pytest.mark.parametrize("assets", ["link", "embed"])
def test_a_spec_that_nobody_knows_is_told(assets, tmp_path):
    run = ExternalRun(load(stream("p29")), [], np.zeros(0))
    (remark,) = problems_of(run, tmp_path, assets=assets)
    assert "AD_EXOTIC" in remark


def no_hdf5(path: Path) -> None:
    path.write_bytes(b"not HDF5")


def without_dataset(path: Path) -> None:
    write_h5(path, images(6), "/elsewhere")


def too_short(path: Path) -> None:
    write_h5(path, images(4))


def of_text(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["/entry/data/data"] = ["a", "b"]


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


BROKEN = (no_hdf5, without_dataset, too_short, of_text, a_folder, a_pipe)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
@pytest.mark.parametrize("assets", ["link", "embed"])
def test_a_file_that_is_something_else_never_costs_the_run(broken, assets, tmp_path):
    """A pipe would keep whoever opens it waiting for ever."""
    run = step_line(tmp_path / "detector")
    run.files[0].unlink()
    broken(run.files[0])
    (remark,) = problems_of(run, tmp_path / "data", assets=assets)
    assert "values of 'cam' are not shown" in remark
    path = exported(run, tmp_path / "exported", assets=assets)
    assert_replays(run.documents, str(path))
    filled = events_of(replay(path, fill=True))
    arrays = [e for e in filled if not isinstance(e["data"]["cam"], str)]
    assert len(arrays) == {too_short: 4, of_text: 2}.get(broken, 0)


def test_values_beyond_the_end_of_a_file_are_never_linked(tmp_path):
    """HDF5 gives whatever bytes lie behind the array there."""
    run = step_line(tmp_path / "detector")
    run.files[0].unlink()
    too_short(run.files[0])
    path = exported(run, tmp_path / "data")
    np.testing.assert_array_equal(shown(path)[:4], images(4))
    assert not shown(path)[4:].any()


def test_a_link_to_very_many_files_is_refused(tmp_path, monkeypatch):
    """Readers show nothing, in silence, of files that they have no handles for."""
    monkeypatch.setattr("pymo_bluesky.recording.external.MOST_FILES", 5)
    run = external_runs.a_file_for_each(tmp_path / "detector")
    (remark,) = problems_of(run, tmp_path / "data")
    assert "they lie in 6 files" in remark
    path = exported(run, tmp_path / "copied", assets="embed")
    np.testing.assert_array_equal(shown(path), run.tree)


def test_frames_without_an_event_are_told(tmp_path):
    run = external_runs.several_files(tmp_path / "detector")
    last = max(n for n, (name, _) in enumerate(run.documents) if name == "event")
    del run.documents[last]
    remarks = problems_of(run, tmp_path / "data")
    assert "1 of 6 values of 'cam' are not shown: they belong to no event" in remarks[0]


@pytest.mark.parametrize(
    "odd",
    [
        {"seq_nums": {"start": 1, "stop": 2**62}, "indices": {"start": 0, "stop": 1}},
        {"seq_nums": {"start": 5, "stop": 1}, "indices": {"start": 0, "stop": 4}},
        {"seq_nums": None, "indices": [1, 2]},
        {"seq_nums": {"start": "1"}, "indices": {}},
        {"stream_resource": "nobody", "descriptor": "nobody"},
    ],
)
def test_odd_stream_datums_never_cost_the_run(odd, tmp_path):
    run = external_runs.flying(tmp_path / "detector")
    place = next(
        n for n, (name, _) in enumerate(run.documents) if name == "stream_datum"
    )
    run.documents.insert(
        place, ("stream_datum", {**run.documents[place][1], "uid": "odd", **odd})
    )
    survey = AssetSurvey()
    for name, doc in run.documents:
        survey.add(name, doc)
    (external,) = survey.streamed()
    assert len(external.ranges) == 12


def test_an_unknown_way_is_refused_at_once(tmp_path):
    with pytest.raises(PymoError, match="'link', 'embed', 'ignore'"):
        PymodaqWriter(tmp_path, assets="copy")


def test_an_image_of_another_shape_is_not_copied_and_told(tmp_path):
    detector = Detector(line_start(3), about((3, 4), "FILESTORE:"), streamed=False)
    compose = detector.resource(tmp_path / "img", "NPY_SEQ")
    frames = [images(1)[0], images(1, shape=(2, 2))[0], images(1, seed=2)[0]]
    for n, frame in enumerate(frames):
        np.save(tmp_path / f"img_{n}.npy", frame)
        datum = compose(datum_kwargs={"index": n})
        detector.emit("datum", datum)
        detector.event({"x": float(n)}, datum["datum_id"])
    run = ExternalRun(detector.stop(), list(frames), np.zeros(0))
    (remark,) = problems_of(run, tmp_path / "data", assets="embed")
    assert "1 of 3 values of 'cam' could not be copied" in remark
    path = exported(run, tmp_path / "copied", assets="embed")
    np.testing.assert_array_equal(shown(path)[[0, 2]], [frames[0], frames[2]])
    assert not shown(path)[1].any()
    assert_filled(path, run)  # the odd one from its file


# ------------------------------------------------------------------------------- moved


def linked_names(path: Path) -> set[str]:
    (node,) = image_nodes(path).values()
    return {source.file_name for source in node.virtual_sources()}


def contents(path: Path) -> dict[str, object]:
    """Everything in a file but virtual arrays and what says where files are."""
    found: dict[str, object] = {}

    def note(name: str, node) -> None:
        found[name] = {key: repr(value) for key, value in node.attrs.items()}
        plain = isinstance(node, h5py.Dataset) and not node.is_virtual
        if plain and not name.endswith(("Documents/External", "Documents/Digests")):
            found[f"{name} values"] = repr(node[()].tolist())

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@named
@pytest.mark.parametrize("how", ["mapped", "searched"])
def test_moved_files_are_found_again(made, how, layout, tmp_path):
    run = made(tmp_path / "detector")
    path = exported(run, tmp_path / "data", layout=layout)
    before = contents(path)
    (tmp_path / "archive" / "2026").mkdir(parents=True)
    (tmp_path / "detector").rename(tmp_path / "archive" / "2026" / "cam1")
    assert not shown(path).any()
    old, new = tmp_path / "detector", tmp_path / "archive" / "2026" / "cam1"
    told = relocate(path, {old: new} if how == "mapped" else tmp_path / "archive")
    assert {one.path is not None for one in told} >= {True}
    np.testing.assert_array_equal(shown(path), run.tree)
    assert_filled(path, run)
    assert_replays(run.documents, str(path))
    assert contents(path) == before
    assert verify(path) == []
    assert all("archive" in name for name in linked_names(path))


def test_a_dataset_that_was_moved_alone_finds_its_files_again(tmp_path):
    run = snaked_grid(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    (tmp_path / "far" / "away").mkdir(parents=True)
    moved = path.rename(tmp_path / "far" / "away" / path.name)
    assert not shown(moved).any()
    # The documents tell the place still; but it is not beside the dataset any more.
    assert_filled(moved, run, external=tmp_path / "detector")
    (told,) = relocate(moved)
    assert told.changed
    np.testing.assert_array_equal(shown(moved), run.tree)
    (told,) = relocate(moved)
    assert not told.changed


def test_files_can_be_moved_again(tmp_path):
    run = snaked_grid(tmp_path / "a")
    path = exported(run, tmp_path / "data")
    for old, new in (("a", "b"), ("b", "c")):
        (tmp_path / old).rename(tmp_path / new)
        relocate(path, {tmp_path / old: tmp_path / new})
    np.testing.assert_array_equal(shown(path), run.tree)
    assert_filled(path, run)


def test_files_that_a_handler_reads_are_relocated_too(tmp_path):
    (tmp_path / "here").mkdir()
    recorded = load(stream("p25"))
    for name, doc in recorded:
        if name == "resource":
            for file in Path(doc["root"]).glob(f"{doc['resource_path']}_*.npy"):
                shutil.copy(file, tmp_path / "here")
            doc["root"] = str(tmp_path / "here")
    (path,) = export(recorded, tmp_path / "data")["pymodaq"]
    (tmp_path / "here").rename(tmp_path / "there")
    assert isinstance(events_of(replay(path, fill=True))[0]["data"]["img"], str)
    assert all(one.changed for one in relocate(path, tmp_path / "there"))
    filled = events_of(replay(path, fill=True))
    assert [event["data"]["img"].shape for event in filled] == [(5, 7)] * 3


def test_a_file_of_the_same_name_that_holds_less_is_not_taken(tmp_path):
    run = step_line(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    run.files[0].unlink()
    write_h5(tmp_path / "other" / "cam.h5", images(3))
    (told,) = relocate(path, tmp_path / "other")
    assert (told.path, told.changed) == (None, False)
    assert "the scan took values of (6, 3, 4)" in str(told)


def test_of_two_files_that_could_be_it_none_is_taken(tmp_path):
    run = step_line(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    for copy in ("one", "two"):
        (tmp_path / "copies" / copy).mkdir(parents=True)
        shutil.copy(run.files[0], tmp_path / "copies" / copy)
    run.files[0].unlink()
    (told,) = relocate(path, tmp_path / "copies")
    assert told.path is None
    assert "2 files could be it" in told.message


def test_one_scan_is_relocated_and_the_other_left(tmp_path):
    first, second = step_line(tmp_path / "a"), snaked_grid(tmp_path / "b")
    both = ExternalRun([*first.documents, *second.documents], [], first.tree)
    path = exported(both, tmp_path / "data")
    for old in ("a", "b"):
        (tmp_path / old).rename(tmp_path / f"new {old}")
    relocate(path, tmp_path / "new a", scan=0)
    one, other = image_nodes(path).values()
    np.testing.assert_array_equal(one[()], first.tree)
    assert not other[()].any()


def test_validate_tells_files_that_are_gone(tmp_path):
    run = step_line(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    assert not [p for p in validate(path) if p.severity == "error"]
    (tmp_path / "detector").rename(tmp_path / "elsewhere")
    (gone,) = [p for p in validate(path) if p.kind == "missing-file"]
    assert "../detector/cam.h5" in gone.message
    assert "relocate" in gone.message


# ---------------------------------------------------------------------------- security


def test_other_files_are_opened_only_when_asked(tmp_path):
    """Whoever opened the pipe would wait for ever."""
    run = step_line(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    run.files[0].unlink()
    os.mkfifo(run.files[0])
    assert_replays(run.documents, str(path))
    validate(path)
    assert open_dataset(path).scans[0].tree()
    assert all(isinstance(e["data"]["cam"], str) for e in events_of(replay(path)))
    filled = events_of(replay(path, fill=True))
    assert all(isinstance(e["data"]["cam"], str) for e in filled)


def test_linked_arrays_are_read_when_that_is_asked(tmp_path):
    run = step_line(tmp_path / "detector")
    path = exported(run, tmp_path / "data")
    for external in (False, True):
        dataset = open_dataset(path, external=external)
        (detector,) = dataset.scans[0].detectors
        (array,) = detector.channels[0].arrays
        assert array.data.shape == run.tree.shape
        if external:
            np.testing.assert_array_equal(array.data[()], run.tree)
            continue
        with pytest.raises(PymoError, match="external=True"):
            array.data[()]


# ------------------------------------------------------------------------ as it happens


def test_a_run_that_a_crash_cut_off_keeps_what_was_asked(tmp_path):
    run = step_line(tmp_path / "detector")
    writer = PymodaqWriter(tmp_path / "data", assets="embed")
    for name, doc in run.documents[:-1]:
        writer(name, doc)
    for open_run in writer._runs.values():
        open_run.journal.close()  # as the kernel does for a process that died
    (recovered,) = recover(tmp_path / "data")
    (node,) = image_nodes(recovered.path).values()
    np.testing.assert_array_equal(node[()], run.tree)
    assert not node.is_virtual


def test_a_real_detector_that_is_still_open_when_the_run_stops(tmp_path):
    """Plans unstage their detectors after the run: its file is still being written."""
    pytest.importorskip("ophyd_async.sim")
    import bluesky.plans as bp
    from bluesky import RunEngine
    from ophyd_async.core import StaticPathProvider, UUIDFilenameProvider, init_devices
    from ophyd_async.sim import PatternGenerator, SimBlobDetector, SimMotor

    run_engine = RunEngine()
    where = StaticPathProvider(UUIDFilenameProvider(), tmp_path / "detector")
    (tmp_path / "detector").mkdir()
    with init_devices():
        stage = SimMotor(instant=True)
        blob = SimBlobDetector(where, PatternGenerator())
    documents: list = []
    writer = PymodaqWriter(tmp_path / "data")
    run_engine.subscribe(writer)
    run_engine.subscribe(lambda name, doc: documents.append((name, doc)))
    run_engine(bp.grid_scan([blob], stage, 0, 1, 3))
    assert not writer.status.problems
    (images_,) = image_nodes(writer.path).values()
    (file,) = (tmp_path / "detector").glob("*.h5")
    np.testing.assert_array_equal(images_[()], h5py.File(file)["/entry/data/data"][()])
    assert images_.shape == (3, 240, 320)
    filled = events_of(replay(writer.path, fill=True))
    assert [event["data"]["blob"].shape for event in filled] == [(1, 240, 320)] * 3
    assert_replays(documents, str(writer.path))


def test_a_million_datums_take_little_memory():
    survey = AssetSurvey()
    survey.add("resource", {"uid": "r", "spec": "AD_HDF5", "resource_kwargs": {}})
    tracemalloc.start()
    for n in range(100_000):
        datum = {"resource": "r", "datum_id": f"r/{n}"}
        survey.add("datum", datum | {"datum_kwargs": {"point_number": n}})
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 12 * 100_000  # an integer each; as dicts they take 500 bytes
    assert survey.find("r/99999")[1] == 99_999


def test_copies_are_made_image_by_image(tmp_path):
    frames = np.ones((40, 512, 512), "<f8")  # 84 MB
    file = write_h5(tmp_path / "cam.h5", frames)
    size = frames.nbytes
    del frames
    detector = Detector(line_start(40), about((512, 512), "STREAM:"), streamed=True)
    detector.tell(detector.stream_resource(file), 1, 0, 40)
    for n in range(40):
        detector.event({"x": float(n)})
    run = ExternalRun(detector.stop(), [], np.zeros(0))
    tracemalloc.start()
    path = exported(run, tmp_path / "data", assets="embed")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > size
    assert peak < size / 4


# -------------------------------------------------------------------------------- page


def test_the_page_does_what_it_says(tmp_path, monkeypatch):
    page = HERE.parent / "docs" / "how-to" / "external-data.md"
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```\w*$", "", page.read_text(), flags=re.M)
    parsed = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(parsed.examples) > 8
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(parsed).failed == 0
