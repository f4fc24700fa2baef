"""The index on disk: fast the second time, never believed when it may be wrong."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from corpus import load, stream

from pymo_bluesky import export, open_catalog
from pymo_bluesky.catalog import index
from pymo_bluesky.catalog.kept import Kept, cache_folder
from pymo_bluesky.cli import main

NAMES = ("p01", "p02", "p05")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PYMO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three datasets that nobody wrote to for an hour."""
    base = tmp_path / "data"
    for name in NAMES:
        export(load(stream(name)), base / "below", name)
    settle(base)
    return base


def settle(folder: Path) -> None:
    """Make files older than the coarsest clock of a file system."""
    for path in folder.rglob("*.h5"):
        before = path.stat().st_mtime_ns - 3600 * 10**9
        os.utime(path, ns=(before, before))


@pytest.fixture
def opened(monkeypatch) -> list[Path]:
    """Files that are looked into from now on."""
    found = []
    look = index.look_at

    def noting(files, known):
        found.extend(files)
        return look(files, known)

    monkeypatch.setattr(index, "look_at", noting)
    return found


def told(catalog) -> list[tuple]:
    """What is to be the same whether it was kept or looked up."""
    return [
        (run.path, run.scan, run.uid, run.about.packed(), dict(run.start))
        for run in catalog
    ]


class TestTheSecondTime:
    def test_no_file_is_opened_and_nothing_differs(self, folder, opened):
        first = told(open_catalog(folder))
        assert len(opened) == len(NAMES)
        opened.clear()
        again = open_catalog(folder)
        assert told(again) == first
        assert len(again.search(plan_name="grid_scan")) == 1
        assert opened == []

    def test_a_file_alone_is_not_opened_either(self, folder, opened, capsys):
        """`ls FILE` and the catalog of its folder know what the other found."""
        (path,) = (folder / "below").glob("p02.h5")
        assert main(["ls", "--json", str(path)]) == 0
        first = capsys.readouterr().out
        assert opened == [path]
        open_catalog(folder / "below").problems  # noqa: B018
        assert len(opened) == len(NAMES)
        assert main(["ls", "--json", str(path)]) == 0
        assert capsys.readouterr().out == first
        assert len(opened) == len(NAMES)

    def test_a_file_alone_that_changed_is_opened(self, folder, opened, capsys):
        path = folder / "below" / "p02.h5"
        main(["ls", str(path)])
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        main(["ls", str(path)])
        assert opened == [path, path]

    def test_a_listing_imports_no_numpy(self, folder):
        code = "import sys; from pymo_bluesky.cli import main; main(['ls', "
        code += "sys.argv[1]]); print(*{'numpy', 'h5py'} & {*sys.modules})"
        words = [sys.executable, "-c", code, str(folder / "below" / "p02.h5")]
        for _ in ("another process looks", "it is known"):
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            assert done.stdout.splitlines()[-1] == ""

    def test_a_process_of_its_own(self, folder):
        code = "import sys; from pymo_bluesky import open_catalog; "
        code += "print(*(r.uid for r in open_catalog(sys.argv[1]))); "
        code += "print('h5py' in sys.modules)"
        words = [sys.executable, "-c", code, str(folder)]
        first, second = (
            subprocess.run(words, capture_output=True, text=True, check=True).stdout
            for _ in range(2)
        )
        assert first == second
        assert len(first.split()) == len(NAMES) + 1

    @pytest.mark.parametrize("change", ["time", "bytes", "another file", "bigger"])
    def test_a_file_that_changed_is_opened(self, change, folder, opened):
        open_catalog(folder).problems  # noqa: B018
        opened.clear()
        path = folder / "below" / "p02.h5"
        about = path.stat()
        if change == "another file":
            copy = path.with_name(".copy")
            copy.write_bytes(path.read_bytes())
            copy.replace(path)
            os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))
        elif change == "bigger":
            with path.open("ab") as file:
                file.write(b"\0")
            os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))
        elif change == "bytes":
            path.write_bytes(path.read_bytes())
        else:
            os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns + 1))
        assert len(open_catalog(folder)) == len(NAMES)
        assert opened == [path]

    def test_files_come_and_go(self, folder):
        assert len(open_catalog(folder)) == 3
        (folder / "below" / "p02.h5").unlink()
        assert len(open_catalog(folder)) == 2
        export(load(stream("p13")), folder)
        assert len(open_catalog(folder)) == 3
        gone = Kept(folder).files().keys()
        assert folder / "below" / "p02.h5" not in gone

    def test_a_file_that_was_just_written_is_not_yet_believed(self, folder, opened):
        """Within one tick of its clock a file can change and keep its stamp."""
        export(load(stream("p13")), folder)
        for _ in range(2):
            opened.clear()
            assert len(open_catalog(folder)) == 4
        assert opened == [folder / f"{load(stream('p13'))[0][1]['uid']}.h5"]

    def test_foreign_files_are_kept_as_such(self, folder, opened):
        import h5py

        with h5py.File(folder / "other.h5", "w") as file:
            file.create_group("entry")
        settle(folder)
        first = open_catalog(folder).problems
        opened.clear()
        assert open_catalog(folder).problems == first
        assert len(first) == 1
        assert opened == []

    def test_texts_of_many_pages_are_not_kept(self, tmp_path, opened):
        start = {"uid": "4b1d", "time": 0.0, "note": "x" * 5000, "few": ["words"]}
        export([("start", start)], tmp_path / "data")
        settle(tmp_path / "data")
        assert len(open_catalog(tmp_path / "data")) == 1
        run = open_catalog(tmp_path / "data")[-1]
        assert dict(run.start) == {"uid": "4b1d", "time": 0.0, "few": ["words"]}
        assert run.metadata["start"] == start


class TestWhatCannotBeRelied:
    """An index may be damaged, foreign, of another version, or not writable."""

    @pytest.fixture
    def kept(self, folder) -> Path:
        assert len(open_catalog(folder)) == len(NAMES)
        path = Kept(folder).path
        assert path is not None
        assert path.exists()
        return path

    def damage_all(self, path: Path) -> None:
        path.write_bytes(b"by far no database, but long enough to be one" * 500)

    def cut(self, path: Path) -> None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def empty(self, path: Path) -> None:
        path.write_bytes(b"")

    def other_version(self, path: Path) -> None:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
            database.execute("ALTER TABLE files RENAME TO other")

    def flip(self, path: Path) -> None:
        with sqlite3.connect(path) as database:
            for table, column in (("files", "about"), ("starts", "start")):
                database.execute(
                    f"UPDATE {table} SET {column} = CAST(substr({column}, 2) AS BLOB)"
                )

    def other_types(self, path: Path) -> None:
        with sqlite3.connect(path) as database:
            database.execute("UPDATE files SET about = 5, crc = 'a'")

    @pytest.mark.parametrize(
        "harm", ["damage_all", "cut", "empty", "other_version", "flip", "other_types"]
    )
    def test_it_is_made_anew(self, harm, kept, folder, opened):
        good = told(open_catalog(folder))
        opened.clear()
        getattr(self, harm)(kept)
        assert told(open_catalog(folder)) == good
        assert len(opened) == len(NAMES)
        opened.clear()
        assert told(open_catalog(folder)) == good  # and kept again, at the latest now
        opened.clear()
        assert told(open_catalog(folder)) == good
        assert opened == []

    def test_bytes_that_fell_over_never_give_a_wrong_run(self, kept, folder):
        good = told(open_catalog(folder))
        whole = kept.read_bytes()
        for place in range(0, len(whole), len(whole) // 40):
            kept.write_bytes(whole[:place] + b"\xa5" + whole[place + 1 :])
            assert told(open_catalog(folder)) == good

    def test_no_folder_for_it(self, folder, monkeypatch, tmp_path):
        blocked = tmp_path / "a file"
        blocked.write_text("")
        monkeypatch.setenv("PYMO_CACHE", str(blocked))
        assert len(open_catalog(folder).search(plan_name="grid_scan")) == 1

    def test_it_can_be_left_out(self, folder, monkeypatch, cache):
        monkeypatch.setenv("PYMO_CACHE", "")
        assert len(open_catalog(folder)) == len(NAMES)
        assert cache_folder() is None
        assert not cache.exists()

    def test_another_program_that_writes_for_ever(self, kept, folder, monkeypatch):
        monkeypatch.setattr("pymo_bluesky.catalog.kept._PATIENCE", 0.05)
        export(load(stream("p13")), folder)
        settle(folder)
        database = sqlite3.connect(kept, isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        assert len(open_catalog(folder)) == len(NAMES) + 1
        database.close()
        assert len(open_catalog(folder)) == len(NAMES) + 1


def test_nothing_is_written_into_the_folder(folder):
    before = sorted(folder.rglob("*"))
    assert len(open_catalog(folder)) == len(NAMES)
    assert sorted(folder.rglob("*")) == before


def test_a_folder_that_may_only_be_read(folder, permissions_hold):
    for path in (folder / "below", folder):
        path.chmod(0o555)
    try:
        assert len(open_catalog(folder)) == len(open_catalog(folder)) == len(NAMES)
    finally:
        for path in (folder, folder / "below"):
            path.chmod(0o755)


def test_names_that_are_no_utf_8(folder):
    name = os.fsdecode(b"m\xfcller.h5")
    (folder / "below" / "p02.h5").rename(folder / name)
    first = told(open_catalog(folder))
    assert {path.name for path, *_ in first} == {"p01.h5", "p05.h5", name}
    assert told(open_catalog(folder)) == first


def test_threads_share_a_catalog(folder, opened):
    catalog = open_catalog(folder)
    found, errors = [], []

    def ask():
        try:
            found.append([run.start["uid"] for run in catalog])
        except Exception as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(found) == 8
    assert len({tuple(uids) for uids in found}) == 1
    assert len(opened) == len(NAMES)


def test_programs_share_an_index(folder):
    code = "import sys; from pymo_bluesky import open_catalog; "
    code += "print(len(open_catalog(sys.argv[1]).search(plan_name='grid_scan')))"
    words = [sys.executable, "-c", code, str(folder)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(3)]
    assert [program.communicate()[0] for program in running] == [b"1\n"] * 3
    assert len(Kept(folder).files()) == len(NAMES)
