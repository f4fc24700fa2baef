"""Regions cut what PyMoDAQ 5.3.8 cuts.

The expected indexes were read from pymodaq_data 5.3.0, by slicing a DataRaw with
`vsig` on the same axes.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.devices.cropping import MATH_FUNCTIONS, box_bounds, crop, index_of

PIXELS = np.arange(10.0)
MICROMETRES = np.linspace(-20.0, 20.0, 9)  # every 5
UNEVEN = np.array([0.0, 1.0, 3.0, 7.0, 15.0])


def test_the_lower_bound_is_included_and_the_upper_is_not():
    image = np.arange(80).reshape(8, 10)
    axes = [np.arange(8.0), PIXELS]
    cut = crop(image, axes, [(2, 5), (3, 7)])
    np.testing.assert_array_equal(cut, image[2:5, 3:7])


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
    up = crop(spectrum, [MICROMETRES], [(-10, 6)])
    down = crop(spectrum[::-1], [MICROMETRES[::-1]], [(-10, 6)])
    np.testing.assert_array_equal(up, down[::-1])


def test_a_region_beside_the_data_is_empty():
    assert crop(PIXELS, [PIXELS], [(20, 30)]).size == 0


def test_a_rotated_box_is_unrotated_and_begins_at_the_rotated_corner():
    (y_low, y_high), (x_low, x_high) = box_bounds((0, 0), (4, 2), 90)
    assert (x_low, y_low) == pytest.approx((1, -2))
    assert (x_high - x_low, y_high - y_low) == pytest.approx((4, 2))


@given(
    low=st.integers(0, 9),
    length=st.integers(1, 9),
    function=st.sampled_from(sorted(MATH_FUNCTIONS)),
)
def test_the_functions_are_numpys_on_the_slice(low, length, function):
    data = np.random.default_rng(0).normal(size=10)
    got = MATH_FUNCTIONS[function](crop(data, [PIXELS], [(low, low + length)]))
    assert got == getattr(np, function)(data[low : low + length])
