"""Settings trees: what every PyMoDAQ wrote is read, what is written comes back."""

import datetime
import math
import pathlib
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymo_bluesky.errors import FormatError
from pymo_bluesky.settings import (
    Parameter,
    Roi,
    SettingEntry,
    from_xml,
    infer_type,
    module_settings,
    plain_settings,
    roi_block,
    rois_from_xml,
    to_xml,
)
from pymo_bluesky.settings._literal import literal, source

DIALECTS = ["pymodaq5", "pymodaq3"]
SAMPLES = sorted((pathlib.Path(__file__).parent / "settings").glob("*.xml"))


def sample(name):
    return from_xml((pathlib.Path(__file__).parent / "settings" / name).read_bytes())


def back(parameter, dialect):
    return from_xml(to_xml(parameter, dialect))


def one(type_, value, **more):
    return Parameter(name="p", type=type_, value=value, **more)


# ---------------------------------------------------------------- what PyMoDAQ wrote


def test_every_generation_has_samples():
    versions = {path.name.split("_")[0] for path in SAMPLES}
    assert versions == {"1.4.2", "1.6.4", "2.2.6", "3.6.13", "4.4.11", "5.3.8"}


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("1.4.2_detector_2d", "Settings/main_settings/DAQ_type", "DAQ2D"),
        ("1.4.2_detector_2d", "Settings/detector_settings/Nx", 12),
        ("1.4.2_detector_2d", "Settings/detector_settings/x0", 50.0),
        ("1.4.2_scan_info", "scan_info/date_time", "2026-11-22T16:21:12.789"),
        ("1.4.2_scan_info", "scan_info/description", ""),
        ("1.6.4_detector_2d", "Settings/detector_settings/Ny", 8),
        ("2.2.6_viewer_2d", "rois_settings/measurements", {"Lineout ROI_00:": 139.036}),
        ("2.2.6_viewer_2d", "Settings/main_settings/tcpip/tcp_connected", True),
        ("3.6.13_actuator", "move_settings/epsilon", 0.01),
        ("3.6.13_scan_tabular", "Attributes/scan_info/date_time", 1795363966.0),
        ("4.4.11_actuator", "daq_move_settings/move_settings/units", "µm"),
        ("5.3.8_actuator", "daq_move_settings/actuator_settings/tau", 500),
        ("5.3.8_dataset", "Attributes/dataset_info/sample", "sample-é1"),
        ("5.3.8_dataset", "Attributes/dataset_info/date_time", 1795364005.656),
        (
            "5.3.8_dataset",
            "daq_scan_settings/plot_options/plot_0d",
            {"all_items": [], "selected": []},
        ),
    ],
)
def test_a_value_is_read_as_plain_python(name, path, value):
    found = sample(f"{name}.xml").find(path)
    assert found is not None, path
    if isinstance(value, dict) and value.get("Lineout ROI_00:"):
        value = pytest.approx(value, rel=1e-4)
    assert found.value == value


def test_limits_titles_and_flags_are_read():
    tree = sample("5.3.8_detector_2d.xml")
    main = tree.find("daq_viewer_settings/main_settings")
    daq_type = main.find("DAQ_type")
    assert daq_type.limits == ["DAQ0D", "DAQ1D", "DAQ2D", "DAQND"]
    assert (daq_type.title, daq_type.readonly) == ("DAQ type:", True)
    assert main.extra == {"expanded": "0"}
    assert not main.find("N_live_averaging").visible
    fill = tree.find("H5Saver/h5saver_settings/data_format/fill_value")
    assert math.isnan(fill.value)
    assert list(fill.limits) == ["0", "nan"]


def test_the_names_with_spaces_of_pymodaq_1_4_are_mended():
    tree = sample("1.4.2_scan_malformed.xml")
    options = tree.find("Scanner_Settings/scan_options")
    assert options.children[0].name == "Calculate positions"
    assert options.find("scan1D_settings/stop_1D").value == 4.0


def test_a_table_of_positions_is_read_without_importing_what_it_names():
    table = sample("3.6.13_scan_tabular.xml").find(
        "scanner_settings/tabular_settings/tabular_table"
    ) or next(
        parameter
        for _, parameter in sample("3.6.13_scan_tabular.xml").walk()
        if parameter.type == "table_view" and parameter.value
    )
    assert table.value["header"] == ["Xaxis", "Yaxis"]
    assert table.value["data"][0] == [0.0, 5.0]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_real_tree_comes_back_in_both_dialects(path, dialect):
    tree = from_xml(path.read_bytes())
    assert back(tree, dialect) == tree


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("5.3.8_detector_2d", "pymodaq5"),
        ("5.3.8_detector_1d", "pymodaq5"),
        ("5.3.8_actuator", "pymodaq5"),
        ("5.3.8_dataset", "pymodaq5"),
        ("3.6.13_detector_2d", "pymodaq3"),
        ("3.6.13_actuator", "pymodaq3"),
    ],
)
def test_a_tree_is_written_as_its_program_wrote_it(name, dialect):
    """Attribute for attribute; only 50 under type float becomes 50.0."""
    path = next(path for path in SAMPLES if path.stem == name)
    real = list(ET.fromstring(path.read_bytes()).iter())
    ours = list(ET.fromstring(to_xml(from_xml(path.read_bytes()), dialect)).iter())
    assert len(ours) == len(real)
    for mine, theirs in zip(ours, real, strict=True):
        assert (mine.tag, mine.attrib) == (theirs.tag, theirs.attrib)
        assert mine.text == theirs.text or float(mine.text) == float(theirs.text)


# ------------------------------------------------------------------------ round trips

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**400, max_value=10**401),
    st.floats(allow_nan=False),
    st.just(math.nan),
    st.text(st.characters(codec=None)),
    st.binary(max_size=8),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    ),
    max_leaves=6,
)
TYPES = st.sampled_from(
    [
        *("float", "int", "bool", "str", "text", "list", "color", "date_time", "slide"),
        *("table", "table_view", "itemselect", "led", "group", "roi_group", "action"),
        *("browsepath", "action_led", "pixmap", "groupmock", "", "é"),
    ]
)
NAMES = st.text(st.characters(codec=None), max_size=4) | st.sampled_from(["a", "a b"])
LIMITS = st.none() | st.tuples(st.floats(), st.floats()).map(list) | VALUES
EXTRA = st.dictionaries(
    st.sampled_from(["addList", "addText", "expanded", "label", "foo", "a b", "index"]),
    st.text(max_size=3) | st.sampled_from(["0", "1", "['a']", "__import__('os')"]),
    max_size=2,
)


def parameters(children):
    return st.builds(
        Parameter,
        name=NAMES,
        title=NAMES,
        type=TYPES,
        value=VALUES,
        units=NAMES,
        limits=LIMITS,
        readonly=st.booleans(),
        visible=st.booleans(),
        enabled=st.booleans(),
        children=children,
        extra=EXTRA,
    )


TREES = st.recursive(
    parameters(st.just(())),
    lambda inner: parameters(st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)


def exactly(tree):
    """A tree in words that know NaN, and tell 0.0 from -0.0 and True from 1."""
    return [
        (
            *(path, p.title, p.type, p.units, sorted(p.extra.items())),
            *(number(p.value), source(p.limits)),
            *(p.readonly, p.visible, p.enabled),
        )
        for path, p in tree.walk()
    ]


def number(value):
    """Under type float or int, 2 and 2.0 are one."""
    whole = type(value) is int and abs(value) <= 2**53
    return source(float(value) if whole else value)


@settings(max_examples=300, deadline=None)
@given(tree=TREES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_tree_comes_back(dialect, tree):
    assert exactly(back(tree, dialect)) == exactly(tree)


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_source_is_read_back_by_literal_and_by_a_bare_eval(value):
    text = source(value)
    assert source(literal(text)) == text
    # What PyMoDAQ does to it:
    assert source(eval(text, {})) == text  # noqa: S307


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_xml_cannot_hold_come_back_and_stay_apart(dialect):
    names = ["with space", "with_space", "with space", "é", "1st", "a:b", "", "a\0b"]
    children = tuple(Parameter(name=name, type="int", value=1) for name in names)
    tree = Parameter(name="g", children=children)
    written = ET.fromstring(to_xml(tree, dialect))
    assert len({child.tag for child in written}) == len(names)
    assert [child.name for child in back(tree, dialect).children] == names


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.True_, True),
        (np.array([1, 2]), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (datetime.date(2026, 11, 22), "2026-11-22"),
    ],
)
def test_values_of_other_libraries_are_written_plain(value, read):
    assert back(one("str", value), "pymodaq5").value == read


def test_a_long_array_is_summed_up_and_says_so():
    text = back(one("str", np.full((100, 100), 2.5)), "pymodaq5").value
    assert "(100, 100)" in text
    assert "2.5" in text
    assert "too long" in text


def test_a_long_list_is_shown_in_part_and_kept_whole():
    long = list(range(5000))
    written = to_xml(one("str", long))
    assert len(ET.fromstring(written).text) < 3000
    assert from_xml(written).value == long


def test_more_than_an_hdf5_header_holds_is_no_matter():
    text = "x" * 1_000_000
    assert back(one("text", text), "pymodaq5").value == text


# ----------------------------------------------------- what PyMoDAQ would stumble over


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("float", "not a number"),
        ("int", math.nan),
        ("int", 2**60),
        ("color", "red"),
        ("color", [300, 0, 0]),
        ("date_time", "yesterday"),
        ("slide", math.inf),
        ("table_view", {"module": "os", "classname": "system", "data": []}),
        ("unheard_of", 3),
    ],
)
def test_a_value_its_type_cannot_show_is_shown_as_text(type_, value):
    written = ET.fromstring(to_xml(one(type_, value)))
    assert written.get("type") == "str"
    assert back(one(type_, value), "pymodaq5").type == type_


@pytest.mark.parametrize("limits", [[0, 0], [5, 1], [0, 1], [math.nan, 9], "free"])
def test_limits_that_would_change_the_number_shown_are_kept_aside(limits):
    parameter = one("float", 3.0, limits=limits)
    assert ET.fromstring(to_xml(parameter)).get("limits") is None
    assert source(back(parameter, "pymodaq5").limits) == source(limits)


def test_a_choice_outside_its_list_is_added_for_pymodaq_only():
    parameter = one("list", "c", limits=["a", "b"])
    assert ET.fromstring(to_xml(parameter)).get("limits") == "['a', 'b', 'c']"
    assert back(parameter, "pymodaq5").limits == ["a", "b"]


EVALUATED = ("limits", "values", "addList", "addText", "detlist", "movelist", "states")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_pymodaq_evaluates_is_code(dialect):
    code = "__import__('os').system('false')"
    tree = Parameter(
        name="g",
        children=(
            one("list", code, limits=[code]),
            one("list", "a", limits={"a": "a", "b": code}),
            one("color", code),
            one("table", {code: code}),
            one("itemselect", {"all_items": [code], "selected": [code]}),
            one("float", 1.0, limits=code, extra=dict.fromkeys(EVALUATED[2:], code)),
        ),
    )
    for element in ET.fromstring(to_xml(tree, dialect)).iter():
        texts = [element.get(key) for key in EVALUATED]
        if element.get("type") in ("list", "color", "table", "itemselect"):
            texts.append(element.text)
        for text in filter(None, texts):
            value = literal(text)
            again = value.values() if type(value) is dict else ()
            assert all(literal(v) is not None for v in again if v != code)


# ----------------------------------------------------------------------------- hostile

LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><Settings>&b;</Settings>'


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        LAUGHS.encode("utf-16"),
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<!DOCTYPE a><a/>",
        "<a>&undefined;</a>",
        "<a><b></a>",
        "",
        b"\x00\x01",
        "no xml",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        "<a>" * 60_000 + "</a>" * 60_000,
        "<a>" + "<b/>" * 300_000 + "</a>",
    ],
    ids=lambda data: repr(data[:30]),
)
def test_hostile_xml_is_refused_with_words(data):
    with pytest.raises(FormatError, match=r"settings"):
        from_xml(data)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "open('/etc/passwd').read()",
        "-" * 100_000 + "1",
        "(" * 100_000,
        "1+" * 100_000 + "1",
        "a" + ".a" * 50_000,
        "[" * 90 + "]" * 90,
        "int('9' * 10)",
        "9" * 10_000,
        "str(str)",
        "().__class__",
        "f'{1}'",
        "[*(1,)]",
        "{**{}}",
        "...",
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("type_", ["list", "color", "table", "int", "date_time"])
def test_what_is_no_literal_stays_text(type_, text):
    value = from_xml(ET.tostring(_element(type_, text))).value
    assert value == text or value == literal("[" * 90 + "]" * 90)


def _element(type_, text):
    element = ET.Element("p", type=type_)
    element.text = text
    return element


@pytest.mark.parametrize("text", [f"[{'0,' * 150_000}]", f"0x{'f' * 5000}"])
def test_what_would_fill_memory_or_cannot_be_printed_is_no_literal(text):
    with pytest.raises(ValueError, match="too long"):
        literal(text)


@pytest.mark.parametrize(
    "note", ["pymo_value", "pymo_name", "pymo_type", "pymo_limits", "pymo_extra"]
)
@pytest.mark.parametrize("text", ["exit()", "3", "{", "['a']"])
def test_a_damaged_note_of_ours_harms_nothing(note, text):
    data = f'<p type="str" {note}="{text}">hello</p>'
    parameter = from_xml(data)
    if note != "pymo_value":
        assert (parameter.name, parameter.value, parameter.type) == (
            "p",
            "hello",
            "str",
        )


def test_a_tree_too_deep_to_be_read_is_not_written():
    tree = Parameter(name="leaf")
    for _ in range(101):
        tree = Parameter(name="g", children=(tree,))
    with pytest.raises(FormatError, match="100 levels"):
        to_xml(tree)


# -------------------------------------------------------------------------------- ROIs


@pytest.mark.parametrize(
    ("name", "anchor", "unit", "position", "size", "function", "channels"),
    [
        ("1.4.2_detector_2d", "corner", "pixel", (2, 1), (6, 4), "", ()),
        ("1.6.4_detector_2d", "corner", "pixel", (2, 1), (6, 4), "Sum", ("red",)),
        ("2.2.6_viewer_2d", "corner", "pixel", (2, 1), (6, 4), "Sum", ("red",)),
        ("3.6.13_detector_2d", "corner", "pixel", (2, 1), (6, 4), "Sum", ("red",)),
        ("4.4.11_detector_2d", "corner", "pixel", (3, 2), (2, 5.2), "mean", ("cam",)),
        ("5.3.8_detector_2d", "centre", "axis", (0, 0), (10, 10), "mean", ("cam",)),
        ("5.3.8_detector_1d", "edges", "axis", (0, 10), None, "mean", ("spec",)),
    ],
)
def test_the_rois_of_every_generation_are_found(
    name, anchor, unit, position, size, function, channels
):
    roi = rois_from_xml(sample(f"{name}.xml"))[0]
    assert (roi.name, roi.viewer, roi.enabled) == ("ROI_00", 0, True)
    assert roi.roi_type == ("LinearROI" if size is None else "RectROI")
    assert (roi.anchor, roi.unit, roi.position) == (anchor, unit, position)
    assert (
        roi.size is None if size is None else roi.size == pytest.approx(size, abs=1e-3)
    )
    assert (roi.math_function, roi.use_channel) == (function, channels)


def test_a_hardware_region_is_no_roi():
    tree = sample("3.6.13_detector_2d.xml")
    assert tree.find("Settings/detector_settings/ROIselect") is not None
    assert len(rois_from_xml(tree)) == 1


def test_the_corner_of_a_turned_roi_turns_with_it():
    roi = Roi(name="ROI_00", position=(10.0, 10.0), size=(4.0, 2.0), angle=90.0)
    assert roi.corner == pytest.approx((11.0, 8.0))
    corner = Roi(
        name="ROI_00", position=roi.corner, size=(4.0, 2.0), angle=90.0, anchor="corner"
    )
    assert corner.centre == pytest.approx((10.0, 10.0))


ROIS = [
    Roi(name="ROI_00", position=(5.0, 3.0), size=(4.0, 2.0), use_channel=("cam",)),
    Roi(name="ROI_01", roi_type="EllipseROI", size=(1.0, 1.0), enabled=False),
    Roi(name="ROI_05", roi_type="CircularROI", size=(1.0, 1.0), unit="pixel"),
    Roi(
        name="ROI_00",
        roi_type="LinearROI",
        position=(1.5, 2.5),
        math_function="argmean",
        color=(255, 0, 0, 50),
        viewer=1,
    ),
]


def test_rois_come_back_from_pymodaq_5():
    tree = from_xml(module_settings("detector", "cam", [], ROIS))
    assert list(rois_from_xml(tree)) == ROIS


def test_pymodaq_3_gets_corners_and_its_own_words():
    tree = from_xml(module_settings("detector", "cam", [], ROIS, "pymodaq3"))
    first, second, third, line = rois_from_xml(tree)
    assert (first.anchor, first.position, first.centre) == (
        *("corner", (3.0, 2.0), (5.0, 3.0)),
    )
    assert (first.unit, third.unit) == ("axis", "pixel")
    assert (first.math_function, first.use_channel) == ("Mean", ("cam",))
    assert not second.enabled
    assert (line.roi_type, line.position, line.viewer) == ("LinearROI", (1.5, 2.5), 1)


def test_a_block_is_where_pymodaq_puts_it_and_complete():
    real = sample("5.3.8_detector_2d.xml").find("ROI_Viewer_00")
    ours = from_xml(to_xml(roi_block(rois_from_xml(real))))
    changed = [
        (path, mine, theirs)
        for (path, mine), (_, theirs) in zip(ours.walk(), real.walk(), strict=True)
        if (mine.type, mine.title, mine.value, mine.limits)
        != (theirs.type, theirs.title, theirs.value, theirs.limits)
    ]
    assert not changed


# ---------------------------------------------------------------------------- builders


def test_a_detector_has_pymodaq_5_shape():
    entries = [
        SettingEntry(path="detector_settings/exposure", value=0.1, units="s"),
        SettingEntry(path="trigger", value="Int", limits=["Int", "Ext"]),
        SettingEntry(path="main_settings/detector_type", value="Mock"),
    ]
    tree = from_xml(module_settings("detector", "Cam", entries, ROIS[:1]))
    assert [child.name for child in tree.children] == [
        *("daq_viewer_settings", "ROI_Viewer_00"),
    ]
    module = tree.children[0]
    assert [child.name for child in module.children] == [
        *("main_settings", "detector_settings"),
    ]
    assert module.find("main_settings/module_name").value == "Cam"
    assert module.find("detector_settings/trigger").type == "list"
    exposure = module.find("detector_settings/exposure")
    assert (exposure.type, exposure.value, exposure.units) == ("float", 0.1, "s")


@pytest.mark.parametrize(
    ("kind", "dialect", "path"),
    [
        ("detector", "pymodaq5", "daq_viewer_settings/detector_settings"),
        ("actuator", "pymodaq5", "daq_move_settings/actuator_settings"),
        ("detector", "pymodaq3", "detector_settings"),
        ("actuator", "pymodaq3", "move_settings"),
    ],
)
@pytest.mark.parametrize("group", ["", "actuator_settings/", "detector_settings/"])
def test_a_modules_own_settings_have_one_place_in_each_dialect(
    kind, dialect, path, group
):
    entry = SettingEntry(path=f"{group}speed", value=2)
    tree = from_xml(module_settings(kind, "m", [entry], (), dialect))
    assert tree.find(f"{path}/speed").value == 2


def test_entries_of_one_path_and_of_a_path_below_another_are_all_kept():
    entries = [
        SettingEntry(path="a", value=1),
        SettingEntry(path="a", value=2),
        SettingEntry(path="a/b", value=3),
    ]
    tree = from_xml(module_settings("actuator", "m", entries))
    own = tree.find("daq_move_settings/actuator_settings")
    values = [child.value for _, child in own.walk() if not child.children]
    assert values == [1, 2, 3]


def test_a_mapping_becomes_a_group():
    entry = SettingEntry(path="roi", value={"x": 1, "size": {"w": 2.0}})
    tree = from_xml(module_settings("detector", "m", [entry]))
    roi = tree.find("daq_viewer_settings/detector_settings/roi")
    assert (roi.find("x").value, roi.find("size/w").value) == (1, 2.0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_document_of_any_depth_is_shown_and_nothing_is_dropped(dialect):
    deep = {"bottom": "reached"}
    for _ in range(40):
        deep = {"below": deep}
    tree = from_xml(plain_settings("start", {"uid": "u", 7: None, "md": deep}, dialect))
    start = tree.find("start")
    assert [child.name for child in start.children] == ["uid", "7", "md"]
    last = [parameter for _, parameter in tree.walk()][-1]
    assert last.type == "text"
    assert "'bottom': 'reached'" in last.value


def test_a_document_with_very_many_entries_stays_readable():
    mapping = {"many": {str(i): i for i in range(300_000)}, "after": 1}
    tree = from_xml(plain_settings("start", mapping))
    assert tree.find("start/many").value.endswith("299999}")
    assert tree.find("start/after").value == 1


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (np.float64(1), "float"),
        (np.bool_(True), "bool"),
        (datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC), "date_time"),
        (None, "str"),
        ([1, 2], "str"),
    ],
)
def test_a_type_is_taken_from_the_value(value, type_):
    assert infer_type(value) == type_


def test_a_moment_becomes_a_date():
    moment = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    tree = from_xml(plain_settings("start", {"when": moment}))
    assert tree.find("start/when").value == moment.timestamp()
