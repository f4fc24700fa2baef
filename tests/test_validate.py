"""A dataset that is well gives nothing; what is wrong is told where it is."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus import STREAMS, load, stream
from exactness import assert_same_documents
from specimens import SPECIMENS, unpacked

from pymo_bluesky import export, replay, validate
from pymo_bluesky.errors import FormatError, NotFoundError, Problem

LAYOUTS = ("pymodaq5", "pymodaq3")
SCAN = "RawData/Scan000"
STORE = f"{SCAN}/Documents"


def exported(name, folder, layout="pymodaq5"):
    documents = load(stream(name))
    return Path(export(documents, folder, name, layout=layout)["pymodaq"][0])


def errors(path):
    return [problem for problem in validate(path) if problem.severity == "error"]


# -------------------------------------------------------------------------- all is well


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [path.stem for path in STREAMS])
def test_what_we_write_has_no_error(name, layout, tmp_path):
    assert errors(exported(name, tmp_path, layout)) == []


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_what_pymodaq_wrote_has_no_error(specimen, tmp_path):
    assert errors(unpacked(specimen, tmp_path)) == []


def test_what_the_first_versions_did_not_write_is_no_error(tmp_path):
    path = unpacked("2.2.6/scan2D_stopped", tmp_path)
    before = list(replay(path))
    later, lacking = ("scan_subtype", "nav_index"), set()

    def leave_away(name, node):
        for attribute in set(later) & set(node.attrs):
            del node.attrs[attribute]
            lacking.add(f"/{name}")

    with h5py.File(path, "r+") as file:
        file.visititems(leave_away)
    found = [p for p in validate(path) if p.kind == "attribute"]
    assert {p.loc for p in found} <= lacking
    assert {p.severity for p in found} == {"warning"}
    assert {word for p in found for word in later if word in p.message} == set(later)
    assert errors(path) == []
    assert_same_documents(before, replay(path))


def test_what_fitted_no_array_is_told_as_a_warning(tmp_path):
    (problem,) = validate(exported("p30", tmp_path))
    assert problem.severity == "warning"
    assert "'s'" in problem.message


# ------------------------------------------------------------ one thing that is wrong


def without(node: str, attribute: str) -> Callable[[h5py.File], None]:
    def damage(file):
        del file[node].attrs[attribute]

    return damage


def having(node: str, attribute: str, value) -> Callable[[h5py.File], None]:
    def damage(file):
        del file[node].attrs[attribute]
        file[node].attrs[attribute] = value

    return damage


def shortened(node: str) -> Callable[[h5py.File], None]:
    def damage(file):
        old = file[node]
        values, attributes = old[:-1], dict(old.attrs)
        del file[node]
        new = file.create_dataset(node, data=values)
        new.attrs.update(attributes)

    return damage


def removed(node: str) -> Callable[[h5py.File], None]:
    def damage(file):
        del file[node]

    return damage


def of_another_run(file):
    index = json.loads(bytes(file[f"{STORE}/Index"][()]))
    index["run"] = "00000000-0000-0000-0000-000000000000"
    attributes = dict(file[f"{STORE}/Index"].attrs)
    del file[f"{STORE}/Index"]
    data = np.frombuffer(json.dumps(index).encode(), np.uint8)
    file.create_dataset(f"{STORE}/Index", data=data).attrs.update(attributes)


def one_event_less(file):
    order = file[f"{STORE}/Order"]
    events = np.flatnonzero(order[:, 0] == 1)[0]
    order[events, 1] -= 1


DATA = f"{SCAN}/Detector000/Data0D/CH00/Data00"
DAMAGES = [
    (without(DATA, "CLASS"), DATA, "CLASS"),
    (without(f"{SCAN}/Detector000", "CLASS"), f"{SCAN}/Detector000", "CLASS"),
    (having(DATA, "CLASS", "ARRAY"), DATA, "'ARRAY'"),
    (without(DATA, "nav_indexes"), DATA, "'nav_indexes' is missing"),
    (having(DATA, "nav_indexes", "[0, 1]"), DATA, "tuple was expected"),
    (without(DATA, "label"), DATA, "'label' is missing, where str was expected"),
    (
        having(f"{SCAN}/NavAxes/Axis00", "index", "first"),
        f"{SCAN}/NavAxes/Axis00",
        "'index' is 'first', where int was expected",
    ),
    (without("RawData/Logger", "subdtype"), "RawData/Logger", "subdtype"),
    (removed(f"{STORE}"), SCAN, "the documents of run"),
    (removed(f"{STORE}/Index"), SCAN, "the documents of run"),
    (removed(f"{STORE}/Events000/Float6400"), "Float6400", "is missing; it held"),
    (shortened(f"{STORE}/Events000/Float6400"), "Float6400", "its shape is (19, 6)"),
    (shortened(f"{STORE}/Events000/Point"), "Point", "needs (20,)"),
    (shortened(f"{STORE}/Loose"), SCAN, "the last line is cut off"),
    (removed(DATA), DATA, "is missing; it held 'primary/det4'"),
    (of_another_run, SCAN, "the documents are of run 00000000"),
    (one_event_less, SCAN, "19 events were noted, 20 are there"),
]


@pytest.mark.parametrize(("damage", "where", "what"), DAMAGES)
def test_each_damage_is_told_where_it_is(damage, where, what, tmp_path):
    path = exported("p05", tmp_path)
    with h5py.File(path, "r+") as file:
        damage(file)
    found = errors(path)
    assert [p for p in found if where in p.loc and what in p.message], found


def test_damages_are_told_all_at_once(tmp_path):
    path = exported("p05", tmp_path)
    apart = [DAMAGES[n] for n in (1, 3, 6, 7, 10, 12)]
    with h5py.File(path, "r+") as file:
        for damage, _, _ in apart:
            damage(file)
    found = errors(path)
    for _, where, what in apart:
        assert [p for p in found if where in p.loc and what in p.message], what


def test_a_too_short_axis_and_broken_settings_are_warnings(tmp_path):
    path = exported("p11", tmp_path)
    with h5py.File(path, "r+") as file:
        shortened(f"{SCAN}/NavAxes/Axis00")(file)
        file[f"{SCAN}/Detector000"].attrs["settings"] = "<open"
    told = {problem.kind: problem for problem in validate(path)}
    assert set(told) == {"axis-length", "settings"}
    assert "has 4 values; the data have 5 points" in told["axis-length"].message
    assert told["settings"].severity == "warning"


def test_one_damaged_scan_does_not_hide_what_is_wrong_with_the_next(tmp_path):
    path = exported("p16", tmp_path)
    with h5py.File(path, "r+") as file:
        for scan in ("Scan000", "Scan001"):
            del file[f"RawData/{scan}/Documents/Index"]
    scans = {problem.loc for problem in errors(path)}
    assert {"/RawData/Scan000", "/RawData/Scan001"} <= scans


def test_an_index_that_lies_about_a_shape_is_told_as_damage(tmp_path):
    path = exported("p05", tmp_path)
    with h5py.File(path, "r+") as file:
        node = file[f"{SCAN}/Documents/Index"]
        text = node[:].tobytes()
        index = json.loads(text)
        for column in index["streams"][0]["columns"]:
            if column["group"] == "data":
                column["plan"]["shape"] = [10**12]
        name, about = node.name, dict(node.attrs)
        del file[name]
        lie = np.frombuffer(json.dumps(index).encode(), np.uint8)
        file.create_dataset(name, data=lie).attrs.update(about)
    with pytest.raises(FormatError, match="more memory than there is"):
        list(replay(path))
    told = [problem.message for problem in errors(path)]
    assert any(f"needs {(4, 5, 10**12)}" in message for message in told)


# -------------------------------------------------------------------------- no dataset


@pytest.mark.parametrize("content", [b"", b"text"])
def test_what_is_no_dataset_has_one_error(content, tmp_path):
    path = tmp_path / "some.h5"
    path.write_bytes(content)
    (problem,) = validate(path)
    assert (problem.severity, problem.kind) == ("error", "format")
    assert "A PyMoDAQ dataset was expected" in problem.message


def test_a_file_that_is_not_there_is_no_problem_but_an_error(tmp_path):
    with pytest.raises(NotFoundError):
        validate(tmp_path / "nothing.h5")


def test_a_problem_cannot_steer_the_terminal():
    problem = Problem("/a\x1b[2J", "error", "documents", "of run \x1b[31m")
    assert str(problem).isprintable()
