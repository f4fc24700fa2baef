"""`pymo-bluesky ls`: one line a scan, for people and for programs."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from corpus import load, stream
from specimens import SPECIMENS, unpacked

from pymo_bluesky import export, open_catalog, open_dataset, replay
from pymo_bluesky.cli import main
from pymo_bluesky.journal import SUFFIX, JournalWriter

DAY = 86400.0


@pytest.fixture
def dataset(tmp_path) -> Path:
    """Two runs, the second a snaked grid, in one file."""
    documents = [*load(stream("p02")), *load(stream("p05"))]
    (path,) = export(documents, tmp_path, "both")["pymodaq"]
    return Path(path)


@pytest.fixture
def march(tmp_path, monkeypatch) -> Path:
    """A run on each of five days, in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    for day in range(1, 6):
        start = {
            **{"uid": f"day-{day}", "time": 1772366400.0 + (day - 1) * DAY},
            **{"plan_name": "grid_scan" if day % 2 else "count", "scan_id": day},
        }
        export([("start", start)], tmp_path / "march")
    return tmp_path / "march"


def listed(*words, capsys) -> list[dict]:
    assert main(["ls", "--json", *map(str, words)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestLines:
    def test_a_dataset(self, dataset, capsys):
        assert main(["ls", str(dataset)]) == 0
        lines = capsys.readouterr().out.splitlines()
        uids = [doc["uid"] for name, doc in replay(dataset) if name == "start"]
        words = [line.split() for line in lines]
        assert [(w[0], w[1], w[2], w[-1]) for w in words] == [
            ("0", str(dataset), "Scan000", uids[0][:8]),
            ("1", str(dataset), "Scan001", uids[1][:8]),
        ]
        for part in ("grid_scan", "4 x 5", "det4", "success"):
            assert part in lines[1]

    def test_the_index_of_a_file_is_that_of_its_scans(self, dataset, capsys):
        with open_dataset(dataset) as opened:
            for line in listed(dataset, capsys=capsys):
                assert opened.scans[line["index"]].uid == line["uid"]

    def test_the_index_of_a_folder_is_that_of_its_catalog(self, march, capsys):
        catalog = open_catalog(march)
        lines = listed(march, capsys=capsys)
        assert [line["index"] for line in lines] == [-5, -4, -3, -2, -1]
        for line in lines:
            assert catalog[line["index"]].uid == line["uid"]

    def test_files_of_every_pymodaq(self, tmp_path, capsys):
        for specimen in SPECIMENS:
            unpacked(specimen, tmp_path)
        lines = listed(tmp_path, capsys=capsys)
        assert {Path(line["path"]).name for line in lines} == {
            f"{specimen.replace('/', '-')}.h5" for specimen in SPECIMENS
        }
        maps = [line for line in lines if line["shape"] == [4, 3]]
        assert {line["status"] for line in maps} == {"success", "abort"}
        assert all(line["detectors"] for line in maps)

    def test_here_by_default(self, dataset, monkeypatch, capsys):
        monkeypatch.chdir(dataset.parent)
        assert main(["ls"]) == 0
        assert capsys.readouterr().out.split()[:2] == ["-2", "both.h5"]

    def test_an_empty_folder_gives_no_line(self, tmp_path, capsys):
        assert main(["ls", str(tmp_path)]) == 0
        assert capsys.readouterr() == ("", "")


class TestFilters:
    def days(self, *words, capsys) -> list[int]:
        return [line["scan_id"] for line in listed(*words, capsys=capsys)]

    def test_time(self, march, capsys):
        words = (march, "--since", "2026-03-02", "--until", "2026-03-04")
        assert self.days(*words, capsys=capsys) == [2, 3]

    def test_plan(self, march, capsys):
        assert self.days(march, "--plan", "count", capsys=capsys) == [2, 4]
        assert self.days(march, "--plan", "*grid*", capsys=capsys) == [1, 3, 5]
        assert self.days(march, "--plan", "grid", capsys=capsys) == []

    def test_the_index_stays_that_of_all(self, march, capsys):
        (line,) = listed(march, "--since", "2026-03-05", capsys=capsys)
        assert line["index"] == -1

    def test_what_is_no_time(self, march, capsys):
        with pytest.raises(SystemExit) as end:
            main(["ls", str(march), "--since", "yesterday"])
        assert end.value.code == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "'yesterday' is no time; give 2026" in err


class TestWhatIsNotWhole:
    def test_a_file_that_is_no_dataset_is_told_and_the_rest_is_listed(
        self, dataset, capsys
    ):
        other = dataset.with_name("a.h5")
        other.write_text("no HDF5")
        assert main(["ls", str(dataset.parent)]) == 1
        out, err = capsys.readouterr()
        assert out.count("Scan00") == 2
        assert err.count("\n") == 1
        assert str(other) in err

    def test_a_run_that_goes_on(self, tmp_path, capsys):
        path = tmp_path / f"Dataset_20260301_000.h5.4b1d{SUFFIX}"
        about = {"run": "4b1d", "layout": "pymodaq5", "dataset": path.name[:-13]}
        writer = JournalWriter(path, about | {"dataset": "Dataset_20260301_000.h5"})
        start = {"uid": "4b1d", "time": 1e9, "plan_name": "scan"}
        writer.append("start", start)
        (line,) = listed(tmp_path, capsys=capsys)
        assert (line["status"], line["index"], line["uid"]) == ("running", None, "4b1d")
        assert line["path"] == str(tmp_path / "Dataset_20260301_000.h5")
        writer.close()
        (line,) = listed(tmp_path, capsys=capsys)
        assert line["status"] == "interrupted"

    @pytest.mark.parametrize("name", ["", ".", ".."])
    def test_a_journal_that_names_no_dataset(self, name, tmp_path, capsys):
        path = tmp_path / f"run{SUFFIX}"
        with JournalWriter(path, {"run": "4b1d", "dataset": name}) as writer:
            writer.append("start", {"uid": "4b1d", "time": 1e9})
        (line,) = listed(tmp_path, capsys=capsys)
        assert (line["status"], line["uid"]) == ("interrupted", "4b1d")

    def test_a_file_that_pymodaq_writes_now(self, dataset, capsys):
        with h5py.File(dataset.with_name("now.h5"), "w") as file:
            file.create_group("RawData")
            file.flush()
            lines = listed(dataset.parent, capsys=capsys)
        assert [line["status"] for line in lines][-1] == "being written"


def run(words, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pymo_bluesky", *map(str, words)]
    environment = os.environ | options
    return subprocess.run(command, capture_output=True, env=environment, check=True)


class TestTerminals:
    """Pipes get whole lines, terminals lines that fit; old locales get ASCII."""

    def at_terminal(self, words, columns: int) -> str:
        """What a terminal of some width would show."""
        ours, theirs = pty.openpty()
        environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "pymo_bluesky", *map(str, words)]
        with subprocess.Popen(command, stdout=theirs, env=environment) as program:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    part = os.read(ours, 4096)
                except OSError:  # the terminal was hung up
                    break
                if not part:
                    break
                shown += part
        os.close(ours)
        assert program.returncode == 0
        return shown.decode()

    def test_a_narrow_one(self, dataset):
        lines = self.at_terminal(["ls", dataset], 40).splitlines()
        assert [len(line) for line in lines] == [40, 40]
        assert all(line.endswith("…") for line in lines)

    def test_a_wide_one(self, dataset):
        shown = self.at_terminal(["ls", dataset], 500)
        piped = run(["ls", dataset]).stdout.decode()
        assert shown.splitlines() == piped.splitlines()
        assert "\x1b" not in shown

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
    def test_an_old_locale(self, encoding, tmp_path):
        path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
        path = path.rename(tmp_path / "größe_日本.h5")
        for words in (["ls", path], ["show", path, "--settings"], ["validate", path]):
            done = run(words, PYTHONIOENCODING=encoding)
            assert done.stdout.decode(encoding)
            assert not done.stderr
        shown = run(["show", path], PYTHONIOENCODING=encoding).stdout.decode(encoding)
        assert f"{'└──' if encoding == 'utf-8' else '`--'} Scan000" in shown

    def test_a_text_that_would_steer_a_terminal(self, tmp_path, capsys):
        start = {"uid": "4b1d", "time": 1e9, "plan_name": "\x1b[31mred\nline"}
        export([("start", start)], tmp_path)
        assert main(["ls", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert out.count("\n") == 1
