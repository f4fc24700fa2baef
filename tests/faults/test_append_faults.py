"""A scan enters whole or not at all, whichever system call is the last or fails.

Not random kills: every call that changes a file is tried, in turn (``append_lab.py``
under ``shim.c``). Where a program goes on after an error, each third is by default:
``PYMO_FAULTS=all`` tries all.
"""

import os

import pytest

pytestmark = pytest.mark.faults

ENOSPC, EIO, EPERM, ENOLCK = 28, 5, 1, 37
KILLS = {
    "killed before the call": {"shim_kill": 1},
    "killed half-way through a write": {"shim_kill": 1, "shim_half": 1},
}
ERRORS = {
    "the disk is full once": {"shim_errno": ENOSPC},
    "the disk is full from then on": {"shim_errno": ENOSPC, "shim_sticky": 1},
    "the disk fails once": {"shim_errno": EIO},
    "the disk fails from then on": {"shim_errno": EIO, "shim_sticky": 1},
}
EVERY = 1 if os.environ.get("PYMO_FAULTS") == "all" else 3
STAYING_ERRORS = {name: how for name, how in ERRORS.items() if "shim_sticky" in how}


def settings(cases: dict[str, dict[str, int]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("how", cases.values(), ids=cases.keys())


def assert_dataset_is_sound(results: list[dict]) -> None:
    """Earlier scans identical, the new one whole or absent, the next append works."""
    broken = [
        result
        for result in results
        if not result.get("earlier")
        or result["new"] not in {"whole", "absent"}
        or not result["goes_on"]
        or result["left_over"]
    ]
    assert not broken


@settings(KILLS)
def test_a_killed_append_leaves_the_scan_whole_or_absent(lab, how):
    results = lab("append", how)
    assert_dataset_is_sound(results)
    assert {result["rc"] for result in results} == {-9}
    # All four stages were reached: tail, undo file, pages, committed.
    assert len(results) > 60
    assert sum(result["undo"] for result in results) >= 4
    assert [result["new"] for result in results].count("whole") == 1


@settings(ERRORS)
def test_a_failing_append_is_refused_and_the_process_lives(lab, how):
    results = lab("append", how | {"every": EVERY})
    assert_dataset_is_sound(results)
    assert {result["rc"] for result in results} == {0}  # no crash at interpreter exit
    assert len(results) > 60 // EVERY
    for result in results:
        done = result["outcome"] == "done"
        assert (result["new"] == "whole") == done, result
        said_kept = "undo is kept" in result["outcome"]
        assert result["undo"] == said_kept, result


def test_writes_that_the_system_splits_are_completed(lab):
    results = lab("append", {"shim_half": 1, "every": EVERY})
    assert_dataset_is_sound(results)
    assert {result["new"] for result in results} == {"whole"}


@settings(KILLS | {"the disk fails once": {"shim_errno": EIO}})
def test_a_roll_back_may_be_interrupted_and_repeated(lab, how):
    results = lab("roll_back", how | {"every": EVERY})
    assert_dataset_is_sound(results)
    assert {result["new"] for result in results} == {"absent"}
    assert {result["rc"] for result in results} == {-9 if "shim_kill" in how else 0}
    assert len({result["start"] for result in results}) >= 8
    assert any(result["rolled_back"] for result in results)


@settings(KILLS | STAYING_ERRORS)
def test_a_new_dataset_appears_complete_or_not_at_all(lab, how):
    results = lab("create", how)
    assert {result["new"] for result in results} == {"whole", "absent"}
    assert all(result["goes_on"] and not result["left_over"] for result in results)
    assert {result["rc"] for result in results} == {-9 if "shim_kill" in how else 0}


def test_without_hard_links_at_worst_the_name_is_taken(lab):
    results = lab("create", {"shim_kill": 1, "shim_link_errno": EPERM})
    states = [result["new"] for result in results]
    assert set(states) == {"whole", "absent", "claimed"}
    assert states.count("claimed") == 1
    assert all(result["goes_on"] and not result["left_over"] for result in results)


def test_without_file_locks_an_append_goes_on_with_a_warning(lab):
    (result,) = lab("once", {"shim_flock_errno": ENOLCK})
    assert_dataset_is_sound([result])
    assert result["outcome"] == "done"
    assert [w for w in result["warnings"] if "has no locks" in w] == result["warnings"]
    assert len(result["warnings"]) == 1
