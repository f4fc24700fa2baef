"""ophyd-async devices: step and fly scans, written, linked, replayed, shown."""

import re
import sys
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from extras import needs
from oracle.judge import BACKENDS, check, nodes

from pymo_bluesky import PymodaqWriter, open_dataset, replay
from pymo_bluesky.instrument import load_devices
from pymo_bluesky.replaying.comparing import differences

pytestmark = pytest.mark.extras

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "ophyd-async.md"
POINTS = 5


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.S)
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The motor and the detector of the how-to page, in the loop of a RunEngine."""
    needs("ophyd_async.sim", "async")
    folder = tmp_path_factory.mktemp("async")
    (folder / "frames").mkdir()
    text = block("yaml").replace("/data/frames", str(folder / "frames"))
    (folder / "room.yml").write_text(text)
    (folder / "my_lab.py").write_text(block("python"))
    engine = RunEngine({}, context_managers=[])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        devices = load_devices(folder / "room.yml")
        yield engine, devices, folder
    sys.modules.pop("my_lab", None)


def fly(detector, motor):
    """Let the detector take its images by itself, while the motor goes along."""
    from ophyd_async.core import TriggerInfo

    @bpp.stage_decorator([detector, motor])
    @bpp.run_decorator(md={"plan_name": "fly"})
    def inner():
        info = TriggerInfo(number_of_events=POINTS, livetime=0.01, deadtime=0.01)
        yield from bps.prepare(detector, info, wait=True)
        yield from bps.declare_stream(detector, name="primary", collect=True)
        yield from bps.kickoff(detector, wait=True)
        yield from bps.complete(detector, group="done")
        yield from bps.abs_set(motor, 1.0, group="move")
        done = False
        while not done:
            try:
                yield from bps.wait("done", timeout=0.2)
                done = True
            except TimeoutError:
                done = False
            yield from bps.collect(detector, name="primary")
        yield from bps.wait("move")

    return inner()


PLANS = {
    "step": lambda devices: bp.scan([devices.blob], devices.stage, 0, 1, POINTS),
    "fly": lambda devices: fly(devices.blob, devices.stage),
}


@pytest.fixture(scope="module", params=PLANS)
def run(request, lab):
    """A run of each way: the plan, the dataset, the documents, the detector's file."""
    engine, devices, folder = lab
    before = set((folder / "frames").glob("*.h5"))
    documents = []
    with PymodaqWriter(folder / request.param) as writer:
        tokens = [
            engine.subscribe(writer),
            engine.subscribe(lambda *pair: documents.append(pair)),
        ]
        engine(PLANS[request.param](devices))
        for token in tokens:
            engine.unsubscribe(token)
        assert not writer.status.problems
        path = writer.path
    (file,) = set((folder / "frames").glob("*.h5")) - before
    return request.param, path, documents, file


def test_the_documents_refer_to_the_file(run):
    plan, _, documents, _ = run
    names = [name for name, _ in documents]
    assert "stream_resource" in names
    assert "stream_datum" in names
    assert ("event" in names) == (plan == "step")


def test_the_images_are_linked_not_copied(run):
    _, path, _, file = run
    with h5py.File(file) as frames:
        expected = frames["/entry/data/data"][()]
    assert expected.shape == (POINTS, 240, 320)
    (module,) = open_dataset(path, external=True).scans[0].detectors
    (image,) = [
        array.data
        for channel in module.channels
        for array in channel.arrays
        if array.label == "blob"
    ]
    np.testing.assert_array_equal(np.squeeze(image[...]), expected)
    assert path.stat().st_size < expected.nbytes / 2


def test_what_replays_is_what_came(run):
    _, path, documents, _ = run
    assert list(differences(documents, list(replay(path)))) == []


def test_the_motor_of_a_step_scan_is_an_actuator(run):
    plan, path, _, _ = run
    scan = open_dataset(path).scans[0]
    if plan == "fly":  # no document tells where a flown motor was
        assert scan.actuators == ()
        return
    assert [module.title for module in scan.actuators] == ["stage"]
    assert scan.axes[0].units == "mm"
    np.testing.assert_allclose(scan.axes[0].values, np.linspace(0, 1, POINTS))


@pytest.mark.oracle
@pytest.mark.parametrize("backend", BACKENDS)
def test_pymodaq_opens_what_was_stepped_and_flown(run, pymodaq5, backend):
    _, path, _, _ = run
    verdict = check(pymodaq5, path, backend)
    images = [
        node
        for node in nodes(verdict).values()
        if "blob" in node.get("labels", ()) and node["shape"][-2:] == [240, 320]
    ]
    assert [image["shape"] for image in images] == [[POINTS, 240, 320]]
