"""A folder of datasets as a catalog of runs: found, followed, and read by name."""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import ASSETS, load, stream

from pymo_bluesky import PymodaqWriter, export, open_catalog
from pymo_bluesky.catalog import apart, index
from pymo_bluesky.errors import MissingExtraError, NotFoundError
from pymo_bluesky.replaying.comparing import differences

LAYOUTS = ("pymodaq5", "pymodaq3")
NAMES = ("p01", "p02", "p05", "p08", "p13", "p18", "p20")


def put(name, folder, **options) -> Path:
    (path,) = export(load(stream(name)), folder, name, **options)["pymodaq"]
    return Path(path)


def uid_of(name) -> str:
    return load(stream(name))[0][1]["uid"]


def events_of(name) -> list[dict]:
    return events_in(load(stream(name)), "primary")


def events_in(documents, stream_name) -> list[dict]:
    """Events, and event pages, of one stream."""
    documents = list(documents)
    descriptors = {
        doc["uid"]
        for kind, doc in documents
        if kind == "descriptor" and doc["name"] == stream_name
    }
    events = [doc for kind, doc in documents if kind in ("event", "event_page")]
    return [event for event in events if event["descriptor"] in descriptors]


@pytest.fixture(scope="module", params=LAYOUTS)
def folder(request, tmp_path_factory) -> Path:
    """One dataset for each stream, in folders by day as a writer makes them."""
    base = tmp_path_factory.mktemp(request.param)
    for number, name in enumerate(NAMES):
        day = base / "2026" / f"2026030{number}"
        put(name, day, layout=request.param)
    return base


@pytest.fixture
def catalog(folder):
    return open_catalog(folder)


class TestFinding:
    def test_runs_come_by_their_age_and_not_by_their_files(self, tmp_path):
        for name, prefix in (("p02", "a"), ("p01", "b"), ("p05", "c")):
            export(load(stream(name)), tmp_path, prefix)
        times = [run.metadata["start"]["time"] for run in open_catalog(tmp_path)]
        assert times == sorted(times)

    def test_all_runs_are_there(self, catalog):
        assert len(catalog) == len(NAMES)
        assert {run.uid for run in catalog} == set(map(uid_of, NAMES))
        assert uid_of("p05") in catalog
        assert "4b1d" not in catalog
        assert not catalog.problems

    def test_by_place_from_the_end(self, catalog):
        runs = list(catalog)
        assert catalog[-1].uid == runs[-1].uid
        assert [run.uid for run in catalog[-2:]] == [run.uid for run in runs[-2:]]
        with pytest.raises(NotFoundError, match="-99"):
            catalog[-99]

    def test_by_uid_or_its_beginning(self, catalog):
        uid = uid_of("p05")
        assert catalog[uid].uid == catalog[uid[:8]].uid == uid
        with pytest.raises(NotFoundError, match="nowhere"):
            catalog["nowhere"]
        with pytest.raises(NotFoundError, match="characters"):
            catalog[uid[:2]]

    def test_a_beginning_that_two_uids_have_is_refused(self, tmp_path):
        for uid in ("4b1d-one", "4b1d-two"):
            export([("start", {"uid": uid, "time": 0.0})], tmp_path)
        catalog = open_catalog(tmp_path)
        with pytest.raises(NotFoundError, match="4b1d-one, 4b1d-two"):
            catalog["4b1d"]
        assert catalog["4b1d-o"].uid == "4b1d-one"

    def test_the_oldest_run_is_that_of_place_0(self, catalog, tmp_path):
        assert catalog[0].uid == next(iter(catalog)).uid
        with pytest.raises(NotFoundError, match="there is no run 0"):
            open_catalog(tmp_path)[0]

    def test_a_scan_id_means_the_latest_of_that_number(self, tmp_path):
        for uid, number, time in (
            ("a" * 8, 1, 0.0),
            ("b" * 8, 1, 9.0),
            ("c" * 8, 2, 5),
        ):
            start = {"uid": uid, "time": time, "scan_id": number}
            export([("start", start)], tmp_path)
        catalog = open_catalog(tmp_path)
        assert catalog[1].uid == "b" * 8
        assert catalog[2].uid == "c" * 8
        with pytest.raises(NotFoundError, match="scan_id 3"):
            catalog[3]

    def test_search(self, catalog):
        grids = catalog.search({"plan_name": "grid_scan"})
        assert {run.uid for run in grids} == {uid_of("p05"), uid_of("p18")}
        whole = catalog.search({"num_points": lambda n: n == 20, "shape": [4, 5]})
        assert [run.uid for run in whole] == [uid_of("p05")]
        assert len(grids.search({"shape": (4, 5)})) == 1
        assert len(catalog.search({"hints": {"gridding": "rectilinear"}})) >= 2
        assert len(catalog.search({"plan_name": {"of": "a text"}})) == 0

    def test_reprs_tell_what_is_there(self, catalog):
        assert repr(catalog) == f"<Catalog of 7 runs in {catalog.directory}>"
        run = catalog[uid_of("p05")]
        assert "grid_scan" in repr(run)
        assert run.uid[:8] in repr(run)
        assert run.uid[:8] in repr(run.primary)

    def test_a_prompt_and_a_notebook_show_the_latest_runs(self, catalog):
        head, *lines = str(catalog).splitlines()
        assert head == repr(catalog)
        assert [line.split()[0] for line in lines] == [str(n) for n in range(-7, 0)]
        assert catalog[-1].uid[:8] in lines[-1]
        shown = catalog._repr_html_()
        assert shown.count("<tr>") == 8
        assert "grid_scan" in shown

    def test_the_start_document(self, catalog):
        assert catalog[uid_of("p05")].start["plan_name"] == "grid_scan"

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(NotFoundError, match="nowhere"):
            open_catalog(tmp_path / "nowhere")


class TestFollowing:
    def test_a_run_is_there_when_it_is_written(self, tmp_path):
        catalog = open_catalog(tmp_path)
        assert len(catalog) == 0
        with PymodaqWriter(tmp_path) as writer:
            for number, name in enumerate(("p02", "p05"), 1):
                for kind, doc in load(stream(name)):
                    writer(kind, doc)
                assert len(catalog) == number
                assert catalog[uid_of(name)].path == writer.paths[uid_of(name)]

    def test_a_dataset_that_goes_takes_its_runs_along(self, tmp_path):
        path = put("p02", tmp_path)
        catalog = open_catalog(tmp_path)
        run = catalog[-1]
        path.unlink()
        assert len(catalog) == 0
        with pytest.raises(NotFoundError, match=r"p02\.h5"):
            run.primary.read()

    def test_a_file_that_was_exchanged_is_not_read_for_another(self, tmp_path):
        path, other = put("p02", tmp_path), put("p05", tmp_path / "other")
        run = open_catalog(tmp_path)[uid_of("p02")]
        shutil.copy(other, path)
        with pytest.raises(NotFoundError, match="no more"):
            _ = run.metadata

    def test_files_that_did_not_change_are_not_opened_again(self, folder, monkeypatch):
        monkeypatch.setenv("PYMO_CACHE", "")
        opened = []
        look = index.look_at

        def counting(files, known):
            opened.extend(files)
            return look(files, known)

        monkeypatch.setattr(index, "look_at", counting)
        catalog = open_catalog(folder)
        assert len(catalog) == len(catalog) == len(NAMES)
        assert len(opened) == len(NAMES)
        os.utime(opened[0], (1, 1))
        assert len(catalog) == len(NAMES)
        assert opened[len(NAMES) :] == opened[:1]


class TestForeignFiles:
    """What is no run of ours is left out, told, and no obstacle."""

    @pytest.fixture
    def catalog(self, tmp_path):
        put("p02", tmp_path)
        return open_catalog(tmp_path)

    def problem(self, catalog) -> str:
        assert len(catalog) == 1
        (problem,) = catalog.problems
        assert problem.severity == "warning"
        return str(problem)

    def test_a_text(self, catalog):
        (catalog.directory / "notes.h5").write_text("no HDF5")
        assert "notes.h5" in self.problem(catalog)

    def test_the_file_of_another_program(self, catalog):
        with h5py.File(catalog.directory / "entry.h5", "w") as file:
            file.create_group("entry")
        assert "not a PyMoDAQ dataset" in self.problem(catalog)

    def test_a_damaged_dataset(self, catalog):
        path = put("p05", catalog.directory)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert "p05.h5" in self.problem(catalog)

    def test_a_scan_without_documents_is_read_from_its_tree(self, catalog):
        path = put("p05", catalog.directory)
        before = catalog[-1].primary.read()
        with h5py.File(path, "r+") as file:
            del file["RawData/Scan000/Documents"]
        assert not catalog.problems
        (run,) = [run for run in catalog if run.path == path]
        assert run.uid != uid_of("p05")
        after = run.primary.read()
        assert np.array_equal(after["det4"], before["det4"])

    def test_a_scan_whose_group_is_damaged(self, catalog):
        """Its attributes have a checksum; the rest of the file can be read."""
        path = put("p05", catalog.directory)
        uid = uid_of("p05").encode()
        path.write_bytes(path.read_bytes().replace(uid, uid[::-1]))
        assert "p05.h5/RawData/Scan000: damaged" in self.problem(catalog)

    def test_documents_that_are_none(self, catalog):
        path = put("p05", catalog.directory)
        with h5py.File(path, "r+") as file:
            loose = file["RawData/Scan000/Documents/Loose"]
            loose[:8] = np.frombuffer(b"[1,2,3]\n", np.uint8)
        assert "/RawData/Scan000" in self.problem(catalog)

    def test_hidden_files_and_folders_are_somebodys_work(self, catalog):
        (catalog.directory / ".draft.h5").write_text("half a dataset")
        (catalog.directory / ".work").mkdir()
        (catalog.directory / ".work" / "draft.h5").write_text("half a dataset")
        assert catalog.problems == []

    def test_a_file_is_tried_again_after_a_while(self, catalog, monkeypatch):
        """Another program may have held it; that changes neither size nor time."""
        monkeypatch.setattr(apart, "RETRY_SECONDS", 0.0)
        path = catalog.directory / "held.h5"
        path.write_text("no HDF5")
        assert len(catalog.problems) == 1
        seen = []
        look = index.look_at
        monkeypatch.setattr(
            index,
            "look_at",
            lambda files, *about: seen.extend(files) or look(files, *about),
        )
        assert len(catalog) == 1
        assert seen == [path]

    def test_a_file_that_is_being_written_keeps_its_runs(self, catalog):
        path = catalog.directory / "p02.h5"
        assert len(catalog) == 1
        with h5py.File(path, "r+") as file:  # PyMoDAQ opens it for a whole scan
            file.attrs["description"] = "being written"
            file.flush()
            os.utime(path, (1, 1))
            assert len(catalog) == 1
            (problem,) = catalog.problems
            assert problem.kind == "busy"
        assert not catalog.problems
        assert len(catalog) == 1


class TestRuns:
    def test_metadata_are_the_documents(self, catalog):
        documents = load(stream("p05"))
        metadata = catalog[uid_of("p05")].metadata
        expected = {"start": documents[0][1], "stop": documents[-1][1]}
        for name, doc in expected.items():
            assert not list(differences([(name, doc)], [(name, metadata[name])]))

    def test_a_run_that_never_stopped_has_no_stop(self, tmp_path):
        export([("start", {"uid": "4b1d", "time": 0.0})], tmp_path)
        assert open_catalog(tmp_path)[-1].metadata["stop"] is None

    def test_documents(self, catalog):
        run = catalog[uid_of("p13")]
        assert not list(differences(load(stream("p13")), run.documents()))
        assert "event_page" in [name for name, _ in run.documents(pages=True)]

    def test_streams_by_attribute_item_and_completion(self, catalog):
        run = catalog[uid_of("p13")]
        assert run.streams == ["baseline", "beam_current_monitor", "primary"]
        assert run["baseline"].name == run.baseline.name == "baseline"
        assert set(run.streams) <= set(dir(run))
        with pytest.raises(NotFoundError, match="baseline, beam_current_monitor"):
            run["dark"]
        with pytest.raises(AttributeError, match="dark"):
            _ = run.dark

    def test_a_prompt_that_asks_for_its_protocols_opens_no_file(self, catalog, folder):
        run = catalog[-1]
        run.path = folder / "nowhere.h5"
        assert not hasattr(run, "_repr_html_")

    def test_descriptors(self, catalog):
        (descriptor,) = catalog[uid_of("p13")].baseline.metadata["descriptors"]
        expected = [d for k, d in load(stream("p13")) if k == "descriptor"]
        assert descriptor["uid"] in [doc["uid"] for doc in expected]
        assert descriptor["name"] == "baseline"


class TestReading:
    def test_a_snaked_grid_lies_as_the_plan_meant_it(self, catalog):
        data = catalog[uid_of("p05")].primary.read()
        assert dict(data.sizes) == {"motor1": 4, "motor2": 5}
        events = events_of("p05")
        assert len(events) == 20
        for event in events:
            values = event["data"]
            point = data.sel(
                motor1=values["motor1_setpoint"], motor2=values["motor2_setpoint"]
            )
            assert float(point["det4"]) == values["det4"]
            assert float(point["motor2_readback"]) == values["motor2"]
            assert float(point["time"]) == pytest.approx(event["time"], abs=1e-6)

    def test_a_scan_has_the_positions_as_coordinate(self, catalog):
        data = catalog[uid_of("p02")].primary.read()
        events = events_of("p02")
        positions = [event["data"]["motor1_setpoint"] for event in events]
        assert data.det1.dims == ("motor1",)
        assert data["motor1"].values.tolist() == sorted(positions)
        assert data.det1.dtype == np.float64
        assert data.det1.attrs["data_key"] == "det1"

    def test_a_count_lies_along_time(self, catalog):
        data = catalog[uid_of("p01")].primary.read()
        events = events_of("p01")
        assert data.det.dims == ("time",)
        assert data.det.values.tolist() == [e["data"]["det"] for e in events]
        assert data.time.values == pytest.approx([e["time"] for e in events], abs=1e-6)

    def test_positions_that_form_no_grid_lie_along_time(self, catalog):
        data = catalog[uid_of("p08")].primary.read()
        events = events_of("p08")
        assert data.det4.dims == data.motor1.dims == ("time",)
        assert data.det4.values.tolist() == [e["data"]["det4"] for e in events]
        assert "motor2" in data.coords

    def test_points_that_were_not_reached_are_told_apart(self, catalog):
        data = catalog[uid_of("p18")].primary.read()
        reached = len(events_of("p18"))
        assert 0 < reached < data.det4.size
        assert int(data.visited.sum()) == reached
        assert np.array_equal(np.isnan(data.det4), ~data.visited)

    def test_of_a_point_that_was_repeated_the_last_event_counts(self, catalog):
        data = catalog[uid_of("p20")].primary.read()
        last = {event["seq_num"]: event for event in events_of("p20")}
        assert data.det.values.tolist() == [
            last[number]["data"]["det"] for number in sorted(last)
        ]

    def test_texts_are_there_too(self, catalog):
        data = catalog[uid_of("p20")].interruptions.read()
        assert set(data.interruption.values.tolist()) == {"pause", "resume"}

    def test_every_stream_of_every_recording_can_be_read(self, corpus_stream, tmp_path):
        documents = load(corpus_stream)
        export(documents, tmp_path)
        for run in open_catalog(tmp_path):
            for name in run.streams:
                data = run[name].read()
                keys = {v.attrs["data_key"] for v in data.data_vars.values()}
                events = events_in(run.documents(), name)
                assert keys == {key for event in events for key in event["data"]}

    def test_no_number_is_shown_where_none_fits(self, tmp_path):
        """10**30 fits no array of integers: 0 in its place would be a lie."""
        put("p32", tmp_path)
        data = open_catalog(tmp_path)[-1].primary.read()
        measured = [event["data"]["bigint"] for event in events_of("p32")]
        assert data.bigint.values.tolist() == measured

    def test_the_missing_extra_is_named(self, catalog, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "xarray", None)
        with pytest.raises(MissingExtraError, match=r"pymo-bluesky\[xarray\]"):
            catalog[-1].primary.read()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    from bluesky import RunEngine
    from bluesky.plans import grid_scan

    from pymo_bluesky import load_devices

    devices = load_devices("simulated_lab")
    folder = tmp_path_factory.mktemp("lab")
    engine = RunEngine()
    with PymodaqWriter(folder) as writer:
        engine.subscribe(writer)
        detectors = [devices.photodiode, devices.spectrometer, devices.camera]
        engine(grid_scan(detectors, devices.y, 1, -1, 3, devices.x, -2, 2, 4))
    return open_catalog(folder)[-1].primary.read()


class TestExternalData:
    """Images that a detector wrote into files of its own."""

    def put_with_frames(self, name, folder) -> None:
        """Put a recording whose frames hold numbers (the recorded ones are dark)."""
        assets = folder / "assets"
        shutil.copytree(ASSETS, assets)
        for path in assets.glob(f"{name}/*.h5"):
            with h5py.File(path, "r+") as file:
                frames, sums = file["entry/data/data"], file["entry/sum"]
                frames[:] = np.arange(1, 1 + len(frames), dtype="u1")[:, None, None]
                sums[:] = frames[()].sum(axis=(1, 2))
        export(load(stream(name), assets=assets), folder / "data")

    def test_other_files_are_opened_only_when_that_is_asked_for(self, tmp_path):
        self.put_with_frames("p26", tmp_path)
        primary = open_catalog(tmp_path / "data")[-1].primary
        assert set(primary.read().data_vars) == {"stage-x_readback"}
        data = primary.read(fill=True)
        assert data["bdet"].dims[0] == "stage-x"
        assert data["bdet"].max(data["bdet"].dims[1:]).values.tolist() == [1, 2, 3]
        assert data["bdet-sum"].values.tolist() == [n * 240 * 320 for n in (1, 2, 3)]

    def test_a_stream_without_events_has_its_frames(self, tmp_path):
        self.put_with_frames("p27", tmp_path)
        data = open_catalog(tmp_path / "data")[-1].main_stream.read(fill=True)
        brightest = data["bdet"].max(data["bdet"].dims[1:])
        assert brightest.values.tolist() == list(range(1, 13))

    def test_a_datum_becomes_its_image(self, tmp_path):
        put("p25", tmp_path)
        run = open_catalog(tmp_path)[-1]
        ids = run.primary.read().img.values.tolist()
        assert ids == [event["data"]["img"] for event in events_of("p25")]
        filled = events_in(run.documents(fill=True), "primary")
        images = run.primary.read(fill=True).img
        assert images.dims[0] == "motor"
        for image, event in zip(images, filled, strict=True):
            assert np.array_equal(image, event["data"]["img"])

    def test_images_that_are_gone_are_left_out_and_told(self, tmp_path, caplog):
        self.put_with_frames("p26", tmp_path)
        (path,) = (tmp_path / "data").rglob("*.h5")
        with h5py.File(path, "r+") as file:
            group = file["RawData/Scan000/Detector000/Data2D/CH00"]
            lost = h5py.VirtualLayout((3, 2, 2), "u1")
            lost[:] = h5py.VirtualSource("gone.h5", "data", (3, 2, 2))
            kept = dict(group["Data00"].attrs)
            del group["Data00"]
            group.create_virtual_dataset("Data00", lost).attrs.update(kept)
        data = open_catalog(tmp_path / "data")[-1].primary.read(fill=True)
        assert "bdet" not in data
        assert "bdet-sum" in data
        assert "gone.h5" in caplog.text

    def test_images_outside_the_folder_are_left_out_and_told(self, tmp_path, caplog):
        put("p26", tmp_path)
        data = open_catalog(tmp_path)[-1].primary.read(fill=True)
        assert set(data.data_vars) == {"stage-x_readback"}
        assert "outside of the folders" in caplog.text


class TestTheLab:
    """Devices of ours tell their axes and units."""

    def test_axes(self, lab):
        assert lab.camera_image.dims == ("y", "x", "camera_y", "camera_x")
        assert lab.spectrometer_spectrum.dims == ("y", "x", "spectrometer_wavelength")
        assert lab.y.values.tolist() == [1, 0, -1]
        assert lab.spectrometer_wavelength.values[[0, -1]].tolist() == [590, 680]

    def test_units(self, lab):
        units = {name: lab[name].attrs.get("units") for name in lab.variables}
        assert units["x"] == units["x_readback"] == "mm"
        assert units["camera_x"] == "um"
        assert units["spectrometer_wavelength"] == "nm"
        assert units["photodiode_signal"] == "V"

    def test_dtypes(self, lab):
        assert lab.camera_image.dtype == np.uint16
        assert lab.camera_roi_00.dtype == np.float64

    def test_the_beam_is_where_the_mirrors_sent_it(self, lab):
        image = lab.camera_image.sel(x=2, y=0, method="nearest")
        centre = (image * image.camera_x).sum() / image.sum()
        other = lab.camera_image.sel(x=-2, y=0, method="nearest")
        assert float(centre) > float((other * other.camera_x).sum() / other.sum())
