"""Regions cut what PyMoDAQ 5.3.8 cuts.

The expected indexes were read from pymodaq_data 5.3.0, by slicing a DataRaw with
`vsig` on the same axes.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.devices.cropping import (
    FUNCTIONS_1D,
    box_bounds,
    compute,
    crop,
    index_of,
    shape_mask,
)

PIXELS = np.arange(10.0)
MICROMETRES = np.linspace(-20.0, 20.0, 9)  # every 5
UNEVEN = np.array([0.0, 1.0, 3.0, 7.0, 15.0])


def test_the_lower_bound_is_included_and_the_upper_is_not():
    image = np.arange(80).reshape(8, 10)
    axes = [np.arange(8.0), PIXELS]
    cut, (y, x) = crop(image, axes, [(2, 5), (3, 7)])
    np.testing.assert_array_equal(cut, image[2:5, 3:7])
    assert (y.tolist(), x.tolist()) == ([2, 3, 4], [3, 4, 5, 6])


@pytest.mark.parametrize(
    ("axis", "value", "index"),
    [
        (PIXELS, 2.0, 2),
        (PIXELS, 2.9, 2),  # an even axis truncates
        (PIXELS, -4.0, 0),
        (PIXELS, 9.5, 9),
        (PIXELS, 10.0, 10),  # beyond the last pixel, so that a slice can hold it
        (MICROMETRES, 0.0, 4),
        (MICROMETRES, 4.9, 4),
        (UNEVEN, 2.1, 2),  # any other takes the nearest
        (UNEVEN, 15.0, 5),
    ],
)
def test_where_a_bound_lies(axis, value, index):
    assert index_of(axis, value) == index


def test_a_descending_axis_gives_the_same_values():
    spectrum = np.arange(9.0)
    up, _ = crop(spectrum, [MICROMETRES], [(-10, 6)])
    down, _ = crop(spectrum[::-1], [MICROMETRES[::-1]], [(-10, 6)])
    np.testing.assert_array_equal(up, down[::-1])


def test_a_region_beside_the_data_is_empty():
    cut, places = crop(PIXELS, [PIXELS], [(20, 30)])
    assert cut.size == 0
    for function in FUNCTIONS_1D:
        assert np.isnan(compute(function, cut, places)).all()


def test_a_rotated_box_is_unrotated_and_begins_at_the_rotated_corner():
    (y_low, y_high), (x_low, x_high) = box_bounds((0, 0), (4, 2), 90)
    assert (x_low, y_low) == pytest.approx((1, -2))
    assert (x_high - x_low, y_high - y_low) == pytest.approx((4, 2))


@given(
    low=st.integers(0, 9),
    length=st.integers(1, 9),
    function=st.sampled_from(["mean", "std", "sum", "max", "min"]),
)
def test_the_functions_are_numpys_on_the_slice(low, length, function):
    data = np.random.default_rng(0).normal(size=10)
    region = crop(data, [PIXELS], [(low, low + length)])
    assert compute(function, *region) == (
        getattr(np, function)(data[low : low + length]),
    )


def test_places_are_on_the_axes_of_the_region():
    image = np.zeros((4, 5))
    image[2, 1], image[1, 3] = 5, -5
    y, x = np.array([0.0, 10, 20, 30]), np.array([5.0, 6, 7, 8, 9])
    region, axes = crop(image, [y, x], [(10, 40), (5, 9)])
    places = np.ix_(*axes)
    assert compute("argmax", region, places) == (20, 6)
    assert compute("argmin", region, places) == (10, 8)


def test_the_mean_place_is_weighted_by_the_values():
    line = np.array([0.0, 1.0, 3.0])
    assert compute("argmean", line, [np.array([0.0, 4.0, 8.0])]) == (7.0,)
    assert compute("argstd", line, [np.array([0.0, 4.0, 8.0])]) == (np.sqrt(3),)


@pytest.mark.parametrize("function", ["argmax", "argmin", "argmean", "argstd"])
def test_nothing_has_no_place(function):
    nan, zero = np.array([np.nan, np.nan]), np.zeros(2)
    data = zero if function in ("argmean", "argstd") else nan
    assert np.isnan(compute(function, data, [np.arange(2.0)])).all()


AXES = [np.linspace(-5, 5, 401)[:-1], np.linspace(-8, 8, 641)[:-1]]


@pytest.mark.parametrize("angle", [0, 30, 90, 200])
def test_a_mask_has_the_area_and_the_centre_of_the_shape(angle):
    pixel = 0.025**2
    for ellipse, area in ((True, np.pi * 3 * 1.5 / 4), (False, 3 * 1.5)):
        mask = shape_mask(AXES, (1, -0.5), (3, 1.5), angle, ellipse=ellipse)
        assert mask.sum() * pixel == pytest.approx(area, rel=0.01)
        y, x = (axis[index] for axis, index in zip(AXES, np.nonzero(mask), strict=True))
        assert (x.mean(), y.mean()) == pytest.approx((1, -0.5), abs=0.02)


def test_an_unrotated_mask_is_the_slice():
    axes = [np.arange(8.0), PIXELS]
    mask = shape_mask(axes, (5, 4), (4, 2), 0, ellipse=False)
    expected = np.zeros((8, 10), bool)
    expected[3:5, 3:7] = True
    np.testing.assert_array_equal(mask, expected)


def test_a_shape_without_area_holds_nothing():
    assert not shape_mask(AXES, (0, 0), (0, 3), 0, ellipse=True).any()
