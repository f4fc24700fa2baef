"""Channels of a scan as numbers to draw."""

import base64

import numpy as np
import pytest

from pymo_bluesky.errors import NotFoundError, PymoError
from pymo_bluesky.model import Array, Axis, Branch, Channel, Module
from pymo_bluesky.serving.plots import (
    View,
    channel_at,
    dimensions_of,
    drawn_as,
    first_channel,
    plot,
)
from pymo_bluesky.settings import Roi

Y = Axis(label="y", units="mm", values=np.array([0.0, 1.0, 2.0]))
X = Axis(label="x", units="mm", values=np.array([10.0, 20.0]), index=1)
NM = Axis(label="wavelength", units="nm", values=np.linspace(500, 600, 5))


def channel(signal=(), axes=(), shape=(3, 2), **options):
    size = int(np.prod((*shape, *signal)))
    data = np.arange(size).reshape((*shape, *signal))
    arrays = (Array(label="counts", units="V", data=data),)
    return Channel(
        title="ch", dimension=f"Data{len(signal)}D", arrays=arrays, axes=axes, **options
    )


def grid(*channels, kind="detector"):
    module = Module(kind=kind, title="meter", channels=channels)
    return Branch(title="primary", shape=(3, 2), axes=(Y, X), modules=(module,))


def values(drawn, number=0):
    series = drawn["series"][number]
    packed = np.frombuffer(base64.b64decode(series["data"]), series["type"])
    return packed.reshape(series["shape"])


def test_one_number_over_a_grid_is_a_map_with_axes_and_units():
    found = channel()
    drawn = plot(grid(found), found, View())

    assert (drawn["how"], drawn["ways"]) == ("image", ["image", "line"])
    assert [(a["label"], a["units"]) for a in drawn["axes"]] == [
        ("y", "mm"),
        ("x", "mm"),
    ]
    assert values(drawn).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert drawn["series"][0]["units"] == "V"


def test_a_spectrum_over_a_grid_is_drawn_at_one_point():
    found = channel((5,), (NM,))
    drawn = plot(grid(found), found, View(at=(2, 1)))

    assert drawn["how"] == "line"
    assert values(drawn).tolist() == [25, 26, 27, 28, 29]
    assert [(s["label"], s["at"], s["value"]) for s in drawn["sliders"]] == [
        ("y", 2, 2.0),
        ("x", 1, 20.0),
    ]


def test_points_that_were_not_measured_are_blank():
    found = channel()
    visited = np.array([[True, True], [True, False], [False, False]])
    drawn = plot(grid(found), found, View(), visited=visited)

    np.testing.assert_array_equal(
        values(drawn), [[0, 1], [2, np.nan], [np.nan, np.nan]]
    )


def test_a_stopped_scan_shows_a_spectrum_that_was_measured():
    found = channel((5,), (NM,))
    visited = np.zeros((3, 2), bool)
    visited[0, 1] = True
    drawn = plot(grid(found), found, View(), visited=visited)
    assert [s["at"] for s in drawn["sliders"]] == [0, 1]
    assert drawn["measured"]

    elsewhere = plot(grid(found), found, View(at=(2, 0)), visited=visited)
    assert not elsewhere["measured"]
    assert np.isnan(values(elsewhere)).all()


def test_scattered_positions_are_points_the_first_axis_to_the_right():
    axes = [
        Axis(label=name, values=np.array(places), spread_order=n)
        for n, (name, places) in enumerate({"x": [0.0, 1.0], "y": [5.0, 7.0]}.items())
    ]
    found = channel(shape=(2,))
    branch = Branch(title="primary", shape=(2,), axes=tuple(axes), spread=True)
    drawn = plot(branch, found, View())

    assert drawn["how"] == "points"
    assert [a["values"] for a in drawn["axes"]] == [[0.0, 1.0], [5.0, 7.0]]


def test_no_more_is_sent_than_a_screen_shows():
    wide = Array(label="wide", data=np.arange(5000 * 3000).reshape(5000, 3000))
    found = Channel(title="ch", dimension="Data2D", arrays=(wide,))
    drawn = plot(Branch(title="primary"), found, View())
    assert drawn["series"][0]["shape"] == [1000, 1000]

    small = plot(Branch(title="primary"), found, View(most=100))
    assert small["series"][0]["shape"] == [100, 100]
    assert len(small["axes"][0]["values"]) == 100


def test_positions_that_go_to_and_fro_number_the_lines_of_a_map():
    there = Axis(label="x", values=np.array([0.0, 2.0, 1.0]))
    found = channel((5,), (NM,), shape=(3,))
    branch = Branch(title="primary", shape=(3,), axes=(there,))
    drawn = plot(branch, found, View(how="image"))
    assert drawn["axes"][0] == {"label": "point", "units": "", "values": [0, 1, 2]}


@pytest.mark.parametrize("anchor", ["centre", "corner"])
def test_regions_of_interest_lie_in_units_of_the_axes(anchor):
    up = Axis(label="y", units="um", values=np.arange(4) * 10.0)
    right = Axis(label="x", units="um", values=np.arange(6) * 2.0 + 100, index=1)
    found = channel((4, 6), (up, right), shape=())
    place = (3.0, 2.0) if anchor == "centre" else (2.0, 1.5)
    roi = Roi(name="R", position=place, size=(2, 1), anchor=anchor, unit="pixel")
    drawn = plot(Branch(title="primary"), found, View(), rois=[roi])

    # Pixel 3 of x begins where pixels 2 and 3 meet: between 104 and 106.
    assert drawn["rois"][0]["centre"] == [105.0, 15.0]
    assert drawn["rois"][0]["size"] == [4.0, 10.0]


def test_regions_are_not_drawn_over_the_map_of_a_scan():
    found = channel()
    roi = Roi(name="R", size=(1, 1))
    assert plot(grid(found), found, View(), rois=[roi])["rois"] == []


def test_what_was_measured_is_shown_before_what_was_computed_or_moved():
    computed = channel(source="calculated")
    image = channel((4, 6))
    branch = Branch(
        title="primary",
        shape=(3, 2),
        axes=(Y, X),
        modules=(
            Module(kind="actuator", title="y", channels=(channel(),)),
            Module(kind="detector", title="cam", channels=(computed, image, channel())),
        ),
    )
    assert first_channel([branch]) == "0,1,2"
    assert first_channel([Branch(title="primary")]) == ""


def test_what_cannot_be_drawn_says_so():
    branch = grid(channel())
    for place in ([0, 0, 9], [9, 0, 0], [0, -1, 0], [0, 0]):
        with pytest.raises(NotFoundError, match="there is no channel"):
            channel_at([branch], place)
    empty = Channel(
        title="ch",
        dimension="Data0D",
        arrays=(Array(label="a", data=np.zeros((0, 2))),),
    )
    with pytest.raises(PymoError, match="nothing was measured"):
        plot(branch, empty, View())
    texts = Channel(
        title="ch", dimension="Data0D", arrays=(Array(label="a", data=np.array(["x"])),)
    )
    with pytest.raises(PymoError, match="cannot be drawn"):
        plot(Branch(title="primary"), texts, View())
    with pytest.raises(NotFoundError, match="no array 3"):
        plot(branch, channel(), View(array=3))


def test_every_kind_of_channel_has_a_way_to_be_drawn():
    for shape in ((), (3,), (3, 2)):
        for signal in ((), (4,), (4, 5), (2, 4, 5)):
            branch = Branch(title="primary", shape=shape, axes=(Y, X)[: len(shape)])
            found = channel(signal, shape=shape)
            for how in drawn_as(branch, dimensions_of(branch, found)):
                drawn = plot(branch, found, View(how=how))
                assert drawn["how"] == how
                assert len(drawn["sliders"]) + len(drawn["axes"]) == len(shape + signal)
