"""A file that ends the process which opens it costs a catalog that one file."""

import os
import signal
from pathlib import Path

import pytest
from corpus import load, stream

from pymo_bluesky import export, open_catalog
from pymo_bluesky.catalog import apart
from pymo_bluesky.catalog.looking import look_into
from pymo_bluesky.cli import main

DEADLY = "deadly.h5"


def look_and_die(path):
    if path.endswith(DEADLY):
        os.kill(os.getpid(), signal.SIGSEGV)
    return look_into(path)


def look_and_fail(path):
    raise ZeroDivisionError(path)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Two datasets, and between them a file that HDF5 dies of."""
    monkeypatch.setenv("PYMO_CACHE", str(tmp_path / "cache"))
    base = tmp_path / "data"
    for name in ("a", "z"):
        export(load(stream("p01")), base, name)
    (base / DEADLY).write_bytes(b"\x89HDF\r\n\x1a\n")
    for path in base.iterdir():
        os.utime(path, (1, 1))
    monkeypatch.setattr(apart, "look_into", look_and_die)
    return base


@pytest.mark.parametrize("few", [4, 3], ids=["one process", "several"])
def test_it_is_a_problem_and_all_others_are_listed(few, folder, monkeypatch):
    monkeypatch.setattr(apart, "_FEW", few)
    catalog = open_catalog(folder)
    assert [run.path.name for run in catalog] == ["a.h5", "z.h5"]
    (problem,) = catalog.problems
    assert problem.kind == "crash"
    assert problem.loc == str(folder / DEADLY)
    assert "SIGSEGV" in problem.message


def test_a_program_opens_it_once_and_the_next_tries_again(folder, monkeypatch):
    catalog = open_catalog(folder)
    assert len(catalog.problems) == 1
    monkeypatch.setattr(apart, "look_into", look_and_fail)
    assert [p.kind for p in catalog.problems] == ["crash"]
    # What killed it may have been the machine; only what was read is kept on disk.
    (problem,) = open_catalog(folder).problems
    assert problem.loc == str(folder / DEADLY)
    assert "ZeroDivisionError" in problem.message


def test_the_listing_of_a_folder_and_of_the_file(folder, capsys):
    assert main(["ls", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "SIGSEGV" in err
    assert main(["ls", str(folder / DEADLY)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "SIGSEGV" in err


def test_a_relative_path_is_that_of_the_caller(folder, monkeypatch, capsys):
    assert main(["ls", str(folder / "a.h5")]) == 0  # its process has another folder
    monkeypatch.chdir(folder)
    assert main(["ls", "a.h5"]) == 0
    assert "a.h5" in capsys.readouterr().out


def test_problems_keep_the_order_of_the_folder(folder):
    for number in range(6):
        (folder / f"{number}.h5").write_text("no HDF5")
    catalog = open_catalog(folder)
    told = [Path(problem.loc).name for problem in catalog.problems]
    assert sorted(told) == [*(f"{number}.h5" for number in range(6)), DEADLY]
    assert [Path(p.loc).name for p in open_catalog(folder).problems] == told
