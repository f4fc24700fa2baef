"""Runs with many large arrays: what is measured is what lies in the dataset."""

import h5py
import numpy as np
import pytest
from event_model import compose_run
from exactness import assert_same_documents

from pymo_bluesky import PymodaqWriter, building, replay, verify
from pymo_bluesky.errors import WriteError
from pymo_bluesky.journal import Journal

SHAPE = (180, 200)  # 72,000 bytes: no whole pages
SMALL = (60, 70)  # is gathered before it is written, and summed up byte by byte
LAYOUTS = ("pymodaq5", "pymodaq3")


def frame(number, shape=None, dtype="<u2"):
    shape = shape or SHAPE
    ramp = np.arange(np.prod(shape), dtype="<u4") * 7 + 1000 * number
    return ramp.reshape(shape).astype(dtype)


def key(shape=(), dtype="<f8"):
    kind = "array" if shape else "number"
    return {"source": "lab", "dtype": kind, "shape": list(shape), "dtype_numpy": dtype}


def grid(points, *, dtype="<u2", cameras=("cam",), shape=(6, 4)):
    """A snaked grid; `points` are the numbers of its events, and may come again."""
    inner = shape[1]
    run = compose_run(
        metadata={
            "plan_name": "grid_scan",
            "num_points": int(np.prod(shape)),
            "shape": list(shape),
            "extents": [[0, shape[0] - 1], [0, inner - 1]],
            "snaking": [False, True],
            "motors": ["y", "x"],
            "hints": {
                "dimensions": [[["y"], "primary"], [["x"], "primary"]],
                "gridding": "rectilinear",
            },
        }
    )
    keys = {"y": key(), "x": key()} | {name: key(SHAPE, dtype) for name in cameras}
    made = run.compose_descriptor(name="primary", data_keys=keys)
    documents = [("start", run.start_doc), ("descriptor", made.descriptor_doc)]
    for count, n in enumerate(points):
        y, x = divmod(n, inner)
        data = {"y": float(y), "x": float(inner - 1 - x if y % 2 else x)}
        for camera, name in enumerate(cameras):
            data[name] = frame(100 * count + camera, dtype=dtype)
        event = made.compose_event(
            data=data, timestamps=dict.fromkeys(data, 1.0 * n), seq_num=n + 1
        )
        documents.append(("event", event))
    documents.append(("stop", run.compose_stop()))
    return documents


def written(folder, documents, **options):
    with PymodaqWriter(folder, **options) as writer:
        for name, doc in documents:
            writer(name, doc)
    return writer.path


def shown(path):
    """The array of the camera in the tree of the first scan."""
    found = []
    with h5py.File(path) as file:
        scan = file["RawData/Scan000"]
        scan.visititems(
            lambda _, node: (
                found.append(node[:])
                if isinstance(node, h5py.Dataset) and node.ndim == 4
                else None
            )
        )
    (array,) = found
    return array


@pytest.fixture(autouse=True)
def _as_if_the_runs_were_long(monkeypatch):
    monkeypatch.setattr(building, "_SHORT_RUN", 0)


@pytest.fixture(autouse=True, params=[SHAPE, SMALL], ids=["large", "small"])
def large(request, monkeypatch):
    """Whether frames are large: they go past HDF5, and have checksums of their own."""
    monkeypatch.setitem(globals(), "SHAPE", request.param)
    return request.param != SMALL


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["<u2", "<f8"])
def test_a_grid_of_frames_comes_back_and_bears_its_digest(
    tmp_path, layout, dtype, large
):
    documents = grid(range(24), dtype=dtype, cameras=("cam", "second"))
    path = written(tmp_path, documents, layout=layout)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []
    raw = "RawData" if layout == "pymodaq5" else "Raw_datas"
    with h5py.File(path) as file:
        digests = file[f"{raw}/Scan000/Documents/Digests"][:].tobytes().decode()
    # Of frames along two axes, for each camera.
    assert digests.count(' 2"') == (2 if large else 0)


REWOUND = [*range(7), 5, 6, 7, 8]


def assert_last_frames_are_shown(path, points, dtype):
    """Of each point of the grid, and nothing where nobody measured."""
    found = shown(path)
    last = {n: 100 * count for count, n in enumerate(points)}
    for y, x in np.ndindex(6, 4):
        n = 4 * y + (3 - x if y % 2 else x)
        if n in last:
            np.testing.assert_array_equal(found[y, x], frame(last[n], dtype=dtype))
        else:
            assert (np.isnan(found[y, x]) if dtype == "<f8" else found[y, x] == 0).all()


@pytest.mark.parametrize("dtype", ["<u2", "<f8"])
def test_frames_that_were_repeated_and_points_nobody_saw(tmp_path, dtype):
    documents = grid(REWOUND, dtype=dtype)
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []
    assert_last_frames_are_shown(path, REWOUND, dtype)


def test_a_point_that_is_measured_again_beside_a_monitor(tmp_path):
    """Each event comes by itself then, and one of them has no place in the tree."""
    documents = grid([0, 1, 2, 2, *range(3, 24)])
    start = documents[0][1]
    monitor = {
        **documents[1][1],
        "uid": "m",
        "name": "monitor",
        "data_keys": {"i0": key()},
        "object_keys": {"i0": ["i0"]},
        "configuration": {},
        "hints": {},
    }
    beside = {"descriptor": "m", "data": {"i0": 1.0}, "timestamps": {"i0": 0.0}}
    events = [
        pair
        for n, event in enumerate(documents[2:-1])
        for pair in (
            event,
            ("event", {**beside, "uid": f"{n:036}", "time": 0.0, "seq_num": n + 1}),
        )
    ]
    documents = [*documents[:2], ("descriptor", monitor), *events, documents[-1]]
    assert start["uid"] == monitor["run_start"]
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []


def test_a_frame_that_changes_its_form_among_others(tmp_path):
    documents = grid(range(24))
    documents[9][1]["data"]["cam"] = frame(9, (100, 200))
    documents[15][1]["data"]["cam"] = frame(15, dtype="<f4")
    path = written(tmp_path, documents)
    assert_same_documents(documents, list(replay(path)))
    assert verify(path, isolated=False) == []


def test_one_flipped_bit_of_a_frame_is_told(tmp_path):
    path = written(tmp_path, grid(range(24)))
    data = path.read_bytes()
    wanted = frame(1300).tobytes()
    place = data.find(wanted) + len(wanted) // 2
    path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
    (problem,) = verify(path, isolated=False)
    assert problem.kind == "changed"
    assert "values" in problem.message


def test_a_frame_that_the_disk_did_not_keep_harms_no_dataset(tmp_path):
    written(tmp_path, grid(range(3)))
    writer = PymodaqWriter(tmp_path, append_to=next(tmp_path.rglob("*.h5")))
    documents = grid(range(24))
    for name, doc in documents[:-1]:
        writer(name, doc)
    before = writer.path.read_bytes()
    (place,) = tmp_path.rglob("*.journal")
    flip(place, frame(1300).tobytes())
    with pytest.raises(WriteError, match="are not what was written"):
        writer(*documents[-1])
    assert writer.path is None or writer.path.read_bytes() == before
    assert [name for name, _ in Journal(place)].count("event") == 13


def flip(path, wanted):
    with path.open("r+b") as file:
        data = file.read()
        at = data.find(wanted) + len(wanted) // 2
        assert at > len(wanted) // 2
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))
