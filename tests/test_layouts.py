"""A layout is a table: what is placed by a row is recognised as that row again.

Every row of every table is tested, with every parent that it can have.
"""

import ast
import json
from unittest.mock import Mock

import numpy as np
import pytest

from pymo_bluesky.errors import LayoutError
from pymo_bluesky.layouts import LAYOUTS, Role, layout_named, table
from pymo_bluesky.layouts.attributes import decode, decode_plain, encode

LETTERED = ("{X}", "{x}")
# What PyMoDAQ 5.3 passes to DataWithAxes itself: an attribute of such a name on a node
# with data makes its loader fail ("got multiple values for keyword argument").
ARGUMENTS = {
    *("data", "name", "axes", "errors", "dim", "labels"),
    *("x_axis", "y_axis", "nav_x_axis", "nav_y_axis"),
}
ARRAYS = {Role.DATA, Role.GROWING, Role.ERROR, Role.BACKGROUND}
VALUES = ("text é", "12", "", 7, 2.5, True, (4, 3), b"<settings/>", "{'a': 1}")


def rows(*, written=None):
    """Each row of each layout, with a name that tells which."""
    return [
        pytest.param(
            layout, row, id=f"{layout.name}-{row.name or 'root'}-{row.role.name}"
        )
        for layout in LAYOUTS
        for row in layout.rows
        if written is None or row.written is written
    ]


EVERY = pytest.mark.parametrize(("layout", "row"), rows())
WRITTEN = pytest.mark.parametrize(("layout", "row"), rows(written=True))


def numbers(row):
    """Numbers that a name of the row can hold; all letters, all lengths of digits."""
    if any(letter in row.name for letter in LETTERED):
        return range(6)
    return (0, 1, 9, 10, 99, 100, 999, 1000) if "{n" in row.name else (0,)


def called(row):
    return row.words[0] if row.words else "Data1D"


def fields_of(row):
    """A value for each field of a row, of all types in turn."""
    names = dict.fromkeys(row.fields.values())
    return {name: VALUES[n % len(VALUES)] for n, name in enumerate(names)}


def base_name(path):
    return path.rpartition("/")[2]


@WRITTEN
def test_what_is_placed_is_recognised(layout, row):
    fields = {"title": "a title", **fields_of(row)} if row.fields else {}
    fields = {k: v for k, v in fields.items() if k in row.fields.values()}
    for parent in row.parents or (None,):
        for number in numbers(row):
            node = layout.place(row.role, "/a/b", number, called=called(row), **fields)
            name = base_name(node.path) if row.name else ""
            found = layout.recognise(parent, name, node.attributes)
            assert found is not None
            assert (found.row, found.number) == (row, number)
            assert {k: found.fields[k] for k in fields} == fields


def is_recognised(layout, row, parent, name, number):
    attributes = {name: encode(name, value) for name, value in row.const.items()}
    attributes["CLASS"] = row.kinds[0].value
    found = layout.recognise(parent, name, attributes)
    return found is not None and (found.row.role, found.number) == (row.role, number)


@EVERY
def test_names_are_recognised_in_any_case(layout, row):
    for number in numbers(row) if row.name else ():
        name = named_by(row.name, row, number)
        for form in (name, name.lower(), name.upper()):
            for parent in row.parents:
                assert is_recognised(layout, row, parent, form, number), form


@EVERY
def test_older_names_are_recognised_too(layout, row):
    # Below some parents, an older name is by now that of another row.
    for alias in row.aliases:
        for number in numbers(row):
            name = named_by(alias, row, number)
            found = [is_recognised(layout, row, p, name, number) for p in row.parents]
            assert any(found), name


def named_by(template, row, number):
    """A name by one of the templates of a row."""
    word = (
        template.replace("{any}", called(row))
        .replace("{X}", "XYZUVW"[number % 6])
        .replace("{x}", "xyzuvw"[number % 6])
    )
    for width in range(1, 6):
        word = word.replace(f"{{n:0{width}d}}", f"{number:0{width}d}")
    return word


@WRITTEN
def test_every_node_bears_the_class_without_which_pymodaq_opens_no_file(layout, row):
    node = layout.place(row.role, "/", called=called(row))
    # Not ARRAY: PyTables has it, but PyMoDAQ 5.3 has no node for it.
    assert node.attributes["CLASS"] in ("GROUP", "CARRAY", "EARRAY", "VLARRAY")
    assert node.attributes["CLASS"] == node.kind.value


@WRITTEN
def test_no_attribute_disturbs_pymodaq_5(layout, row):
    names = {*row.fields, *row.const}
    if row.role in ARRAYS and layout.name == "pymodaq5":
        assert not names & ARGUMENTS
    # The H5Browser parses as XML whatever is called so, and shows pixmaps as pictures.
    for name in names:
        assert "settings" not in name or row.fields[name] == "settings"
        assert not name.startswith("pixmap") or row.fields[name] == name


@EVERY
def test_a_row_promises_nothing_twice(layout, row):
    assert not set(row.fields) & set(row.const)
    assert set(row.default) <= set(row.fields.values())
    assert set(row.raw) <= set(row.fields)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_parent_in_a_table_has_a_row_itself(layout):
    roles = {row.role for row in layout.rows}
    for row in layout.rows:
        assert set(row.parents) <= roles


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_siblings_are_never_taken_for_each_other(layout):
    """Of two rows with one parent, one name never means both."""
    written = [row for row in layout.rows if row.written and row.name]
    for row in written:
        node = layout.place(row.role, "/x", 0, called=called(row))
        name = base_name(node.path)
        for parent in row.parents:
            found = layout.recognise(parent, name, node.attributes)
            assert found is not None
            assert found.row is row, (name, parent)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_what_is_in_no_table_is_not_guessed(layout):
    group = {"CLASS": "GROUP"}
    assert layout.recognise(Role.RAW, "Notes", group) is None
    assert layout.recognise(Role.RAW, "Scan", group) is None
    assert layout.recognise(Role.RAW, "Scan001x", group) is None
    assert layout.recognise(Role.SCAN, "Scan001", group) is None


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_field_without_a_place_is_refused(layout):
    with pytest.raises(LayoutError, match="no attribute for colour"):
        layout.place(Role.SCAN, "/RawData", colour="red")


def test_an_unknown_layout_is_told_with_those_there_are():
    with pytest.raises(
        LayoutError, match="'pymodaq9'; there are 'pymodaq5', 'pymodaq3'"
    ):
        layout_named("pymodaq9")


# -------------------------------------------------------------------------- attributes


@pytest.mark.parametrize(
    "value",
    [
        "",
        "µm",
        "a\0b",
        "\ud800",
        0,
        -3,
        2**70,
        1.5,
        -0.0,
        True,
        (),
        (1, (2,)),
        [1.5],
        b"\xff",
    ],
    ids=repr,
)
def test_an_attribute_comes_back_as_it_was(value):
    stored = encode("label", value)
    assert stored.isascii()
    assert decode(stored) == value
    assert type(decode(stored)) is type(value)
    # What PyMoDAQ does with it: eval, of what must be a literal.
    assert ast.literal_eval(json.loads(stored)["data"]) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, {"a": 1}, 1j])
def test_what_pymodaq_cannot_evaluate_is_stored_as_text(value):
    assert decode(encode("label", value)) == str(value)


@pytest.mark.parametrize("value", [np.float64(0.5), np.int32(4), np.bool_(True)])
def test_a_number_of_numpy_is_stored_as_pythons(value):
    assert decode(encode("scaling", value)) == value.item()


@pytest.mark.parametrize("title", ["12", "true", "null", "1e5", '"x"', "a\nb", "a\0b"])
def test_a_title_that_pymodaq_would_misread_is_wrapped(title):
    stored = encode("TITLE", title)
    assert stored != title
    assert decode(stored) == title


def test_an_ordinary_title_stands_as_it_is():
    assert encode("TITLE", "Détecteur 1") == "Détecteur 1"


@pytest.mark.parametrize(
    "hostile",
    [
        "__import__('os').system('touch x')",
        "[x for x in ().__class__.__bases__]",
        "np.load('x', allow_pickle=True)",
        "(" * 100_000,
        f"({'0,' * 1_000_000})",
        f"({'[],' * 1_000_000})",
        "''" * 1_000_000,
        f"0x{'f' * 5000}",
    ],
    ids=[
        *("call", "comprehension", "numpy", "deep", "numbers", "lists", "texts"),
        "unprinted",
    ],
)
def test_an_attribute_is_never_evaluated(hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = json.dumps({"module": "builtins", "type": "str", "data": hostile})
    assert decode(text) == text
    assert not list(tmp_path.iterdir())


def test_json_of_lists_is_not_made_lists_of(monkeypatch):
    """They would take twenty times the memory of their text."""
    text = f'{{"module": "builtins", "type": "list", "data": [{"[]," * 30_000}[]]}}'
    loads = Mock(side_effect=AssertionError)
    monkeypatch.setattr("pymo_bluesky.layouts.attributes.json.loads", loads)
    assert decode(text) == text


@pytest.mark.parametrize("value", [1.5, "it's \\ µ\n", b"<a>'\"</a>"])
def test_a_long_attribute_comes_back_as_it_was(value):
    value = value * 20_000 if not isinstance(value, float) else [value] * 20_000
    assert decode(encode("settings", value)) == value


def test_a_pickle_of_containers_in_each_other_stays_bytes():
    hostile = b"\x80\x02)" + b"\x85" * 50_000 + b"."
    assert not isinstance(decode_plain(hostile), tuple)


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ('{"module": "numpy", "type": "float64", "data": "np.float64(0.5)"}', 0.5),
        ('{"module": "numpy", "type": "bool", "data": "np.True_"}', True),
        ('{"module": "builtins", "type": "NoneType", "data": "None"}', None),
        (b'{"module": "builtins", "type": "int", "data": "3"}', 3),
        (np.bytes_(b"GROUP"), "GROUP"),
        ('{"module": 1}', '{"module": 1}'),
    ],
)
def test_what_pymodaq_wrote_is_understood(stored, value):
    assert decode(stored) == value


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_what_is_given_beside_the_fields_counts_more(layout):
    node = layout.place(Role.SCAN, "/", 0, title=0.5, extra={"TITLE": "the last"})
    assert node.attributes["TITLE"] == "the last"


def test_long_names_of_strangers_are_not_remembered():
    row = layout_named("pymodaq5").row(Role.SCAN)
    before = table._number_of.cache_info().currsize
    assert row.number_of(f"Scan{'0' * 80}7") == 7
    assert table._number_of.cache_info().currsize == before
