"""What devices declare is what PyMoDAQ shows: settings, panels, Bkg, error bars."""

import datetime
import json
import os
import subprocess
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from ophyd import Component as Cpt
from ophyd import Device
from oracle.environments import (
    PYMODAQ5_GUI,
    OracleMissingError,
    python_of,
    scratch_env,
)
from oracle.judge import BACKENDS, check

from pymo_bluesky import PymodaqWriter, open_dataset, replay
from pymo_bluesky.devices import Axis, Channel, DetectorND, ErrorBars, Setting

pytestmark = pytest.mark.oracle

DAY = datetime.datetime(2026, 11, 22).timestamp()
SCRIPT = Path(__file__).parent / "check_settings.py"


class Sorts(Device):
    """A group with a setting of each of PyMoDAQ's types."""

    a_float = Cpt(Setting, value=0.25, units="s", limits=(0, 10))
    an_int = Cpt(Setting, value=3)
    a_bool = Cpt(Setting, value=True)
    a_push = Cpt(Setting, value=False, type="bool_push")
    a_led = Cpt(Setting, value=True, type="led", readonly=True)
    a_led_push = Cpt(Setting, value=False, type="led_push")
    a_str = Cpt(Setting, value="é")
    a_text = Cpt(Setting, value="one\ntwo", type="text")
    a_list = Cpt(Setting, value="slow", type="list", limits=["slow", "fast"])
    a_date = Cpt(Setting, value=datetime.date(2026, 11, 22))
    a_moment = Cpt(Setting, value=DAY + 3600, type="date_time")
    a_time = Cpt(Setting, value=datetime.time(9, 30))
    a_color = Cpt(Setting, value=(255, 0, 10, 255), type="color")
    a_slide = Cpt(Setting, value=50, type="slide", limits=(0, 100))
    a_choice = Cpt(Setting, value=["a"], type="itemselect", limits=["a", "b"])
    a_path = Cpt(Setting, value=Path("/lab/data"))
    a_table = Cpt(Setting, value={"Li": 6.94, "unit": "u"})


class Spectrograph(DetectorND):
    """Two spectra with error bars, an image, and every sort of setting."""

    spectrum = Cpt(Channel, dimension=1, units="counts")
    reference = Cpt(Channel, dimension=1, units="counts")
    spectrum_error = Cpt(ErrorBars, of="spectrum")
    reference_error = Cpt(ErrorBars, of="reference")
    image = Cpt(Channel, dimension=2)
    wavelength = Cpt(
        Axis, index=0, value=[5.0, 6, 7, 8], units="nm", of=("spectrum", "reference")
    )
    sorts = Cpt(Sorts)

    def grab(self):
        image = np.arange(12.0).reshape(3, 4)
        return {"spectrum": image[0], "reference": image[1], "image": image}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A run in which a background was taken and three measurements averaged."""
    device = Spectrograph(
        name="s",
        rois=[
            {"type": "LinearROI", "position": [5, 7], "use_channel": "reference"},
            {"type": "EllipseROI", "position": [2, 2], "size": [2, 2], "angle": 30},
        ],
    )
    writer = PymodaqWriter(tmp_path_factory.mktemp("data"))
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(writer)
    engine(bps.mv(device.naverage, 3))
    engine(bps.mv(device.background, True))
    documents = []
    engine(bp.count([device], 4), lambda *pair: documents.append(pair))
    path = writer.path
    writer.close()
    assert [name for name, _ in replay(path)] == [name for name, _ in documents]
    return path


@pytest.mark.parametrize("backend", BACKENDS)
def test_panels_error_bars_and_backgrounds_are_where_pymodaq_looks(
    pymodaq5, dataset, backend
):
    verdict = check(pymodaq5, dataset, backend)
    kinds = {}
    for node in verdict["nodes"]:
        channel, name = node["path"].split("/")[-2:]
        kinds.setdefault((node["path"].split("/")[-3], channel), []).append(name)
    lines = [sorted(names) for (kind, _), names in kinds.items() if kind == "Data1D"]
    assert lines == [
        [
            *("Axis00", "Bkg00", "Bkg01", "Data00", "Data01"),
            *("ErrorBar00", "ErrorBar01"),
        ]
    ]
    images = [sorted(names) for (kind, _), names in kinds.items() if kind == "Data2D"]
    assert images == [["Bkg00", "Data00"]]


@pytest.fixture(scope="module")
def shown(dataset, tmp_path_factory):
    """The detector's settings, as PyMoDAQ 5's own window holds them."""
    home = tmp_path_factory.mktemp("pymodaq-home")
    try:
        python = python_of(PYMODAQ5_GUI, home)
    except OracleMissingError as error:
        if os.environ.get("PYMO_REQUIRE_ORACLES"):
            pytest.fail(f"oracle demanded, but: {error}", pytrace=False)
        pytest.skip(f"no oracle: {error}")
    (detector,) = open_dataset(dataset).scans[0].detectors
    (home / "settings.xml").write_bytes(detector.settings_xml)
    done = subprocess.run(
        [python, "-W", "ignore", SCRIPT, home / "settings.xml"],
        capture_output=True,
        text=True,
        timeout=120,
        env=scratch_env(home),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (lines,) = json.loads(done.stdout.strip().splitlines()[-1]).values()
    return lines


EXPECTED = {
    "a_float": ("float", 0.25),
    "an_int": ("int", 3),
    "a_bool": ("bool", True),
    "a_push": ("bool_push", False),
    "a_led": ("led", True),
    "a_led_push": ("led_push", False),
    "a_str": ("str", "é"),
    "a_text": ("text", "one\ntwo"),
    "a_list": ("list", "slow"),
    "a_moment": ("date_time", DAY + 3600),
    "a_time": ("str", "09:30:00"),  # PyMoDAQ's XML has no time of day
    "a_color": ("color", [255, 0, 10, 255]),
    "a_slide": ("slide", 50),
    "a_choice": ("itemselect", {"all_items": ["a", "b"], "selected": ["a"]}),
    "a_path": ("browsepath", "/lab/data"),
    "a_table": ("table", {"Li": 6.94, "unit": "u"}),
}


def test_pymodaq_shows_every_type_with_its_value(shown):
    group = "/daq_viewer_settings/detector_settings/sorts"
    found = {
        name: (shown[f"{group}/{name}"]["type"], shown[f"{group}/{name}"]["value"])
        for name in EXPECTED
    }
    assert found == EXPECTED
    assert shown[f"{group}/a_date"]["type"] == "date"
    assert "2026, 11, 22" in shown[f"{group}/a_date"]["value"]


def test_pymodaq_shows_the_averages_and_the_regions_by_viewer(shown):
    main = "/daq_viewer_settings/main_settings"
    assert shown[f"{main}/Naverage"]["value"] == 3
    assert shown[f"{main}/background"]["value"] is True
    line = shown["/ROI_Viewer_00/roi_parameters/rois/ROI_00/use_channel"]["value"]
    assert line["selected"] == ["s_reference"]
    ellipse = "/ROI_Viewer_01/roi_parameters/rois/ROI_01"
    assert shown[ellipse]["centre"] == pytest.approx([2, 2])
    assert shown[f"{ellipse}/angle"]["value"] == 30
