"""DAQ_Viewer as plans: one save, saving on and on, backgrounds, points on time."""

import itertools
import math
import re
import threading

import bluesky.plan_stubs as bps
import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import FailedStatus, RunEngineInterrupted
from extras import needs
from ophyd.sim import motor1
from oracle.judge import BACKENDS, check, nodes

from pymo_bluesky import PymodaqWriter, open_dataset, replay, validate
from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.errors import PlanError, PymoError, WriteError
from pymo_bluesky.plans import preview
from pymo_bluesky.plans.acquiring import (
    continuous,
    drop_background,
    snapshot,
    take_background,
    timelapse,
)
from pymo_bluesky.plans.logs import log
from pymo_bluesky.plans.saving import ContinuousSaving, SnapshotSaving


@pytest.fixture
def lab():
    quick = {"exposure": 0.001}
    devices = simulated_lab(photodiode=quick, spectrometer=quick, camera=quick)
    return {device.name: device for device in devices}


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


def stop_when(engine, count, ending):
    """Subscribe what ends or pauses a run from another thread, after some events."""

    def watch(name, doc):
        if name == "event" and doc["seq_num"] == count:
            threading.Thread(target=ending).start()

    return engine.subscribe(watch)


def arrays_of(scan):
    return {k: v for module in scan.detectors for k, v in module.arrays.items()}


def how_it_ended(path):
    (stop,) = [doc for name, doc in replay(path) if name == "stop"]
    return stop["exit_status"]


# ------------------------------------------------------------------------- snapshot


def test_a_snapshot_is_one_point_in_the_file_the_user_named(engine, lab, tmp_path):
    saving = SnapshotSaving(tmp_path / "new" / "beam")
    engine(snapshot([lab["camera"], lab["spectrometer"]], saving=saving))
    assert saving.path == tmp_path / "new" / "beam.h5"
    (scan,) = open_dataset(saving.path).scans
    assert arrays_of(scan)["camera_image"].data.shape == (1, 48, 64)
    assert validate(saving.path) == []


def test_a_picture_lies_beside_a_snapshot(engine, lab, tmp_path):
    needs("matplotlib", "session")
    saving = SnapshotSaving(tmp_path / "beam.h5")
    detectors = [lab["camera"], lab["spectrometer"], lab["photodiode"]]
    engine(snapshot(detectors, saving=saving))
    picture = (tmp_path / "beam.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_a_picture_that_cannot_be_made_costs_no_data(engine, lab, tmp_path, caplog):
    needs("matplotlib", "session")
    (tmp_path / "beam.png").mkdir()
    saving = SnapshotSaving(tmp_path / "beam.h5")
    engine(snapshot([lab["camera"]], saving=saving))
    assert how_it_ended(saving.path) == "success"
    assert "has no picture" in caplog.text


def test_a_picture_replaces_nothing(engine, lab, tmp_path, caplog):
    needs("matplotlib", "session")
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"the only picture")
    saving = SnapshotSaving(tmp_path / "mine.h5")
    engine(snapshot([lab["camera"]], saving=saving))
    assert mine.read_bytes() == b"the only picture"
    assert how_it_ended(saving.path) == "success"
    assert "mine.png exists and is not replaced" in caplog.text


@pytest.mark.parametrize("name", ["beam.png", "beam.PNG"])
def test_a_dataset_has_no_name_of_a_picture(name):
    with pytest.raises(PymoError, match=r"give 'beam\.h5'"):
        SnapshotSaving(name)


def refused(plan):
    """The problems of a plan, which yields no message at all."""
    with pytest.raises(PlanError) as told:
        next(plan)
    return list(told.value.problems)


def test_a_snapshot_onto_a_file_is_refused_before_anything_is_measured(lab, tmp_path):
    target = tmp_path / "beam.h5"
    target.write_bytes(b"the only copy")
    saving = SnapshotSaving(target)
    told = f"{target} is there already and is not replaced; give a new name"
    camera = [lab["camera"]]
    assert refused(snapshot(camera, background=True, saving=saving)) == [told]
    assert preview(snapshot, camera, saving=saving).problems == (told,)
    both = refused(continuous([], num=0, saving=saving))
    assert [words.split(",")[0] for words in both] == [
        "no detector is given",
        told,
        "num is 0",
    ]
    assert target.read_bytes() == b"the only copy"


def test_a_file_that_came_meanwhile_is_not_replaced_either(engine, lab, tmp_path):
    saving = SnapshotSaving(tmp_path / "beam.h5")
    plan = snapshot([lab["camera"]], saving=saving)
    first = next(plan)
    saving.target.write_bytes(b"the only copy")
    with pytest.raises(WriteError, match="beam"):
        engine(itertools.chain([first], plan))
    assert saving.target.read_bytes() == b"the only copy"


def test_all_that_is_wrong_with_a_snapshot_is_told_at_once(lab, tmp_path):
    (tmp_path / "taken").write_text("a file")
    saving = SnapshotSaving(tmp_path / "taken" / "deeper" / "beam")
    diode = lab["photodiode"]
    problems = refused(snapshot([motor1, diode, diode], background=True, saving=saving))
    assert problems == [
        "the detector photodiode is there 2 times",
        f"the folder {tmp_path / 'taken' / 'deeper'} cannot be made: "
        f"{tmp_path / 'taken'} is no folder; give another",
    ]
    assert "expected a SnapshotSaving" in refused(snapshot([diode], saving="a.h5"))[0]


def test_a_background_is_taken_and_saved_beside_the_data(engine, lab, tmp_path):
    saving = SnapshotSaving(tmp_path / "beam.h5")
    engine(snapshot([lab["camera"]], background=True, saving=saving))
    names = []
    with h5py.File(saving.path) as file:
        file.visit(names.append)
    assert [name for name in names if name.endswith("Data2D/CH00/Bkg00")]


def test_without_a_saving_it_goes_where_all_runs_go(engine, lab, tmp_path):
    with PymodaqWriter(tmp_path) as writer:
        engine.subscribe(writer)
        engine(snapshot([lab["photodiode"]]))
        path = writer.path
    assert how_it_ended(path) == "success"


# ----------------------------------------------------------------------- background


def test_a_background_is_taken_in_the_dark_and_the_shutter_opened_again(engine, lab):
    camera, power = lab["camera"], lab["power"]
    before = power.position
    assert before > 0
    engine(take_background([camera], shutter=power, closed=0))
    assert power.position == before
    assert np.mean(camera.image_background.get()) == pytest.approx(10, abs=1)
    engine(drop_background([camera]))
    assert not camera.background.get()


def test_the_shutter_opens_again_when_the_camera_fails(engine, lab, monkeypatch):
    camera, power = lab["camera"], lab["power"]
    before = power.position

    def grab():
        raise OSError("no frame")

    monkeypatch.setattr(camera, "grab", grab)
    with pytest.raises(FailedStatus):
        engine(take_background([camera], shutter=power))
    assert power.position == before


def test_what_takes_no_background_is_refused_before_anything_moves(lab):
    plan = take_background([lab["camera"], motor1], shutter=lab["power"])
    with pytest.raises(PymoError, match=r"motor1: no background can be taken"):
        RunEngineSimulator().simulate_plan(plan)


# ----------------------------------------------------------------------- continuous


def test_each_start_begins_a_new_file_named_as_the_manual_says(engine, lab, tmp_path):
    saving = ContinuousSaving(tmp_path / "not" / "there", "Data")
    assert saving.path is None
    paths = []
    for _ in range(2):
        engine(continuous([lab["photodiode"]], num=2, saving=saving))
        paths.append(saving.path.relative_to(tmp_path / "not" / "there").as_posix())
    pattern = r"(\d{4})/(\1\d{4})/Data_\2_\d\d_\d\d_\d\d(_001)?\.h5"
    assert all(re.fullmatch(pattern, path) for path in paths)
    assert len(set(paths)) == 2


def test_the_current_path_can_be_read_while_it_goes_on(engine, lab, tmp_path):
    saving = ContinuousSaving(tmp_path)
    seen = []

    def look(name, doc):
        if name == "event":
            seen.append(saving.path.exists())

    engine(continuous([lab["photodiode"]], num=2, saving=saving), look)
    assert seen == [True, True]


def test_the_arrays_are_pymodaqs_enlargeable_ones(engine, lab, tmp_path):
    saving = ContinuousSaving(tmp_path)
    engine(continuous([lab["camera"]], num=3, saving=saving))
    found = {}
    with h5py.File(saving.path) as file:

        def note(name, node):
            if name.endswith("Data2D/CH00/EnlData00"):
                found[name] = (node.attrs["CLASS"], node.shape, node.maxshape[0])

        file.visititems(note)
    assert list(found.values()) == [(b"EARRAY", (3, 48, 64), None)]


def test_it_ends_by_time(engine, lab, tmp_path):
    saving = ContinuousSaving(tmp_path)
    engine(continuous([lab["photodiode"]], duration=0.2, period=0.05, saving=saving))
    (scan,) = open_dataset(saving.path).scans
    assert 1 <= len(scan.axes[0].values) <= 5


@pytest.mark.parametrize(
    ("ending", "status"), [("stop", "success"), ("abort", "abort"), ("halt", "abort")]
)
def test_it_ends_by_hand_and_the_file_says_how(engine, lab, tmp_path, ending, status):
    saving = ContinuousSaving(tmp_path)
    stop_when(engine, 3, lambda: engine.request_pause(defer=False))
    with pytest.raises(RunEngineInterrupted):
        engine(continuous([lab["photodiode"]], saving=saving))
    getattr(engine, ending)()
    (scan,) = open_dataset(saving.path).scans
    assert how_it_ended(saving.path) == status
    assert len(scan.axes[0].values) >= 3


def test_it_goes_on_after_a_pause_and_no_point_is_lost(engine, lab, tmp_path):
    saving = ContinuousSaving(tmp_path)
    stop_when(engine, 3, lambda: engine.request_pause(defer=True))
    documents = []
    with pytest.raises(RunEngineInterrupted):
        engine(
            continuous([lab["photodiode"]], num=6, saving=saving),
            lambda *pair: documents.append(pair),
        )
    engine.resume()
    (scan,) = open_dataset(saving.path).scans
    assert len(scan.axes[0].values) == 6
    assert [name for name, _ in replay(saving.path)] == [name for name, _ in documents]


def test_a_detector_that_fails_leaves_what_was_measured(
    engine, lab, tmp_path, monkeypatch
):
    saving, camera = ContinuousSaving(tmp_path), lab["camera"]
    good, frames = camera.grab, iter(range(9))

    def grab():
        if next(frames) == 4:
            raise OSError("no frame")
        return good()

    monkeypatch.setattr(camera, "grab", grab)
    with pytest.raises(FailedStatus):
        engine(continuous([camera], num=10, saving=saving))
    (scan,) = open_dataset(saving.path).scans
    assert how_it_ended(saving.path) == "fail"
    assert arrays_of(scan)["camera_image"].data.shape[0] == 4


def test_a_base_path_that_cannot_be_is_told(engine, lab, tmp_path):
    (tmp_path / "data").write_text("a file")
    saving, diode = ContinuousSaving(tmp_path / "data"), [lab["photodiode"]]
    for plan in (
        continuous(diode, num=1, saving=saving),
        timelapse(diode, 1, 0, saving=saving),
        log(diode, num=1, saving=saving),
    ):
        assert "cannot be made" in refused(plan)[0]
    with pytest.raises(WriteError, match="cannot be made"):
        engine(continuous(diode, num=1), saving)


@pytest.mark.parametrize("name", ["", "..", "/"])
def test_a_base_name_of_nothing_is_refused(tmp_path, name):
    with pytest.raises(PymoError, match="no file name"):
        ContinuousSaving(tmp_path, name)


# ------------------------------------------------------------------------ timelapse


def due_times(period, num, costs):
    """When each point begins, on a clock that only the plan and `costs` move."""
    from pymo_bluesky.plans.clock import rehearsed
    from pymo_bluesky.plans.pacing import paced

    clock, began, costs = [100.0], [], iter(costs)

    def shot():
        began.append(round(clock[0] - 100, 6))
        clock[0] += next(costs)
        yield from bps.null()

    with rehearsed(lambda: clock[0]):
        for msg in paced(shot, num=num, period=period):
            if msg.command == "sleep":
                clock[0] += msg.args[0]
    return began


def test_the_cost_of_a_point_does_not_add_up():
    assert due_times(1.0, 4, [0.3, 0.5, 0.1, 0.2]) == [0, 1, 2, 3]


def test_after_a_late_point_nothing_is_hurried():
    assert due_times(1.0, 4, [0.1, 2.5, 0.1, 0.1]) == [0, 1, 3.5, 4.5]


def test_a_timelapse_has_its_points_along_time(engine, lab, tmp_path):
    with PymodaqWriter(tmp_path) as writer:
        engine.subscribe(writer)
        engine(timelapse([lab["spectrometer"]], 4, 0.02))
        path = writer.path
    (scan,) = open_dataset(path).scans
    (axis,) = scan.axes
    assert (axis.label, axis.units, len(axis.values)) == ("time", "s", 4)
    assert np.all(np.diff(axis.values) > 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"num": 0}, "num is 0"),
        ({"num": 2.5}, "num is 2.5"),
        ({"duration": -1}, "duration is -1"),
        ({"period": -0.1}, "period is -0.1"),
        ({"num": "ten"}, "num is 'ten'"),
        ({"duration": math.inf}, "duration is inf"),
    ],
)
def test_numbers_that_cannot_be_are_refused(lab, arguments, told):
    with pytest.raises(PymoError, match=re.escape(told)):
        list(continuous([lab["photodiode"]], **arguments))


def test_no_detector_or_one_twice_is_refused(lab):
    with pytest.raises(PymoError, match="no detector is given"):
        list(continuous([]))
    with pytest.raises(PymoError, match="the detector photodiode is there 2 times"):
        list(snapshot([lab["photodiode"]] * 2))


# ---------------------------------------------------------------------- PyMoDAQ judges


@pytest.mark.oracle
@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_opens_what_was_saved(engine, lab, tmp_path, pymodaq5, backend):
    camera = lab["camera"]
    single = SnapshotSaving(tmp_path / "beam.h5", picture=False)
    engine(snapshot([camera], background=True, saving=single))
    endless = ContinuousSaving(tmp_path)
    engine(continuous([camera], num=3, saving=endless))
    for path, points in ((single.path, 1), (endless.path, 3)):
        found = nodes(check(pymodaq5, path, backend)).values()
        assert [points, 48, 64] in [node.get("shape") for node in found]
