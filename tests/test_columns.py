"""A column of any values is one array, codes and a rest, and comes back exactly."""

import warnings

import numpy as np
import pytest
from exactness import differences
from generating import any_value, families
from hypothesis import given, settings
from hypothesis import strategies as st

from pymo_bluesky.columns import ABSENT, ColumnPlan, ColumnSurvey, Uniform
from pymo_bluesky.columns.uniform import uuids_of


def plan_of(*blocks, implied=False) -> ColumnPlan:
    survey = ColumnSurvey()
    for block in blocks:
        survey.add(block)
    return survey.plan(implied=implied)


def there_and_back(*blocks) -> list:
    """Values through the plan, as JSON would keep it, block by block."""
    plan = ColumnPlan.from_plain(plan_of(*blocks).to_plain())
    back = []
    for block in blocks:
        encoded = plan.encode(block)
        decoded = plan.decode(
            encoded.base, encoded.codes, dict(encoded.kept), rows=len(block)
        )
        back += decoded
    return back


def stored(values) -> tuple[np.ndarray, list]:
    """The array that PyMoDAQ shows of a column, and what fits no array."""
    encoded = plan_of(values).encode(values)
    return encoded.base, encoded.kept


COLUMNS = {
    "one kind": [1.5, 2.5],
    "int then float": [1, 2.5, 3],
    "None among numbers": [1.0, None, 2.0],
    "beyond 64 bits": [1, 2**64, -(2**70)],
    "an int that no float holds": [2**53 + 1, 0.5],
    "a bool among ints": [1, True, 0, False],
    "widths": [np.float32(1.1), np.float64(1.1), np.float16(1.1)],
    "signed and unsigned": [np.uint64(2**64 - 1), np.int8(-1)],
    "real and complex": [1.0, 1 + 2j, complex("nan")],
    "minus zero": [-0.0, 0.0, 0, float("nan")],
    "shapes that change": [np.zeros((2, 3)), np.zeros((4, 3)), np.zeros((2, 9))],
    "dimensions that change": [np.zeros(3), np.zeros((3, 3)), 0.0],
    "empty arrays": [np.zeros((0, 3)), np.zeros((0, 4)), np.zeros(2)],
    "array of no dimension": [np.array(1.0), np.array(2.0), 1.0],
    "first an int, then an array": [1, np.arange(2), np.arange(3)],
    "lists": [[1, 2], [3, 4], [5]],
    "ragged lists": [[[1], [2, 3]], [[1], [2]]],
    "list of mixed numbers": [[1, 2.0], [True, 0]],
    "times": [np.datetime64("2026-11-22", "D"), np.datetime64("NaT", "s")],
    "byte orders": [np.array([1, 2], ">i4"), np.array([1, 2], "<i4")],
    "texts": ["open", "closed", "open", ""],
    "uuids": ["8e343a97-715f-494d-bfea-fe06b76846b2"] * 3,
    "a uuid in capitals": ["8E343A97-715F-494D-BFEA-FE06B76846B2", "x"],
    "hundreds of texts": [f"{n}" for n in range(300)],
    "absent here and there": [1.0, ABSENT, 2.0, ABSENT],
}


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_values_of_any_kind_come_back_exactly(values):
    assert not list(differences(values, there_and_back(values)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_data_key_gives_comes_back(data):
    values = data.draw(families | st.just(any_value))
    blocks = data.draw(st.lists(st.lists(values, min_size=1, max_size=6), min_size=1))
    flat = [value for block in blocks for value in block]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not list(differences(flat, there_and_back(*blocks)))


def test_numbers_of_one_kind_are_one_array_and_nothing_else():
    base, kept = stored([1.5, 2.5])
    assert base.tolist() == [1.5, 2.5]
    assert base.dtype == float
    assert not kept
    assert not plan_of([1.5, 2.5]).coded


def test_an_integer_among_floats_stands_in_the_same_array():
    base, kept = stored([1, 2.5])
    assert base.tolist() == [1.0, 2.5]
    assert not kept


def test_only_what_does_not_fit_is_kept_beside():
    base, kept = stored([1, "x" * 300, 3])
    assert base.tolist()[::2] == [1, 3]
    assert kept == [(1, "x" * 300)]


def test_frames_of_nearly_one_size_share_an_array_padded_with_nan():
    base, kept = stored([np.ones((2, 3)), np.ones((2, 2))])
    assert base.shape == (2, 2, 3)
    assert np.isnan(base[1, :, 2]).all()
    assert not kept


def test_one_giant_among_small_ones_does_not_blow_up_the_array():
    values = [np.zeros(2)] * 20 + [np.zeros(10_000)]
    base, kept = stored(values)
    assert base.shape == (21, 2)
    assert [row for row, _ in kept] == [20]


def test_missing_values_are_nan_where_floats_are_and_zero_among_integers():
    assert np.isnan(stored([1.0, None])[0][1])
    base, _ = stored([np.int16(7), "none"])
    assert base.tolist() == [7, 0]
    assert base.dtype == np.int16


def test_texts_that_repeat_cost_a_code_each_and_nothing_else():
    plan = plan_of(["open", "closed"] * 50)
    assert plan.dtype is None
    assert not plan.encode(["open"]).kept


def test_uuids_are_sixteen_bytes_but_nothing_that_pymodaq_shows():
    plan = plan_of(["8e343a97-715f-494d-bfea-fe06b76846b2"] * 2)
    assert plan.shape == (16,)
    assert not plan.shows


UUIDS = ["8e343a97-715f-494d-bfea-fe06b76846b2", "00000000-ffff-1234-9876-abcdef012345"]


@pytest.mark.parametrize("place", [0, 7, 8, 13, 18, 23, 24, 35])
@pytest.mark.parametrize("letter", [*"09afAFg-/:`@ ", "\0", "\x7f"])
def test_texts_like_uuids_come_back_letter_by_letter(place, letter):
    texts = [*UUIDS, UUIDS[0][:place] + letter + UUIDS[0][place + 1 :]]
    found = uuids_of(np.frombuffer("".join(texts).encode(), np.uint8).reshape(-1, 36))
    assert list(found) == texts
    is_uuid = (letter == "-") if place in (8, 13, 18, 23) else letter in "09af"
    assert isinstance(found, Uniform) is is_uuid


def test_a_column_that_counts_up_needs_no_array():
    plan = plan_of([1, 2, 3], [4, 5], implied=True)
    assert plan.encode([4, 5]) == (None, None, [])
    assert plan.decode(None, None, {}, start=3, rows=2) == [4, 5]


@pytest.mark.parametrize(
    "values", [[1, 2, 2], [1, 3], [1.0, 2.0], [0, True], [1, np.arange(2)], [1, 2**70]]
)
def test_a_column_that_only_begins_like_counting_is_stored(values):
    assert plan_of(values, implied=True).first is None
    assert not list(differences(values, there_and_back(values)))


def test_misfits_are_counted_for_the_report():
    survey = ColumnSurvey()
    survey.add([1.0, "text", None, 2.0])
    assert survey.misfits(survey.plan()) == 2
