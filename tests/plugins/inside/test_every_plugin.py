"""Each simulated plugin that is installed, in a plan; and those that cannot be.

The list says what each plugin needs to run, and why those that fail do: plugins that
come new, or work again, are to be entered.
"""

import pytest
from bluesky import plans as bp
from ophyd.sim import det

from pymo_bluesky.devices.plugins import PluginError, find_plugins

PACKAGES = ("pymodaq-plugins-mock", "pymodaq-plugins-mockexamples")
#: Settings to begin with; the plugin that has to be there first, as PyMoDAQ's master.
NEEDS = {
    # Its noise is above its epsilon.
    "DAQ_Move_MockComplexSignal": ({"epsilon": 1.0}, ""),
    "DAQ_Move_MockRandom": ({}, "DAQ_0DViewer_MockRandom"),
    "DAQ_0DViewer_MockTempController": ({}, "DAQ_Move_MockTempController"),
}
#: Made to fail by their authors (mockexamples 5.3.8), to try PyMoDAQ.
MEANT_TO_FAIL = {
    "DAQ_Move_BSPiezoMirrorRunTimeError": "RuntimeError('Testing Purpose')",
    "DAQ_Move_BSPiezoMirrorTimeout": "took more than",
    "DAQ_Move_BSPiezoMirrorUninitializing": "OSError('Testing Purpose')",
}
#: Errors of the plugins themselves; PyMoDAQ 5.3.8 cannot run these either.
BROKEN = {
    # pymodaq-plugins-mock 5.3.0 uses a function that pymodaq-utils has no more.
    "DAQ_NDViewer_Mock": "no attribute 'gauss2D'",
    # An array without dimension, which pymodaq-data 5.3.0 refuses.
    "DAQ_0DViewer_MockAdaptive": "non-empty numpy arrays",
}
#: Not tried.
LEFT_OUT = {
    "DAQ_Move_LECODirector": "needs a LECO coordinator in the network",
    "DAQ_0DViewer_LECODirector": "needs a LECO coordinator in the network",
    "DAQ_1DViewer_LECODirector": "needs a LECO coordinator in the network",
    "DAQ_2DViewer_LECODirector": "needs a LECO coordinator in the network",
    "DAQ_NDViewer_MockEvents": "gives data, then waits for ever in its close()",
}
ALL = {plugin.name: plugin for plugin in find_plugins() if plugin.package in PACKAGES}
RUNNING = sorted(set(ALL) - {*MEANT_TO_FAIL, *BROKEN, *LEFT_OUT})


def test_none_is_forgotten():
    assert set(ALL) >= {*MEANT_TO_FAIL, *BROKEN, *LEFT_OUT, *NEEDS}
    assert len(RUNNING) >= 29


@pytest.mark.parametrize("name", RUNNING)
def test_it_runs_in_a_plan(name, build, engine, run):
    settings, master = NEEDS.get(name, ({}, ""))
    options = {"settings": settings, "controller": "shared"}
    if master:
        build(master, name="master", controller="shared")
    device = build(name, name="device", **options)
    if ALL[name].kind == "actuator":
        here = device.position
        step = 0 if "TempController" in name else 1
        engine(bp.scan([det], device, here, here + step, 2))
        assert abs(device.setpoint.get() - here - step) < 1e-9
        assert set(run.keys) >= {"device", "device_setpoint"}
    else:
        engine(bp.count([device], 2))
        assert len(run.of("event")) == 2
    assert run.of("stop")[-1]["exit_status"] == "success"
    assert (
        "device_settings_controller_controller_ID"
        in run.configuration("device")["data"]
    )


@pytest.mark.parametrize(("name", "words"), [*MEANT_TO_FAIL.items(), *BROKEN.items()])
def test_what_cannot_run_says_why(name, words, build):
    with pytest.raises(PluginError) as failed:
        build(name, name="device", answer_timeout=1.0)
    assert words in str(failed.value)
