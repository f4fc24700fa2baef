"""A finished file gets its name, and takes it from nobody."""

import errno
import os
from pathlib import Path

import pytest

from pymo_bluesky.errors import WriteError
from pymo_bluesky.publishing import publish


@pytest.fixture(params=["hard links", "no hard links"])
def draft(request, tmp_path, monkeypatch) -> Path:
    if request.param == "no hard links":

        def refused(*_, **__):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / ".draft"
    path.write_text("all of it")
    return path


def test_the_whole_file_is_there(draft):
    final = draft.with_name("final")
    publish(draft, final)
    assert final.read_text() == "all of it"


def test_what_appeared_meanwhile_stays(draft):
    final = draft.with_name("final")
    final.write_text("of somebody else")
    with pytest.raises(WriteError, match="not replaced") as told:
        publish(draft, final)
    assert told.value.errno == errno.EEXIST
    assert final.read_text() == "of somebody else"
    assert draft.read_text() == "all of it"


def test_a_link_that_leads_nowhere_is_not_followed(draft):
    final = draft.with_name("final")
    final.symlink_to(draft.with_name("elsewhere"))
    with pytest.raises(WriteError, match="not replaced"):
        publish(draft, final)
    assert not final.exists()


def test_a_claimed_name_is_given_back(draft):
    draft.unlink()
    final = draft.with_name("final")
    with pytest.raises(WriteError, match="cannot be written"):
        publish(draft, final)
    assert not final.exists()
