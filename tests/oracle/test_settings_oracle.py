"""PyMoDAQ 5.3 and 3.6 read, build and show the settings written here, values equal."""

import json
import math
import os
import subprocess
from pathlib import Path

import pytest
from oracle.environments import (
    PYMODAQ5_GUI,
    PYMODAQ36,
    OracleMissingError,
    python_of,
    scratch_env,
)

from pymo_bluesky.settings import (
    Parameter,
    Roi,
    SettingEntry,
    from_xml,
    module_settings,
    plain_settings,
    to_xml,
)

pytestmark = pytest.mark.oracle

SCRIPT = Path(__file__).parent / "check_settings.py"
ENVIRONMENTS = {"pymodaq5": PYMODAQ5_GUI, "pymodaq3": PYMODAQ36}


class SettingsJudge:
    """One PyMoDAQ, asked about settings of its own dialect."""

    def __init__(self, dialect, python, home):
        self.dialect = dialect
        self.python = python
        self.home = home

    def shows(self, *documents):
        """Of each document, its parameters by path; fails at any complaint."""
        paths = [self.home / f"{place}.xml" for place in range(len(documents))]
        for path, data in zip(paths, documents, strict=True):
            path.write_bytes(data)
        done = subprocess.run(
            [self.python, "-W", "ignore", SCRIPT, *paths],
            capture_output=True,
            text=True,
            timeout=120,
            env=scratch_env(self.home),
        )
        assert done.stdout.strip(), done.stderr[-2000:]
        verdict = json.loads(done.stdout.strip().splitlines()[-1])
        assert done.returncode == 0, verdict
        return [verdict[str(path)] for path in paths]


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def judge(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("pymodaq-home")
    try:
        python = python_of(ENVIRONMENTS[request.param], home)
    except OracleMissingError as error:
        if os.environ.get("PYMO_REQUIRE_ORACLES"):
            pytest.fail(f"oracle demanded, but: {error}", pytrace=False)
        pytest.skip(f"no oracle: {error}")
    return SettingsJudge(request.param, python, home)


# Values that PyMoDAQ must hold as they are, by type.
EQUAL = {
    "float": [0.1, -1e-9, 3.0, 12, math.inf, math.nan],
    "int": [0, -5, 2**40],
    "bool": [True, False],
    "led": [True, False],
    "bool_push": [True],
    "str": ["plain", "é µ 中", 'it\'s "quoted" <&>', "C:\\Data\\x"],
    "text": ["one\ntwo"],
    "list": ["a", "it's", 3, 0.5, True, None, "C:\\Data"],
    "color": [[255, 0, 10, 255]],
    "date_time": [1795364005.0],
    "slide": [50, 0.5],
    "browsepath": ["/home/lab/data"],
    "itemselect": [{"all_items": ["a", "b'c"], "selected": ["a"]}],
    "table": [{"ROI_00": 0.5, "b": "text"}],
}


def test_every_type_shows_the_value_that_was_written(judge):
    pairs = [(type_, value) for type_, values in EQUAL.items() for value in values]
    lines = tuple(
        Parameter(name=f"p{place}", type=type_, value=value)
        for place, (type_, value) in enumerate(pairs)
    )
    (shown,) = judge.shows(to_xml(Parameter(name="g", children=lines), judge.dialect))
    assert len(shown) == len(pairs)
    for place, (type_, value) in enumerate(pairs):
        line = shown[f"/p{place}"]
        assert line["type"] == type_
        same = line["value"] == value or math.isnan(value)
        assert same, (type_, value, line)


AWKWARD = [
    *(None, True, 0, 2**60, 10**400, math.nan, -math.inf, 1 + 2j),
    *("", "abc", "a\nb", "nul\0bell\7\r\n", b"\0\xff", "x" * 40_000),
    *([1, [2, math.nan]], (), {"a": {1: None}}, [300, 0, 0], {"all_items": "x"}),
]
TYPES = [
    *(*EQUAL, "table_view", "action", "action_led", "multistate_led", "group"),
    *("roi_group", "scalable_roigroup_parameter", "progress", "pixmap", "date"),
    *("checklist", "font", "groupmock", "no such type", ""),
]
LIMITS = [None, [0, 0], [math.nan, 1], {"a": "b"}, "f(x)", [None, "z"]]


def awkward_tree(code):
    """Every type with every awkward value and limit, and code wherever it may stand."""
    values = [*AWKWARD, code]
    lines = [
        Parameter(
            name=f"{type_} {place}",
            type=type_,
            value=value,
            limits=LIMITS[place % len(LIMITS)],
            units="µm" if place % 2 else "",
        )
        for type_ in TYPES
        for place, value in enumerate(values)
    ]
    names = ("with space", "with_space", "é", "1st", "a:b", "", "a\0b", "xml")
    lines += [Parameter(name=name, type="int", value=1) for name in names]
    attributes = ("addList", "addText", "detlist", "movelist", "states", "expanded")
    lines += [Parameter(name=name, extra={name: code}) for name in attributes]
    lines.append(Parameter(name="lim", type="list", value=code, limits={"a": code}))
    return Parameter(name="All_settings", children=tuple(lines))


@pytest.mark.slow
def test_no_value_makes_the_tree_unreadable_and_none_is_run(judge, tmp_path):
    canary = tmp_path / "canary"
    tree = awkward_tree(f"__import__('pathlib').Path({str(canary)!r}).touch()")
    (shown,) = judge.shows(to_xml(tree, judge.dialect))
    assert len(shown) == len(tree.children)
    assert not canary.exists()


ROIS = [
    Roi(
        name="ROI_00",
        position=(5.0, 3.0),
        size=(4.0, 2.0),
        angle=30.0,
        use_channel=("cam",),
        math_function="sum",
    ),
    Roi(name="ROI_01", roi_type="EllipseROI", size=(1.0, 1.0), enabled=False),
    Roi(name="ROI_00", roi_type="LinearROI", position=(1.5, 2.5), viewer=1),
]


def test_a_detector_is_shown_with_its_settings_and_rois(judge):
    entries = [
        SettingEntry(path="exposure", value=0.25, units="s", limits=[0, 10]),
        SettingEntry(path="trigger", value="Ext", limits=["Int", "Ext"]),
        SettingEntry(path="sensor/size", value=(640, 480)),
    ]
    (shown,) = judge.shows(
        module_settings("detector", "Camé", entries, ROIS, judge.dialect)
    )
    five = judge.dialect == "pymodaq5"
    module = "/daq_viewer_settings" if five else "/Settings"
    block = "/ROI_Viewer_00/roi_parameters/rois"
    line = "/ROI_Viewer_01/roi_parameters/rois/ROI_00/position/y"
    if not five:
        block = "/Viewer0_ROI_settings/rois_settings/ROIs"
        line = "/Viewer1_ROI_settings/rois_settings/ROIs/ROI_00/position/right"
    own = f"{module}/detector_settings"
    expected = {
        f"{module}/main_settings/module_name": "Camé",
        f"{own}/exposure": 0.25,
        f"{own}/trigger": "Ext",
        f"{own}/sensor/size": "(640, 480)",
        f"{block}/ROI_00/math_function": "sum" if five else "Sum",
        f"{block}/ROI_00/angle": 30.0,
        f"{block}/ROI_00/size/width": 4.0,
        f"{block}/ROI_00/position/x": 5.0 if five else ROIS[0].corner[0],
        f"{block}/ROI_01/roi_type": "EllipseROI",
        line: 2.5,
    }
    assert {path: shown[path]["value"] for path in expected} == expected
    if five:  # PyMoDAQ 3 makes its ROIs in a viewer only
        drawn = shown[f"{block}/ROI_00"]["centre"]
        assert drawn == pytest.approx([5.0, 3.0])
        assert shown[line.removesuffix("/position/y")]["centre"] == [2.0]


def test_an_actuator_and_a_document_are_shown(judge):
    entry = SettingEntry(path="move_settings/units", value="°")
    document = {"uid": "u", "plan_args": {"num": 3, "args": ["m", -1, 1]}, "when": 1.5}
    theta, start = judge.shows(
        module_settings("actuator", "Theta", [entry], (), judge.dialect),
        plain_settings("start", document, judge.dialect),
    )
    five = judge.dialect == "pymodaq5"
    own = "/daq_move_settings/actuator_settings" if five else "/move_settings"
    assert theta[f"{own}/units"]["value"] == "°"
    assert start["/start/plan_args/num"] == {"type": "int", "value": 3}
    assert start["/start/plan_args/args"]["value"] == "['m', -1, 1]"


def test_the_settings_of_every_generation_are_shown_in_another(judge):
    samples = sorted((SCRIPT.parents[1] / "settings").glob("*.xml"))
    trees = [from_xml(path.read_bytes()) for path in samples]
    assert trees
    shown = judge.shows(*(to_xml(tree, judge.dialect) for tree in trees))
    for tree, lines in zip(trees, shown, strict=True):
        assert len(lines) == sum(1 for _ in tree.walk()) - 1


def test_the_judge_refuses_what_pymodaq_cannot_read(judge):
    bad = b"<g type='group' title='g'><a type='float' title='a'>abc</a></g>"
    with pytest.raises(AssertionError, match="ValueError"):
        judge.shows(bad)
