"""Positions from a table, and along the lines between them."""

import numpy as np
import pytest

from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans import rel_tabular, tabular

ROWS = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.5, 2.0]]


def test_rows_are_visited_one_by_one_also_twice(session, values):
    scan = session.run(tabular([session.photodiode], [session.x, session.y], ROWS))
    about = scan.attributes
    assert (about["scan_type"], about["scan_sub_type"]) == ("Tabular", "Linear")
    assert [(a.label, a.index, a.spread_order) for a in scan.axes] == [
        ("x", 0, 0),
        ("y", 0, 1),
    ]
    assert np.column_stack([values(scan, "x"), values(scan, "y")]).tolist() == ROWS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pymodaq.dat", "0.0\t0.0\n1.0\t0.0\n1.0\t0.0\n0.5\t2.0\n"),
        ("points.csv", "# x, y\n0, 0\n1, 0\n1, 0\n0.5, 2\n"),
        ("points.txt", "0 0\n\n1  0\n1 0\n0.5 2 # the last"),
        ("points.csv", "0;0\n1;0\n1;0\n.5;2"),
    ],
)
def test_a_file_of_positions(session, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    plan = tabular([session.photodiode], [session.x, session.y], str(tmp_path / name))
    moved = [m.args[0] for m in plan if m.command == "set" and m.obj is session.y]
    assert moved == [0, 2]


def test_an_array_in_a_file(session, tmp_path):
    np.save(tmp_path / "points.npy", np.array(ROWS))
    path = str(tmp_path / "points.npy")
    plan = tabular([session.photodiode], [session.x, session.y], path)
    assert [m.command for m in plan].count("save") == 4


def test_sub_segments(session):
    scan = session.run(
        tabular([session.photodiode], [session.x, session.y], ROWS[1:], step=1.0)
    )
    assert scan.attributes["scan_sub_type"] == "SubSegmented"
    x, y = (np.asarray(axis.values) for axis in scan.axes)
    assert (x[0], y[0]) == (1, 0)
    assert (x[-1], y[-1]) == (0.5, 2)
    assert len(x) == 4


def test_relative_to_where_it_is(session, values):
    session.x.set(2).wait()
    scan = session.run(rel_tabular([session.photodiode], [session.x], [1.0, -1.0]))
    assert values(scan, "x").tolist() == [3, 1]
    assert session.x.position == 2


@pytest.mark.parametrize(
    ("table", "step", "words"),
    [
        ([[0, 0, 0]], None, r"the shape \(1, 3\), expected rows of 2"),
        ([], None, r"the table \[\] is empty"),
        (np.empty((0, 2)), None, "is empty"),
        ([[0, "a"]], None, "other things than numbers"),
        ([[0], [0, 1]], None, "other things than numbers"),
        ("/nowhere.csv", None, "/nowhere.csv cannot be read"),
        ([[0, 0], [1, 1]], 0.0, "the step is 0"),
        ([[0, 0], [1, 1]], "1", "the step is '1', expected a distance"),
        ([[0, 0], [1, 1]], 1e-9, "points are more than"),
        ([[0, np.nan]], None, "y: 1 of its points are no numbers"),
        ([[0, 11]], None, "y: 1 of 1 points lie outside"),
    ],
)
def test_a_wrong_table_is_refused(session, table, step, words):
    plan = tabular([session.photodiode], [session.x, session.y], table, step=step)
    with pytest.raises(PlanError, match=words):
        list(plan)


def test_all_that_is_wrong_with_a_table_is_told_at_once(session, tmp_path):
    (tmp_path / "empty.csv").write_text("# x, y\n")
    with pytest.raises(PlanError) as told:
        list(tabular([], session.x, str(tmp_path / "empty.csv"), step=-1))
    assert list(told.value.problems) == [
        "the actuators are to be a list, not x",
        "the table: the step is -1, expected a distance above 0",
        f"the table '{tmp_path}/empty.csv' is empty, expected a row for each point",
        "no detector is given, expected at least one, e.g. [camera]",
    ]
    with pytest.raises(PlanError, match="no actuator is given"):
        list(tabular([session.photodiode], [], [[0, 1]]))
