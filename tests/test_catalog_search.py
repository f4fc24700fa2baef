"""Queries as databroker's users know them: MongoDB's words, on start documents."""

import datetime
import re

import numpy as np
import pytest

from pymo_bluesky import export, open_catalog
from pymo_bluesky.catalog import QueryError
from pymo_bluesky.catalog.querying import matcher, moment

START = {
    "uid": "4b1d",
    "time": 1.7e9,
    "scan_id": 7,
    "plan_name": "grid_scan",
    "detectors": ["camera", "photodiode"],
    "shape": [4, 5],
    "sample": {
        "name": "Si",
        "layers": [{"of": "SiO2", "nm": 5}, {"of": "Al", "nm": 9}],
    },
    "operator": None,
    "temperature": np.float64(77.5),
    "calibration": np.array([1.0, 2.0]),
    "purpose": "Alignment of the new mirror",
}

FIT = [
    {},
    {"plan_name": "grid_scan"},
    {"plan_name": "grid_scan", "scan_id": 7},
    {"sample.name": "Si"},
    {"sample": {"name": "Si"}},
    {"sample.layers.1.of": "Al"},
    {"sample.layers.nm": 9},
    {"detectors": "camera"},
    {"detectors": ["camera", "photodiode"]},
    {"shape": (4, 5)},
    {"calibration": [1.0, 2.0]},
    {"calibration": np.array([1.0, 2.0])},
    {"temperature": {"$gt": 77, "$lt": 78}},
    {"scan_id": {"$gte": 7, "$lte": 7}},
    {"scan_id": {"$eq": 7, "$ne": 8}},
    {"scan_id": {"$in": [1, 7]}},
    {"plan_name": {"$nin": ["count", "scan"]}},
    {"detectors": {"$in": ["camera"]}},
    {"detectors": {"$all": ["photodiode", "camera"]}},
    {"detectors": {"$size": 2}},
    {"sample.layers": {"$elemMatch": {"of": "Al", "nm": {"$gt": 8}}}},
    {"shape": {"$elemMatch": {"$gt": 4, "$lt": 6}}},
    {"plan_name": {"$regex": "^grid"}},
    {"plan_name": {"$regex": "^GRID", "$options": "i"}},
    {"plan_name": {"$not": {"$regex": "^count"}}},
    {"plan_name": re.compile("scan$")},
    {"plan_name": len},
    {"operator": None},
    {"nothing": None},
    {"nothing": {"$exists": False}},
    {"operator": {"$exists": True}},
    {"$or": [{"plan_name": "count"}, {"scan_id": 7}]},
    {"$and": [{"plan_name": "grid_scan"}, {"scan_id": 7}]},
    {"$nor": [{"plan_name": "count"}, {"scan_id": 8}]},
    {"$text": {"$search": "mirror wafer"}},
]
DO_NOT_FIT = [
    {"plan_name": "scan"},
    {"plan_name": {"of": "a text"}},
    {"sample.name.first": "Si"},
    {"sample": {"name": "Si", "age": 3}},
    {"detectors": "spectrometer"},
    {"shape": [5, 4]},
    {"scan_id": {"$gt": "a"}},
    {"scan_id": {"$ne": 7}},
    {"scan_id": {"$gt": 7}},
    {"nothing": {"$exists": True}},
    {"nothing": 0},
    {"detectors": {"$all": ["camera", "spectrometer"]}},
    {"detectors": {"$size": 3}},
    {"sample.layers": {"$elemMatch": {"of": "Al", "nm": 5}}},
    {"plan_name": {"$regex": "^scan"}},
    {"scan_id": {"$regex": "7"}},
    {"$or": [{"plan_name": "count"}, {"scan_id": 8}]},
    {"$text": {"$search": "wafer"}},
]


@pytest.mark.parametrize("query", FIT, ids=str)
def test_what_fits(query):
    assert matcher(query)(START)


@pytest.mark.parametrize("query", DO_NOT_FIT, ids=str)
def test_what_does_not(query):
    assert not matcher(query)(START)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"$where": "1"}, r"\$where is not known here; known are \$and"),
        ({"scan_id": {"$near": 1}}, r"\$near is not known"),
        ({"scan_id": {"$in": 7}}, r"\$in needs a list, not 7"),
        ({"scan_id": {"$gt": 7, "of": 1}}, "mixes operators"),
        ({"plan_name": {"$regex": "("}}, "no regular expression"),
        ({"plan_name": {"$regex": "a", "$options": "q"}}, r"\$options knows"),
        ({"$text": {"$search": " "}}, "needs words"),
        ({"$or": [1]}, r"\$or needs a mapping"),
    ],
    ids=str,
)
def test_what_is_no_query_is_told_before_any_run_is_looked_at(query, told):
    with pytest.raises(QueryError, match=told):
        matcher(query)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "when"),
        [
            ("2026", (2026, 1, 1)),
            ("2026-03", (2026, 3, 1)),
            ("2026-03-04", (2026, 3, 4)),
            ("2026-03-04 05:06", (2026, 3, 4, 5, 6)),
            ("2026-03-04T05:06:07", (2026, 3, 4, 5, 6, 7)),
        ],
    )
    def test_a_text_is_the_beginning_of_what_it_names(self, text, when):
        assert moment(text) == datetime.datetime(*when).timestamp()

    def test_dates_and_seconds(self):
        assert moment(datetime.date(2026, 3, 4)) == moment("2026-03-04")
        assert moment(datetime.datetime(2026, 3, 4, 5)) == moment("2026-03-04 05:00")
        assert moment(12.5) == 12.5

    @pytest.mark.parametrize("text", ["yesterday", "2026-13", "99999"])
    def test_what_is_no_time(self, text):
        with pytest.raises(QueryError, match="is no time"):
            moment(text)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A run on each of five days of March."""
    folder = tmp_path_factory.mktemp("march")
    for day in range(1, 6):
        noon = datetime.datetime(2026, 3, day, 12).timestamp()
        start = {
            **{"uid": f"day-{day}", "time": noon, "scan_id": day},
            "plan_name": "count" if day % 2 else "scan",
        }
        export([("start", start)], folder)
    return open_catalog(folder)


def days(catalog) -> list[int]:
    return [run.start["scan_id"] for run in catalog]


def test_members_as_databroker_takes_them(catalog):
    assert days(catalog.search(plan_name="scan")) == [2, 4]
    assert days(catalog.search({"scan_id": {"$gt": 2}}, plan_name="scan")) == [4]


def test_a_time_range_has_its_beginning_and_not_its_end(catalog):
    assert days(catalog.search(since="2026-03-02", until="2026-03-04")) == [2, 3]
    assert days(catalog.search(since="2026-03-04 12:00")) == [4, 5]
    assert days(catalog.search(until="2026-03-04 12:00")) == [1, 2, 3]
    assert days(catalog.search(until="2026-03")) == []
    with pytest.raises(QueryError, match="later than until"):
        catalog.search(since="2026-03-05", until="2026-03-01")


def test_a_search_goes_on_from_a_search(catalog):
    late = catalog.search(since="2026-03-02")
    assert days(late.search(plan_name="count")) == [3, 5]
    assert late.search(plan_name="count")[-1].uid == "day-5"
    assert repr(late.search(plan_name="count")).startswith("<Catalog of 2 runs")


def test_a_search_follows_the_folder(tmp_path):
    found = open_catalog(tmp_path).search(plan_name="count")
    assert len(found) == 0
    for number, plan in enumerate(("count", "scan"), 1):
        start = {"uid": f"run-{number}", "time": 0.0, "plan_name": plan}
        export([("start", start)], tmp_path)
        assert [run.uid for run in found] == ["run-1"]


def test_a_run_whose_file_is_lost_while_it_is_searched_is_left_out(tmp_path):
    for number in (1, 2):
        export([("start", {"uid": f"run-{number}", "time": 0.0})], tmp_path)
    catalog = open_catalog(tmp_path)

    def loses_the_other(uid) -> bool:
        (tmp_path / "run-2.h5").unlink(missing_ok=True)
        return True

    assert [run.uid for run in catalog.search(uid=loses_the_other)] == ["run-1"]
