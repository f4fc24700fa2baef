"""Nothing that was acknowledged is lost, whichever system call is the last or fails.

Every call that changes a file is tried in turn (``writing_lab.py`` under ``shim.c``).
That takes long: by default some of the points are tried, spread evenly and not the same
in every test. ``PYMO_FAULTS=all`` tries each, ``PYMO_FAULTS=3`` each third.
"""

import os

import pytest

pytestmark = pytest.mark.faults

EVERY = {
    "one run": 29,
    "interleaved runs": 59,
    "appending": 29,
    "frames": 37,
    "frames in place": 37,
    "frames in place, twice": 83,
    "frames appended": 37,
}
SCRIPTS = tuple(EVERY)
ENOSPC, EIO, EDQUOT, EROFS, EINTR = 28, 5, 122, 30, 4
KILLS = {
    "killed before the call": {"shim_kill": 1},
    "killed half-way through a write": {"shim_kill": 1, "shim_half": 1},
}
ERRORS = {
    "the disk is full once": {"shim_errno": ENOSPC},
    "the disk is full from then on": {"shim_errno": ENOSPC, "shim_sticky": 1},
    "the disk fails once, half-way": {"shim_errno": EIO, "shim_half": 1},
    "the disk fails from then on": {"shim_errno": EIO, "shim_sticky": 1},
    "the quota is used up": {"shim_errno": EDQUOT, "shim_sticky": 1},
    "the disk turns read-only": {"shim_errno": EROFS, "shim_sticky": 1},
}


def cases(settings):
    return pytest.mark.parametrize("how", settings.values(), ids=settings.keys())


def some(script, how):
    """Which points: one of `every`, from a place that differs from test to test."""
    asked = os.environ.get("PYMO_FAULTS", "")
    every = 1 if asked == "all" else int(asked or EVERY[script])
    first = 1 + sum(how.values()) % every
    return {**how, "script": script, "every": every, "first": first}


def assert_all_came_back(results):
    """What was acknowledged is there, exactly and once; what was there is unharmed."""
    broken = [
        result
        for result in results
        if result.get("lost", 1)
        or result["wrong"]
        or not result["earlier"]
        or not result["goes_on"]
        or result["again"]
        or result["left_over"]
    ]
    assert not broken


@cases(KILLS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_kill_loses_no_document_and_harms_no_scan(writing_lab, script, how):
    results = writing_lab("write", some(script, how))
    assert_all_came_back(results)
    assert {result["rc"] for result in results} == {-9}
    # Some were killed while the run went on, others while its scan was added.
    assert len({len(result["acked"]) for result in results}) >= 2


@cases(ERRORS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_failing_disk_is_told_and_the_process_lives(writing_lab, script, how):
    results = writing_lab("write", some(script, how))
    assert_all_came_back(results)
    assert {result["rc"] for result in results} == {0}
    for result in results:
        # At most a journal stayed whose scan is in: a warning tells it.
        left = [told for told in result["told"] if ", was in " not in told]
        complete = result["kept"] == len(result["acked"]) and not left
        assert complete or result["errors"], result
        assert not [e for e in result["errors"].values() if "ReferenceError" in e]
    assert any(result["errors"] for result in results)


@cases({"split": {"shim_half": 1}, "interrupted": {"shim_errno": EINTR}})
def test_writes_that_the_system_splits_or_interrupts_are_completed(writing_lab, how):
    results = writing_lab("write", some("one run", how))
    assert_all_came_back(results)
    assert {result["rc"] for result in results} == {0}
    if "shim_half" in how:
        assert not [result for result in results if result["errors"]]


@cases(KILLS | {"the disk fails once": {"shim_errno": EIO}})
@pytest.mark.parametrize("script", ["interleaved runs", "appending"])
def test_a_recovery_may_itself_be_cut_off(writing_lab, script, how):
    how = some(script, how)
    states = {"interleaved runs": [90, 160, 230], "appending": [8, 75]}[script]
    results = writing_lab("recover", {**how, "states": states})
    assert_all_came_back(results)
    assert {result["rc"] for result in results} == {-9 if "shim_kill" in how else 0}
    assert len({result["state"] for result in results}) == len(states)


def test_kills_at_random_moments_lose_nothing(writing_lab):
    trials = 60 if os.environ.get("PYMO_FAULTS") == "all" else 10
    results = writing_lab("kill", {"seed": 1, "trials": trials, "most": 0.5})
    assert_all_came_back(results)
    assert len(results) == trials


@cases(
    {
        "the disk is full once": {"shim_errno": ENOSPC},
        "the disk fails once": {"shim_errno": EIO, "shim_half": 1},
    }
)
def test_a_run_goes_on_elsewhere_when_asked_to(writing_lab, how):
    options = {"on_error": "continue", "rescue": True}
    results = writing_lab("write", {**some("one run", how), "options": options})
    assert_all_came_back(results)
    assert {result["rc"] for result in results} == {0}
    assert not [result for result in results if result["errors"]]


@cases(ERRORS)
def test_documents_that_wait_are_written_or_told(writing_lab, how):
    options = {"max_pending": 10**6}
    results = writing_lab("write", {**some("one run", how), "options": options})
    assert {result["rc"] for result in results} == {0}
    for result in results:
        assert not result["wrong"], result
        assert result["goes_on"], result
        if result["lost"]:
            assert result["errors"], result
