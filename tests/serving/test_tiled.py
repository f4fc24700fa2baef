"""A folder of datasets as a Tiled server, read with bluesky's own client."""

import contextlib
import logging
import shutil

import numpy as np
import pytest
from corpus import STREAMS, load, stream
from extras import needs
from specimens import SPECIMENS, unpacked

from pymo_bluesky import export, replay
from pymo_bluesky.replaying.comparing import differences
from pymo_bluesky.replaying.jsonl import plain
from pymo_bluesky.store.opening import LazyArray

needs("xarray", "xarray")
queries = needs("tiled.queries", "tiled")
bluesky_queries = needs("bluesky_tiled_plugins.queries", "tiled")
tiled = needs("tiled.client", "tiled")
serving = needs("pymo_bluesky.serving.app", "tiled")

pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:Using .httpx. with"),
]


@contextlib.contextmanager
def client_of(folder, **options):
    """A client of a server in this process; no port is opened."""
    app = serving.tiled_app(folder, api_key="secret", **options)
    with tiled.Context.from_app(app, api_key="secret") as context:
        yield tiled.from_context(context)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Every stream of the corpus as a dataset."""
    folder = tmp_path_factory.mktemp("ours")
    for path in STREAMS:
        export(load(path), folder, file_prefix=path.stem)
    return folder


@pytest.fixture(scope="module")
def ours_served(ours):
    with client_of(ours) as client:
        yield client


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Every specimen that PyMoDAQ 1.4 to 5.3 wrote."""
    folder = tmp_path_factory.mktemp("theirs")
    for name in SPECIMENS:
        unpacked(name, folder)
    return folder


@pytest.fixture(scope="module")
def theirs_served(theirs):
    with client_of(theirs) as client:
        yield client


def runs_in(documents):
    """The documents of each run; runs follow one another."""
    found = []
    for kind, doc in documents:
        if kind == "start":
            found.append([])
        found[-1].append((kind, doc))
    return found


def columns_of(documents):
    """Values by stream and data key: of each seq_num its last event, in order."""
    names, rows = {}, {}
    for kind, doc in documents:
        if kind == "descriptor":
            names[doc["uid"]] = doc["name"]
            rows.setdefault(doc["name"], {})
        elif kind == "event":
            here = rows[names[doc["descriptor"]]]
            here.pop(doc["seq_num"], None)
            here[doc["seq_num"]] = doc
    return {
        name: {
            key: [event["data"].get(key) for event in events.values()]
            for key in {key for event in events.values() for key in event["data"]}
        }
        | {"seq_num": list(events), "time": [e["time"] for e in events.values()]}
        for name, events in rows.items()
    }


def assert_same_values(run, documents):
    for name, columns in columns_of(documents).items():
        dataset = run[name].read() if columns["seq_num"] else None
        for key, values in columns.items():
            if dataset is None:
                continue
            found = dataset[key].values if key in dataset else run[name][key][:]
            assert len(found) == len(values), (name, key)
            told = [value for value in values if value is not None]
            if len(told) < len(values) or any(isinstance(v, str | dict) for v in told):
                continue  # read as texts
            shapes = {np.shape(value) for value in told}
            kinds = {np.asarray(value).dtype.kind for value in told}
            if len(shapes) == 1 and kinds <= set("biuf"):
                np.testing.assert_array_equal(found, np.array(told), f"{name} {key}")


# -------------------------------------------------------------------- runs of bluesky


def test_all_runs_are_there_the_oldest_first(ours_served):
    uids = {doc["uid"] for p in STREAMS for kind, doc in load(p) if kind == "start"}
    assert set(ours_served) == uids
    times = [run.start["time"] for run in ours_served.values()]
    assert times == sorted(times)
    assert ours_served[-1].start["time"] == times[-1]


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_run_reads_as_it_was_measured(ours_served, path):
    with_pages = path.stem.startswith("p30")
    for documents in runs_in(load(path)):
        run = ours_served[documents[0][1]["uid"]]
        if not with_pages:
            assert_same_values(run, documents)
        for name in run:
            assert run[name].descriptors[0]["name"] == name


@pytest.mark.parametrize("name", ["p05", "p13", "p14", "p20", "p26", "p27", "p30"])
def test_documents_come_back_one_for_one(ours_served, name):
    documents = load(stream(name))
    run = ours_served[documents[0][1]["uid"]]
    told = [(kind, plain(doc)) for kind, doc in documents]
    assert list(differences(told, [(k, plain(d)) for k, d in run.documents()])) == []


def test_datums_come_in_pages_which_is_what_clients_know(ours_served):
    run = ours_served[load(stream("p25"))[0][1]["uid"]]
    pages = [doc for kind, doc in run.documents() if kind == "datum_page"]
    assert len(pages) == 3
    assert all(len(page["datum_id"]) == 1 for page in pages)


def test_numbers_come_as_one_table_and_frames_in_slices(ours_served, monkeypatch):
    documents = load(stream("p11_spectro_scan"))
    primary = ours_served[documents[0][1]["uid"]]["primary"]
    assert {"seq_num", "time"} <= set(primary.base["internal"].columns)
    image = primary["spectro_image"]
    assert image.dims[0] == "time"
    frame = next(d for k, d in documents if k == "event" and d["seq_num"] == 3)

    read = []
    unnoted = LazyArray.__getitem__

    def noted(array, key):
        found = unnoted(array, key)
        read.append(np.size(found))
        return found

    monkeypatch.setattr(LazyArray, "__getitem__", noted)
    np.testing.assert_array_equal(image[2], frame["data"]["spectro_image"])
    assert sum(read) == image[2].size


def test_runs_are_found_by_what_their_documents_say(ours_served):
    found = {
        run.start["plan_name"]
        for run in ours_served.search(queries.Key("num_points") == 12).values()
    }
    assert found
    uid = load(stream("p05"))[0][1]["uid"]
    assert list(ours_served.search(queries.Like("uid", f"{uid[:8]}%"))) == [uid]
    assert ours_served[uid[:8]].start["uid"] == uid
    for query, fits in (
        (
            queries.Eq("plan_name", "grid_scan"),
            lambda s: s.get("plan_name") == "grid_scan",
        ),
        (
            queries.Regex("plan_name", "^rel_"),
            lambda s: s.get("plan_name", "").startswith("rel_"),
        ),
        (queries.In("scan_id", [1, 2]), lambda s: s.get("scan_id") in (1, 2)),
        (
            queries.Contains("detectors", "det4"),
            lambda s: "det4" in s.get("detectors", ()),
        ),
        (
            queries.Comparison("gt", "num_points", 10),
            lambda s: s.get("num_points", 0) > 10,
        ),
        (bluesky_queries.ScanIDRange(10, 20), lambda s: 10 <= s.get("scan_id", 0) < 20),
        (bluesky_queries.TimeRange(since="2000-01-01"), lambda s: s["time"] > 1e9),
        (
            queries.FullText("spiral rel_spiral"),
            lambda s: "spiral" in s.get("plan_name", ""),
        ),
    ):
        chosen = {run.start["uid"] for run in ours_served.search(query).values()}
        assert chosen == {
            run.start["uid"] for run in ours_served.values() if fits(run.start)
        }, query
    stopped = ours_served.search(queries.Key("stop.exit_status") == "success")
    assert 0 < len(stopped) < len(ours_served)


def test_runs_are_sorted_by_any_member(ours_served):
    by_plan = [
        r.start.get("plan_name")
        for r in ours_served.sort(("start.plan_name", -1)).values()
    ]
    named = [name for name in by_plan if name]
    assert named == sorted(named, key=str.lower, reverse=True)


# -------------------------------------------------------------- scans of PyMoDAQ itself


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_file_of_pymodaq_reads_like_its_replay(theirs, theirs_served, name):
    path = theirs / f"{name.replace('/', '-')}.h5"
    for documents in runs_in(replay(path)):
        run = theirs_served[documents[0][1]["uid"]]
        assert_same_values(run, documents)
        assert len(list(run.documents())) == len(documents)


def test_pictures_are_in_the_documents_but_not_in_every_listing(theirs_served):
    for run in theirs_served.values():
        assert "thumbnails" not in run.start["pymodaq"]
    assert any(
        dict(run.documents())["start"]["pymodaq"]["thumbnails"]
        for run in theirs_served.values().head(12)
    )


# ---------------------------------------------------------------------- a living folder


def uid_in(name):
    return load(stream(name))[0][1]["uid"]


def test_new_files_and_scans_appear_and_removed_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr("pymo_bluesky.serving.runs._FRESH_SECONDS", 0.0)
    with client_of(tmp_path) as client:
        assert len(client) == 0
        export(load(stream("p01")), tmp_path / "monday", file_prefix="first")
        assert list(client) == [uid_in("p01")]
        export(load(stream("p16")), tmp_path / "tuesday", file_prefix="two")
        assert len(list(client)) == 3
        (tmp_path / "monday" / "first.h5").unlink()
        assert uid_in("p01") not in list(client)


def test_damaged_files_are_listed_and_stop_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("pymo_bluesky.serving.runs._FRESH_SECONDS", 0.0)
    export(load(stream("p05")), tmp_path, file_prefix="good")
    good = (tmp_path / "good.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.h5").write_text("no HDF5 at all")
    with (
        caplog.at_level(logging.WARNING, "pymo_bluesky"),
        client_of(tmp_path) as client,
    ):
        assert list(client) == [uid_in("p05")]
        problems = client.metadata["problems"]
        assert len(problems) == 2
        assert any("cut.h5" in problem for problem in problems)
        list(client)
    assert sum("text.h5" in message for message in caplog.messages) == 1


def test_a_file_that_breaks_while_it_is_served_is_an_answer_not_an_end(tmp_path):
    export(load(stream("p11_spectro_scan")), tmp_path, file_prefix="one")
    export(load(stream("p02")), tmp_path, file_prefix="other")
    with client_of(tmp_path) as client:
        run = client[uid_in("p11_spectro_scan")]
        image = run["primary"]["spectro_image"]
        (tmp_path / "one.h5").write_bytes(b"gone")
        with pytest.raises(Exception, match=r"one\.h5"):
            image.read()
        assert client[uid_in("p02")]["primary"].read()


def test_a_run_that_lies_in_two_files_is_one_run(tmp_path):
    export(load(stream("p02")), tmp_path, file_prefix="here")
    shutil.copy(tmp_path / "here.h5", tmp_path / "copy.h5")
    with client_of(tmp_path) as client:
        assert list(client) == [uid_in("p02")]


def test_nobody_reads_without_the_key(ours):
    with tiled.Context.from_app(
        serving.tiled_app(ours, api_key="secret"), api_key="secret"
    ) as context:
        ask = context.http_client
        for path in ("/api/v1/search/", "/scans/api/list", "/scans/api/problems"):
            assert ask.get(path).status_code == 200
            told = ask.get(path, headers={"Authorization": "Apikey wrong"})
            assert told.status_code == 401, path
    with tiled.Context.from_app(serving.tiled_app(ours, public=True)) as context:
        assert context.http_client.get("/scans/api/list").json()["total"] > 20
