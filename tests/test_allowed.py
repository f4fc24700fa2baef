"""A dataset names files; only those are opened that lie where the reader allows it."""

import logging
from pathlib import Path

import event_model
import h5py
import numpy as np
import pytest

from pymo_bluesky import PymoError, export, open_dataset, replay
from pymo_bluesky.allowed import Allowed
from pymo_bluesky.reader import Dataset

SECRET = np.arange(6.0).reshape(2, 3)
IMAGES = SECRET[np.newaxis]


def told_by_resource(spec, root, path, datum, **options):
    """A run of one event whose image is where a resource says."""
    run = event_model.compose_run(metadata={"plan_name": "count", "num_points": 1})
    about = {"dtype": "array", "shape": [2, 3], "source": "cam", "external": "FILE:"}
    stream = run.compose_descriptor(
        name="primary", data_keys={"image": about}, object_keys={"cam": ["image"]}
    )
    resource = run.compose_resource(
        spec=spec, root=str(root), resource_path=str(path), resource_kwargs=options
    )
    told = resource.compose_datum(datum_kwargs=datum)
    event = stream.compose_event(
        data={"image": told["datum_id"]},
        timestamps={"image": 1.0},
        filled={"image": False},
    )
    return [
        ("start", run.start_doc),
        ("descriptor", stream.descriptor_doc),
        ("resource", resource.resource_doc),
        ("datum", told),
        ("event", event),
        ("stop", run.compose_stop()),
    ]


def told_by_stream(uri):
    """A run of one event whose image is where a stream resource says."""
    run = event_model.compose_run(metadata={"plan_name": "count", "num_points": 1})
    about = {"dtype": "array", "shape": [2, 3], "source": "cam", "external": "STREAM:"}
    stream = run.compose_descriptor(
        name="primary", data_keys={"image": about}, object_keys={"cam": ["image"]}
    )
    resource = run.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=uri,
        data_key="image",
        parameters={"dataset": "/entry/data/data"},
    )
    told = resource.compose_stream_datum(
        indices={"start": 0, "stop": 1},
        seq_nums={"start": 1, "stop": 2},
        descriptor=stream.descriptor_doc,
    )
    event = stream.compose_event(
        data={}, timestamps={}, filled={}, seq_num=1, validate=False
    )
    return [
        ("start", run.start_doc),
        ("descriptor", stream.descriptor_doc),
        ("stream_resource", resource.stream_resource_doc),
        ("stream_datum", told),
        ("event", event),
        ("stop", run.compose_stop()),
    ]


@pytest.fixture
def lab(tmp_path):
    """``lab/data`` for datasets, ``lab/camera`` beside it; ``private`` elsewhere."""
    for folder in ("lab/data", "lab/camera", "private"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("lab/camera", "private"):
        np.save(tmp_path / folder / "a_0.npy", SECRET)
        with h5py.File(tmp_path / folder / "a.h5", "w") as file:
            file["/entry/data/data"] = IMAGES
    return tmp_path


def dataset_of(documents, folder):
    return Path(export(documents, folder, "run", assets="ignore")["pymodaq"][0])


def image_of(path, **options):
    """What became of the image; None: it was not filled in."""
    (event,) = [doc for n, doc in replay(path, fill=True, **options) if n == "event"]
    image = event["data"].get("image")
    return image if isinstance(image, np.ndarray) else None


LINKS = {
    "hdf5": lambda f: told_by_resource("AD_HDF5", f, "a.h5", {"point_number": 0}),
    "numpy": lambda f: told_by_resource("NPY_SEQ", f, "a", {"index": 0}),
    "stream": lambda f: told_by_stream(f"file://localhost{f}/a.h5"),
    "local": lambda f: told_by_stream(f"file:{f}/a.h5"),
    "dots": lambda f: told_by_resource(
        "NPY_SEQ", f.parent / "lab/camera/x/../../../private", "a", {"index": 0}
    ),
}


@pytest.mark.parametrize("kind", LINKS)
def test_what_lies_elsewhere_is_not_filled_in_unless_allowed(kind, lab, caplog):
    path = dataset_of(LINKS[kind](lab / "private"), lab / "lab/data")
    with caplog.at_level(logging.WARNING):
        assert image_of(path) is None
    assert "external=" in caplog.text, "how to allow it is told"
    assert image_of(path, external=lab / "lab") is None
    for allowed in (True, lab / "private", [lab / "lab", str(lab / "private")]):
        np.testing.assert_array_equal(
            np.squeeze(image_of(path, external=allowed)), SECRET
        )


@pytest.mark.parametrize("kind", ["hdf5", "numpy", "stream", "local"])
def test_what_lies_beside_the_dataset_is(kind, lab):
    path = dataset_of(LINKS[kind](lab / "lab/camera"), lab / "lab/data")
    np.testing.assert_array_equal(np.squeeze(image_of(path)), SECRET)


def test_a_link_in_an_allowed_folder_leads_nowhere_else(lab):
    (lab / "lab/camera/b.h5").symlink_to(lab / "private/a.h5")
    documents = told_by_resource(
        "AD_HDF5", lab / "lab/camera", "b.h5", {"point_number": 0}
    )
    assert image_of(dataset_of(documents, lab / "lab/data")) is None


@pytest.mark.parametrize(
    "words",
    [
        {"template": "%s%s_%d.npy", "filename": "../../private/a"},
        {"parts": [{"name": "/etc/passwd"}]},
    ],
)
def test_words_for_a_handler_do_not_make_a_path_that_leads_out(words, lab, monkeypatch):
    asked = []

    class Handler:
        def __init__(self, path, **options):
            asked.append((path, options))

        def __call__(self, **options):
            return SECRET

    monkeypatch.setattr("pymo_bluesky.assets.handlers.handler_of", lambda _: Handler)
    documents = told_by_resource("OTHER", lab / "lab/camera", "a", {"n": 0}, **words)
    path = dataset_of(documents, lab / "lab/data")
    assert image_of(path) is None
    assert not asked
    np.testing.assert_array_equal(image_of(path, external=True), SECRET)


# ------------------------------------------------------------ the way to the values


def by_external_link(file, there):
    file["/entry/data/data"] = h5py.ExternalLink(str(there), "/entry/data/data")


def by_group_of_another_file(file, there):
    file["/entry/data"] = h5py.ExternalLink(str(there), "/entry/data")


def by_raw_bytes(file, there):
    where = [(str(there), 0, 48)]
    file.create_dataset("/entry/data/data", (1, 2, 3), "f8", external=where)


def by_virtual_array(file, there):
    layout = h5py.VirtualLayout((1, 2, 3), "f8")
    layout[:] = h5py.VirtualSource(str(there), "/entry/data/data", (1, 2, 3))
    file.create_virtual_dataset("/entry/data/data", layout)


def by_pattern(file, there):
    """Names of files that HDF5 makes while it reads."""
    there.rename(there.with_name("a0.h5"))
    layout = h5py.VirtualLayout((1, 2, 3), "f8", maxshape=(None, 2, 3))
    name = str(there).replace("a.h5", "a%b.h5")
    layout[: h5py.h5s.UNLIMITED] = h5py.VirtualSource(
        name, "/entry/data/data", (1, 2, 3)
    )
    file.create_virtual_dataset("/entry/data/data", layout)


def by_way_of_itself(file, there):
    file["hidden"] = h5py.ExternalLink(str(there), "/entry/data/data")
    layout = h5py.VirtualLayout((1, 2, 3), "f8")
    layout[:] = h5py.VirtualSource(".", "hidden", (1, 2, 3))
    file.create_virtual_dataset("/entry/data/data", layout)


WAYS = [
    *(by_external_link, by_group_of_another_file, by_raw_bytes, by_virtual_array),
    *(by_pattern, by_way_of_itself),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_file_in_an_allowed_folder_leads_to_no_other(way, lab):
    """Otherwise a dataset would only have to lie beside a file of its own making."""
    with h5py.File(lab / "lab/camera/b.h5", "w") as file:
        way(file, lab / "private/a.h5")
    path = dataset_of(
        told_by_stream(f"file://localhost{lab / 'lab/camera/b.h5'}"), lab / "lab/data"
    )
    assert image_of(path) is None


@pytest.mark.parametrize("way", [w for w in WAYS if w is not by_pattern])
def test_a_master_file_leads_to_others_in_allowed_folders(way, lab):
    raw = lab / "lab/camera/raw"
    raw.write_bytes(SECRET.tobytes())
    there = raw if way is by_raw_bytes else lab / "lab/camera/a.h5"
    with h5py.File(lab / "lab/camera/b.h5", "w") as file:
        way(file, there)
    path = dataset_of(
        told_by_stream(f"file://localhost{lab / 'lab/camera/b.h5'}"), lab / "lab/data"
    )
    np.testing.assert_array_equal(np.squeeze(image_of(path)), SECRET)


@pytest.mark.parametrize("way", [by_virtual_array, by_raw_bytes, by_way_of_itself])
def test_an_array_of_the_tree_leads_where_it_may(way, lab):
    path = dataset_of(told_by_stream(f"file:{lab}/lab/camera/a.h5"), lab / "lab/data")
    (lab / "private/raw").write_bytes(SECRET.tobytes())
    there = lab / "private" / ("raw" if way is by_raw_bytes else "a.h5")
    array = "/entry/data/data"
    with h5py.File(path, "r+") as file:
        way(file, there)
    for allowed, seen in ((False, False), (lab / "lab", False), (lab, True)):
        with Dataset(path, external=allowed)._source.opened() as tree:
            node = tree.node(array)
            assert bool(node.refusal()) is not seen
            if seen:
                np.testing.assert_array_equal(node[()], IMAGES)
            else:
                with pytest.raises(PymoError, match="not read"):
                    node[()]


def test_without_being_asked_nothing_is_followed(lab):
    path = dataset_of(told_by_stream(f"file:{lab}/lab/camera/a.h5"), lab / "lab/data")
    (event,) = [
        doc for n, doc in open_dataset(path).scans[0].documents() if n == "event"
    ]
    assert "image" not in event["data"]


def test_neighbours_of_a_home_folder_are_not_all_allowed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for dataset, allowed in (
        ("me/Downloads/a.h5", "me/Downloads"),
        ("me/a.h5", "me"),
        ("lab/data/2026/20261122/a.h5", "lab"),
    ):
        assert Allowed.around(tmp_path / dataset).folders == (str(tmp_path / allowed),)
