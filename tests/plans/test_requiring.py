"""What a lab requires of each run is there, or the run does not begin."""

import pytest

from pymo_bluesky.errors import PlanError
from pymo_bluesky.plans import required_metadata, scan_1d


def test_all_that_is_missing_is_told_and_nothing_moves(session):
    required_metadata(session.engine, {"sample": str, "shift": ["day"], "visit": int})
    session.engine.md["visit"] = "seven"
    plan = scan_1d([session.photodiode], session.x, 1, 2, num=2, md={"shift": "dawn"})
    with pytest.raises(PlanError) as told:
        session.engine(plan)
    assert [problem.split(",")[0] for problem in told.value.problems] == [
        "sample is missing",
        "shift is 'dawn'",
        "visit is 'seven'",
    ]
    assert session.x.position == 0
    assert session.documents == []


def test_metadata_count_from_wherever_they_come(session):
    required_metadata(session.engine, {"sample": str, "shift": ["day"], "visit": None})
    session.engine.md["sample"] = "gold"
    plan = scan_1d([session.photodiode], session.x, 1, 2, num=2, md={"shift": "day"})
    session.engine(plan, visit=7)
    assert session.scan().attributes["sample"] == "gold"


def test_the_engines_own_check_stays(session):
    session.engine.md_validator = lambda md: (_ for _ in ()).throw(RuntimeError("own"))
    required_metadata(session.engine, {})
    with pytest.raises(RuntimeError, match="own"):
        session.engine(scan_1d([session.photodiode], session.x, 0, 1, num=2))
