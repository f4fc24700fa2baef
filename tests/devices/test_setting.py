"""A setting is configuration that a plan changes and a limit protects."""

import datetime
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import event_model
import numpy as np
import pytest
from ophyd import Component as Cpt
from ophyd import Device
from ophyd.utils import LimitError, ReadOnlyError

from pymo_bluesky.devices import Channel, Detector0D, DeviceError, Setting

DAY = datetime.datetime(2026, 11, 22).timestamp()


class Amplifier(Device):
    gain = Cpt(Setting, value=10.0, units="dB", limits=(0, 60))
    mode = Cpt(Setting, value="slow", type="list", limits=["slow", "fast"])


class Meter(Detector0D):
    voltage = Cpt(Channel, units="V")
    amplifier = Cpt(Amplifier)
    averages = Cpt(Setting, value=4, title="Number of averages")
    remote = Cpt(Setting, value=True, path="main_settings/remote")
    firmware = Cpt(Setting, value="1.2", readonly=True)
    table = Cpt(Setting, value=np.zeros((2, 3)), type="table")

    def grab(self):
        return {"voltage": self.amplifier.gain.get() / 10}


@pytest.fixture
def meter():
    return Meter(name="meter")


def test_settings_are_configuration_and_no_reading(meter):
    assert set(meter.read()) == {"meter_voltage"}
    assert set(meter.read_configuration()) == {
        "meter_amplifier_gain",
        "meter_amplifier_mode",
        "meter_averages",
        "meter_remote",
        "meter_firmware",
        "meter_table",
        "meter_naverage",  # of every detector
        "meter_background",
    }


def test_the_place_in_the_device_is_the_place_in_the_tree(meter):
    keys = meter.describe_configuration()
    assert keys["meter_amplifier_gain"]["pymodaq"] == {
        "role": "setting",
        "path": "detector_settings/amplifier/gain",
        "type": "float",
        "title": "Gain",
        "limits": [0, 60],
    }
    assert keys["meter_amplifier_gain"]["units"] == "dB"
    assert keys["meter_remote"]["pymodaq"]["path"] == "main_settings/remote"
    assert keys["meter_averages"]["pymodaq"]["title"] == "Number of averages"
    assert keys["meter_firmware"]["pymodaq"]["readonly"] is True
    types = {key: entry["pymodaq"]["type"] for key, entry in keys.items()}
    assert types == {
        "meter_amplifier_gain": "float",
        "meter_amplifier_mode": "list",
        "meter_averages": "int",
        "meter_remote": "bool",
        "meter_firmware": "str",
        "meter_table": "table",
        "meter_naverage": "int",
        "meter_background": "bool",
    }


def test_a_plan_changes_a_setting_and_the_next_run_tells(engine, run, meter):
    engine(bps.mv(meter.amplifier.gain, 20, meter.amplifier.mode, "fast"))
    engine(bp.count([meter]))
    data = run.descriptor["configuration"]["meter"]["data"]
    assert (data["meter_amplifier_gain"], data["meter_amplifier_mode"]) == (20, "fast")
    assert run.column("meter_voltage") == [2.0]


@pytest.mark.parametrize(
    ("setting", "value", "error", "told"),
    [
        ("amplifier.gain", 61, LimitError, "61.0 dB is not within 0 and 60 dB"),
        ("amplifier.gain", float("nan"), LimitError, "nan dB is not within"),
        ("amplifier.gain", "20", DeviceError, "'20' is no float"),
        ("amplifier.mode", "odd", LimitError, "'odd' is none of ['slow', 'fast']"),
        ("averages", 2.5, DeviceError, "2.5 is no int: expected a whole number"),
        ("remote", 7, DeviceError, "7 is no bool"),
        ("firmware", "9", ReadOnlyError, "meter_firmware is read only"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(
    engine, meter, setting, value, error, told
):
    signal = getattr(meter, setting)
    before = signal.get()
    with pytest.raises(error) as caught:
        engine(bps.mv(signal, value))
    assert told in str(caught.value)
    assert signal.get() == before


def test_a_setting_that_is_hinted_is_read_at_each_event(engine, run, meter):
    meter.averages.kind = "hinted"
    engine(bp.count([meter], 2))
    assert run.column("meter_averages") == [4, 4]


def test_a_value_beyond_its_own_limits_cannot_be_declared():
    with pytest.raises(LimitError, match="gain: 5"):
        Setting(name="gain", value=5, limits=(0, 1))


@pytest.mark.parametrize(
    ("type_", "value", "held", "documented"),
    [
        ("color", (255, 0, 10), [255, 0, 10], [255, 0, 10]),
        ("date", datetime.date(2026, 11, 22), DAY, DAY),
        ("date", datetime.datetime(2026, 11, 22, 9, 30), DAY, DAY),
        ("date_time", datetime.datetime(2026, 11, 22), DAY, DAY),
        ("date_time", DAY, DAY, DAY),
        ("time", datetime.time(9, 30), "09:30:00", "09:30:00"),
        ("time", "09:30", "09:30:00", "09:30:00"),
        ("itemselect", ("a", "b"), ["a", "b"], ["a", "b"]),
        ("table", {"Li": 6.94}, {"Li": 6.94}, '{"Li": 6.94}'),
        ("browsepath", Path("/lab/data"), "/lab/data", "/lab/data"),
        ("slide", 3, 3.0, 3.0),
        ("led", 1, True, True),
        ("text", "two\nlines", "two\nlines", "two\nlines"),
    ],
)
def test_each_type_holds_its_values(type_, value, held, documented):
    setting = Setting(name="s", value=value, type=type_)
    assert setting.get() == held
    assert setting.read()["s"]["value"] == documented
    about = setting.describe()["s"]
    event_model.schema_validators[event_model.DocumentNames.descriptor].validate(
        {"uid": "u", "time": 0.0, "run_start": "r", "data_keys": {"s": about}}
    )
    assert about["shape"] == list(np.shape(documented))
    setting.put(setting.get())
    assert setting.get() == held


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("color", (256, 0, 0)),
        ("color", "red"),
        ("date", "tomorrow"),
        ("date_time", "2026-11-22"),
        ("time", "half past nine"),
        ("itemselect", "a"),
        ("itemselect", [1]),
        ("table", {"Li": [6, 7]}),
        ("table", "{"),
        ("table", [1, 2]),
        ("browsepath", 3),
    ],
)
def test_a_value_of_another_type_is_refused(type_, value):
    with pytest.raises(DeviceError, match=f"is no {type_}"):
        Setting(name="s", value=value, type=type_)


def test_the_type_is_taken_from_the_value():
    values = [datetime.date(2026, 1, 1), datetime.time(9), Path("a"), {"a": 1}]
    types = [Setting(name="s", value=value).parameter_type for value in values]
    assert types == ["date", "time", "browsepath", "table"]


def test_only_what_can_be_chosen_is_selected():
    channels = Setting(name="c", value=["a"], type="itemselect", limits=["a", "b"])
    channels.put(["a", "b"])
    with pytest.raises(LimitError, match=r"c: \['z'\] are not all of \['a', 'b'\]"):
        channels.put(["z"])


def test_a_group_is_a_device():
    with pytest.raises(DeviceError, match=r"ophyd\.Device whose components"):
        Setting(name="cooling", value="", type="group")
