"""No name that a user or a document gives leads out of the folder, or nowhere."""

import json
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.errors import PymoError
from pymo_bluesky.names import dataset_name, file_prefix, safe_name

HOSTILE = json.loads(Path(__file__).with_name("names.json").read_text())["plan_name"]
GIVEN = {"date": "20261122", "year": "2026", "time": "12_30_00"}


def is_safe(name: str) -> bool:
    return (
        PurePosixPath(name).name == name
        and name not in (".", "..")
        and not name.startswith((".", "-", "~", " "))
        and not name.endswith((".", " "))
        and name.isprintable()
        and not set(name) & set('/\\:*?"<>|')
        and len(name.encode()) <= 200
    )


@given(st.text() | st.sampled_from(HOSTILE))
def test_any_text_becomes_a_name_that_is_safe_or_nothing(text):
    name = safe_name(text)
    assert name == "" or is_safe(name)


@given(st.text(max_size=300))
def test_a_safe_name_stays_as_it_is(text):
    assert safe_name(safe_name(text)) == safe_name(text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_document_says_cannot_lead_elsewhere(hostile):
    assert is_safe(file_prefix("{start[plan_name]}", {"plan_name": hostile}))
    for part in dataset_name("{year}/{plan_name}", {"plan_name": hostile}, GIVEN).parts:
        assert is_safe(part)


@pytest.mark.parametrize("device", ["CON", "nul.txt", "com1", "LPT9.a.b"])
def test_names_that_windows_keeps_for_devices_are_avoided(device):
    assert safe_name(device) == f"_{device}"


def test_a_name_is_cut_between_characters():
    assert safe_name("é" * 300) == "é" * 100


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("plain", "plain"),
        ("{uid}", "4b1d"),
        ("{start[uid]}-{start[scan_id]}", "4b1d-7"),
        ("{plan_name}", "grid_scan"),
        ("{start[sample]}", "Si 111"),
    ],
)
def test_a_prefix_looks_up_the_start_document(template, name):
    start = {
        "uid": "4b1d",
        "scan_id": 7,
        "plan_name": "grid_scan",
        "sample": {"name": "Si 111"},
    }
    assert file_prefix(template, start) == name


@pytest.mark.parametrize(
    "template",
    [
        "{uid.__class__}",
        "{uid!r}",
        "{uid:>2000000000}",
        "{start[uid].x}",
        "{start[a][b]}",
        "{0}",
        "{}",
        "{uid",
        "other[uid]}",
        "{given[date]}",
    ],
)
def test_a_template_that_is_more_than_a_look_up_is_refused(template):
    with pytest.raises(PymoError):
        file_prefix(template, {"uid": "4b1d"})


def test_a_field_that_is_absent_is_told_with_those_that_are_there():
    with pytest.raises(PymoError, match=r"has no 'sample', only scan_id, uid"):
        file_prefix("{sample}", {"uid": "4b1d", "scan_id": 7})


def test_a_field_cannot_bring_in_another_field():
    assert (
        file_prefix("{plan_name}", {"plan_name": "{uid}", "uid": "secret"}) == "{uid}"
    )


def test_a_dataset_without_a_sample_is_written_all_the_same():
    assert str(dataset_name("{sample}_{date}", {}, GIVEN)) == "none_20261122"


@pytest.mark.parametrize(
    "template", ["", "a//b", "{year}/", "/etc/passwd", "..", "a/../b"]
)
def test_a_part_of_a_template_that_names_nothing_is_refused(template):
    with pytest.raises(PymoError, match="empty name"):
        dataset_name(template, {}, GIVEN)
