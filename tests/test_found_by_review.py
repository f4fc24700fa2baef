"""What readers of the code, and users of it, found: each stays mended."""

import contextlib
import os

import h5py
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky import preprocessors as bpp
from bluesky.utils import IllegalMessageSequence
from corpus import load, stream
from exactness import assert_same_documents

from pymo_bluesky import (
    PymodaqWriter,
    convert,
    export,
    open_dataset,
    replay,
    validate,
    verify,
)
from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.errors import FormatError
from pymo_bluesky.layouts.units import loadable_units
from pymo_bluesky.plans.reasons import why_wrapper


def test_a_scan_comes_in_beside_plots_of_one_that_was_taken_away(tmp_path):
    first, second, third = (load(stream(name)) for name in ("p02", "p05", "p11"))
    with PymodaqWriter(tmp_path, nexus=True, renew="never") as writer:
        for document in [*first, *second]:
            writer(*document)
    with h5py.File(writer.path, "r+") as file:
        del file["RawData/Scan001"]
    with PymodaqWriter(tmp_path, append_to=writer.path, nexus=True) as again:
        for document in third:
            again(*document)
    assert_same_documents(third, replay(writer.path, scan="Scan001"))
    with h5py.File(writer.path) as file:
        shown = file["entry"].attrs["default"]
        shown = shown.decode() if isinstance(shown, bytes) else shown
        plot = file["entry"][shown]
        assert file["entry"].attrs["default"] != b"Scan001"
        assert plot[plot.attrs["signal"]].shape[0] == len(
            [1 for name, _ in third if name == "event"]
        )


def test_a_stopped_count_is_no_spread_scan_of_one_position(tmp_path):
    def documents():
        from event_model import compose_run

        run = compose_run(metadata={"plan_name": "count", "num_points": 6})
        yield "start", run.start_doc
        key = {"source": "lab", "dtype": "number", "shape": []}
        stream = run.compose_descriptor(name="primary", data_keys={"a": key})
        yield "descriptor", stream.descriptor_doc
        for n in range(3):
            yield (
                "event",
                stream.compose_event(data={"a": n}, timestamps={"a": float(n)}),
            )
        yield "stop", run.compose_stop(exit_status="abort")

    (path,) = export(documents(), tmp_path, "a", layout="pymodaq3")["pymodaq"]
    assert not [p for p in validate(path) if "position twice" in p.message]


@pytest.mark.parametrize("units", ["J/(kg*K)", "W/(m^2 sr)", "V/Hz**(1/2)", "(m/s)"])
def test_units_in_parentheses_stay(units):
    assert loadable_units(units) == units


@pytest.mark.parametrize("units", ["()", "(m", "m)", "(1e3)", "(counts/)"])
def test_what_is_no_unit_in_parentheses_does_not(units):
    assert loadable_units(units) == ""


def stops_of(plan):
    engine, stops = RunEngine({}, context_managers=[]), []
    engine.preprocessors.append(why_wrapper)
    engine.subscribe(lambda _, doc: stops.append(doc), "stop")
    with pytest.raises(Exception, match="no beam"):
        engine(plan)
    return stops


def test_an_error_that_was_dealt_with_is_not_why_another_run_failed():
    def failing(words):
        raise RuntimeError(words)
        yield

    def plan():
        with contextlib.suppress(RuntimeError):
            yield from bpp.run_wrapper(failing("motor stuck"))
        yield from bpp.run_wrapper(failing("no beam"))

    assert [stop["reason"] for stop in stops_of(plan())] == ["motor stuck", "no beam"]


def test_a_reason_that_a_plan_gives_itself_stays():
    def plan():
        yield from bps.open_run()
        try:
            yield from bps.null()
            yield from bps.drop()  # refused
        except IllegalMessageSequence:
            yield from bps.close_run("abort", "operator: sample moved")
        raise ValueError("no beam")

    assert stops_of(plan())[0]["reason"] == "operator: sample moved"


def test_who_watches_an_actuator_is_told_of_moves_and_not_of_reading_it():
    x, _, _, photodiode, *_ = simulated_lab(actuators={"x": {"velocity": 1000.0}})
    engine, events = RunEngine({}, context_managers=[]), []
    engine.subscribe(lambda _, doc: events.append(doc), "event")
    scan = bp.scan([photodiode], x, -1, 1, 5)
    engine(bpp.monitor_during_wrapper(scan, [x.readback]))
    told: list[float] = []
    x.readback.subscribe(lambda value, **_: told.append(value), run=False)
    for _ in range(5):
        x.read()
    assert told == []
    assert 5 < len(events) < 200


def test_convert_does_not_seal_what_is_not_as_it_was_written(tmp_path):
    (path,) = export(load(stream("p11")), tmp_path, "a")["pymodaq"]
    with h5py.File(path) as file:
        found: list[int] = []
        file["RawData/Scan000"].visititems(
            lambda name, node: (
                found.append(node.id.get_offset())
                if "Data1D" in name and isinstance(node, h5py.Dataset)
                else None
            )
        )
    offset = next(place for place in found if place)
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(offset)
        file.write(os.urandom(8))
    assert verify(path)
    with pytest.raises(FormatError, match="not as it was written"):
        convert(path, tmp_path / "b.h5", "pymodaq3", isolated=False)
    assert not (tmp_path / "b.h5").exists()
    (result,) = convert(
        path, tmp_path / "b.h5", "pymodaq3", isolated=False, partial=True
    )
    assert [problem for problem in result.problems if problem.severity == "error"]
    assert len(open_dataset(tmp_path / "b.h5").scans) == 1
