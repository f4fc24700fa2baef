"""The command line: what it prints, its exit codes, and errors that take one line."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpus import ASSETS, load, stream
from specimens import SPECIMENS, unpacked

from pymo_bluesky import __version__, export, open_dataset, replay
from pymo_bluesky.cli import main
from pymo_bluesky.cli.command import _parser
from pymo_bluesky.errors import MissingExtraError
from pymo_bluesky.journal import SUFFIX, JournalWriter
from pymo_bluesky.replaying.comparing import differences
from pymo_bluesky.replaying.jsonl import to_line
from pymo_bluesky.values import from_json

COMMANDS = (
    *("demo", "ls", "show", "plot", "replay", "convert", "validate", "verify"),
    *("recover", "serve", "write", "init", "plugins", "completion"),
)
HEAVY = {"bluesky", "ophyd", "event_model", "databroker", "matplotlib", "xarray"}


@pytest.fixture
def dataset(tmp_path) -> Path:
    """Two runs, the second a snaked grid, in one file."""
    documents = [*load(stream("p02")), *load(stream("p05"))]
    (path,) = export(documents, tmp_path, "both")["pymodaq"]
    return Path(path)


def told(capsys) -> str:
    """The one line on the standard error; nothing else may have been printed."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pymo-bluesky: error: ")
    assert err.count("\n") == 1
    return err


def refused(*words: object, capsys) -> str:
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:  # argparse
        status = end.code
    assert status == 2
    return told(capsys)


class TestUsage:
    def test_help_names_all_commands_and_exit_codes(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["--help"])
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert tuple(re.findall(r"^    ([a-z]+)\s", out, re.M)) == COMMANDS
        assert "exit codes of all commands:" in out

    @pytest.mark.parametrize("command", COMMANDS)
    def test_each_command_has_help(self, command, capsys):
        with pytest.raises(SystemExit) as end:
            main([command, "--help"])
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert f"usage: pymo-bluesky {command}" in out
        assert "exit codes: 0 done, 1 problems were found, 2" in " ".join(out.split())

    def test_version(self, capsys):
        with pytest.raises(SystemExit):
            main(["--version"])
        assert capsys.readouterr().out == f"pymo-bluesky {__version__}\n"

    @pytest.mark.parametrize(
        "words", [(), ("nonsense",), ("show",), ("replay", "--scan")], ids=str
    )
    def test_a_wrong_usage_takes_one_line(self, words, capsys):
        assert "--help" in refused(*words, capsys=capsys)

    def test_python_m(self):
        words = [sys.executable, "-m", "pymo_bluesky", "--version"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert done.stdout == f"pymo-bluesky {__version__}\n"


class TestRefusals:
    @pytest.mark.parametrize("command", ["ls", "show", "replay", "validate", "recover"])
    def test_a_file_that_is_not_there(self, command, tmp_path, capsys):
        assert "nowhere.h5" in refused(command, tmp_path / "nowhere.h5", capsys=capsys)

    @pytest.mark.parametrize("command", ["show", "replay"])
    def test_a_file_that_is_no_dataset(self, command, tmp_path, capsys):
        path = tmp_path / "notes.h5"
        path.write_text("no HDF5")
        assert "PyMoDAQ dataset was expected" in refused(command, path, capsys=capsys)

    @pytest.mark.parametrize("command", ["show", "replay"])
    def test_a_scan_that_is_not_there(self, command, dataset, capsys):
        line = refused(command, dataset, "--scan", "Scan007", capsys=capsys)
        assert "Scan000, Scan001" in line

    @pytest.mark.parametrize("command", ["show", "replay"])
    def test_a_folder_where_one_dataset_is_expected(self, command, dataset, capsys):
        line = refused(command, dataset.parent, capsys=capsys)
        assert f"{dataset.parent} is a folder" in line
        assert f"for example {dataset}" in line
        assert "pymo-bluesky ls" in line

    def test_a_folder_without_datasets(self, tmp_path, capsys):
        assert "it holds none" in refused("show", tmp_path, capsys=capsys)

    def test_an_unknown_layout(self, tmp_path, capsys):
        words = ("demo", "--out", tmp_path / "new", "--layout", "pymodaq4")
        assert "'pymodaq5'" in refused(*words, capsys=capsys)
        assert not (tmp_path / "new").exists()

    def test_an_extra_that_is_missing_is_named(self, monkeypatch, capsys):
        def without_guarneri(*_, **__):
            raise MissingExtraError.of("guarneri", "devices")

        monkeypatch.setattr("pymo_bluesky.demo.load_devices", without_guarneri)
        assert "pymo-bluesky[devices]" in refused("demo", capsys=capsys)


class TestShow:
    def test_all_scans_or_one(self, dataset, capsys):
        assert main(["show", str(dataset)]) == 0
        whole = capsys.readouterr().out
        assert "Scan000" in whole
        assert "Scan001" in whole
        for scan in ("Scan001", "1", "-1"):
            assert main(["show", str(dataset), f"--scan={scan}"]) == 0
            out = capsys.readouterr().out
            assert "Scan000" not in out
            assert out.startswith("Scan001")

    def test_settings_on_demand(self, dataset, capsys):
        main(["show", str(dataset)])
        brief = capsys.readouterr().out
        main(["show", str(dataset), "--settings"])
        assert len(capsys.readouterr().out) > len(brief)
        assert "settings" not in brief

    def test_the_log_is_in_the_tree(self, tmp_path, capsys):
        path = unpacked("4.4.11/logger", tmp_path)
        assert main(["show", str(path)]) == 0
        tree, _, log = capsys.readouterr().out.partition("\n└── log\n")
        assert "Scan000" in tree
        assert "Acquisition has started" in log

    def test_json_tells_all_but_the_values(self, tmp_path, capsys):
        path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
        assert main(["show", str(path), "--json"]) == 0
        about = json.loads(capsys.readouterr().out)
        with open_dataset(path) as opened:
            scan = opened.scans[0]
            assert about["log"] == opened.log
            shown = about["scans"][0]
            assert shown["primary"]["shape"] == list(scan.shape)
            modules = shown["primary"]["modules"]
            assert [m["title"] for m in modules] == [m.title for m in scan.modules]
            for told, module in zip(modules, scan.modules, strict=True):
                labels = [a["label"] for c in told["channels"] for a in c["arrays"]]
                assert labels == [a.label for c in module.channels for a in c.arrays]
                assert len(told["rois"]) == len(module.rois)
                assert bool(told["settings"]) == bool(module.settings)

    def test_json_of_one_scan(self, dataset, capsys):
        assert main(["show", str(dataset), "--scan", "-1", "--json"]) == 0
        about = json.loads(capsys.readouterr().out)
        assert [scan["name"] for scan in about["scans"]] == ["Scan001"]

    @pytest.mark.parametrize("specimen", SPECIMENS)
    def test_json_of_every_file_there_is(self, specimen, tmp_path, capsys):
        path = unpacked(specimen, tmp_path)
        assert main(["show", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["scans"]


class TestReplay:
    def test_the_summary_has_a_line_for_each_document_but_events(self, dataset, capsys):
        assert main(["replay", str(dataset)]) == 0
        kinds = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert kinds == ["start", "descriptor", "event", "stop"] * 2

    @pytest.mark.parametrize("words", [["--jsonl", "-"], ["--jsonl"]])
    def test_lines_of_json(self, words, dataset, tmp_path, capsys):
        assert main(["replay", str(dataset), *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        documents = [json.loads(line) for line in lines]
        assert [d["name"] for d in documents] == [name for name, _ in replay(dataset)]
        assert [d["doc"].get("uid") for d in documents] == [
            doc.get("uid") for _, doc in replay(dataset)
        ]
        target = tmp_path / "documents.jsonl"
        assert main(["replay", str(dataset), "--jsonl", str(target)]) == 0
        assert target.read_text().splitlines() == lines

    def test_exact_lines_give_the_very_documents(self, tmp_path, capsys):
        documents = load(stream("p32"))  # all dtypes there are
        (path,) = export(documents, tmp_path)["pymodaq"]
        assert main(["replay", path, "--exact", "--jsonl", "-"]) == 0
        lines = map(from_json, capsys.readouterr().out.splitlines())
        found = [(line["name"], line["doc"]) for line in lines]
        assert not list(differences(replay(path), found))

    def test_pages(self, dataset, capsys):
        assert main(["replay", str(dataset), "--pages", "--jsonl", "-"]) == 0
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        names = [line["name"] for line in lines]
        assert "event_page" in names
        assert "event" not in names

    def test_external_data_on_demand(self, tmp_path, capsys):
        (path,) = export(load(stream("p25")), tmp_path)["pymodaq"]
        shown = []
        for options in ([], ["--fill", "--external", str(ASSETS)]):
            assert main(["replay", path, "--jsonl", "-", *options]) == 0
            lines = map(json.loads, capsys.readouterr().out.splitlines())
            events = [line["doc"] for line in lines if line["name"] == "event"]
            shown.append(events[0]["data"]["img"])
        datum, image = shown
        assert isinstance(datum, str)
        assert np.shape(image) == (5, 7)

    def test_one_scan(self, dataset, capsys):
        assert main(["replay", str(dataset), "--scan", "-1", "--jsonl", "-"]) == 0
        start = json.loads(capsys.readouterr().out.splitlines()[0])["doc"]
        assert start["plan_name"] == "grid_scan"

    def test_a_file_that_appears_meanwhile_is_not_replaced(
        self, dataset, tmp_path, monkeypatch, capsys
    ):
        target = tmp_path / "documents.jsonl"

        def slowly(*_, **__):
            yield from replay(dataset)
            target.write_text("of somebody else")

        monkeypatch.setattr("pymo_bluesky.reader.replay", slowly)
        line = refused("replay", dataset, "--jsonl", target, capsys=capsys)
        assert "not replaced" in line
        assert target.read_text() == "of somebody else"
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "both.h5",
            "documents.jsonl",
        ]

    def test_a_file_that_is_there_is_not_replaced(self, dataset, tmp_path, capsys):
        target = tmp_path / "documents.jsonl"
        target.write_text("mine")
        line = refused("replay", dataset, "--jsonl", target, capsys=capsys)
        assert "not replaced" in line
        assert target.read_text() == "mine"

    def test_nothing_half_written_is_left(self, dataset, tmp_path, monkeypatch, capsys):
        def ends_early(*_, **__):
            yield from list(replay(dataset))[:3]
            raise KeyboardInterrupt

        monkeypatch.setattr("pymo_bluesky.reader.replay", ends_early)
        target = tmp_path / "out" / "documents.jsonl"
        target.parent.mkdir()
        assert main(["replay", str(dataset), "--jsonl", str(target)]) == 130
        assert told(capsys) == "pymo-bluesky: error: interrupted\n"
        assert list(target.parent.iterdir()) == []

    def test_a_reader_that_has_enough_is_no_error(self, dataset):
        command = f"{sys.executable} -m pymo_bluesky replay --jsonl - {dataset}"
        words = ["bash", "-c", f"set -o pipefail; {command} | head -c 10"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.stderr == ""
        assert done.returncode in (0, 141)


class TestValidate:
    def test_a_good_dataset(self, dataset, capsys):
        assert main(["validate", str(dataset)]) == 0
        assert capsys.readouterr().out == f"{dataset}: nothing is wrong\n"

    def test_a_damaged_one(self, dataset, capsys):
        dataset.write_bytes(dataset.read_bytes()[:-4096])
        assert main(["validate", str(dataset.parent)]) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("error: ")
        assert str(dataset) in line

    def test_warnings_count_when_they_shall(self, tmp_path, capsys):
        # Its descriptor tells a shape that its values do not have.
        (path,) = export(load(stream("p33")), tmp_path)["pymodaq"]
        assert main(["validate", path]) == 0
        assert "warning: " in capsys.readouterr().out
        assert main(["validate", "--strict", path]) == 1


class TestRecover:
    def journal(self, folder: Path, documents) -> Path:
        path = folder / f"Dataset_20260301_000.h5.4b1d{SUFFIX}"
        about = {"run": documents[0][1]["uid"], "layout": "pymodaq5"}
        writer = JournalWriter(path, about | {"dataset": "Dataset_20260301_000.h5"})
        for name, doc in documents:
            writer.append(name, doc)
        writer.close()
        return path

    def test_a_run_that_a_crash_cut_off(self, tmp_path, capsys):
        documents = load(stream("p02"))[:5]
        path = self.journal(tmp_path, documents)
        assert main(["recover", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert documents[0][1]["uid"] in out
        assert not path.exists()
        names = [name for name, _ in replay(tmp_path / "Dataset_20260301_000.h5")]
        assert names == [name for name, _ in documents] + ["stop"]

    def test_nothing_to_do(self, tmp_path, capsys):
        assert main(["recover", str(tmp_path)]) == 0
        assert "no journals" in capsys.readouterr().out

    def test_a_journal_that_is_none_stays(self, tmp_path, capsys):
        path = tmp_path / f"Dataset_20260301_000.h5.4b1d{SUFFIX}"
        path.write_bytes(b"not a journal, by far not one")
        assert main(["recover", str(tmp_path)]) == 1
        assert path.name in capsys.readouterr().out
        assert path.exists()


@pytest.mark.parametrize("command", ["ls", "show", "validate", "replay"])
def test_reading_loads_nothing_heavy(command, dataset):
    """A listing must not wait for bluesky (1.5 s), nor need it."""
    code = (
        "import sys; from pymo_bluesky.cli import main; "
        "status = main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); "
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command, str(dataset)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_page_on_the_command_line_shows_commands_that_exist():
    page = Path(__file__).parents[1] / "docs" / "how-to" / "command-line.md"
    lines = re.findall(r"^pymo-bluesky (.*)$", page.read_text(), re.M)
    for line in lines:
        words = shlex.split(line, comments=True)
        _parser().parse_args(words)  # ends the test when it is wrong
    assert {line.split()[0] for line in lines} == set(COMMANDS)


def test_lines_say_what_json_can():
    doc = {
        "uid": "4b1d",
        "image": np.arange(4, dtype="u1").reshape(2, 2),
        "gap": float("inf"),
        "raw": b"\x00\xff",
        "z": 1 + 2j,
        3: (True, None, np.int16(5), {"b", "a"}),
        "path": Path("a"),
    }
    assert json.loads(to_line("event", doc))["doc"] == {
        "uid": "4b1d",
        "image": [[0, 1], [2, 3]],
        "gap": None,
        "raw": "AP8=",
        "z": [1.0, 2.0],
        "3": [True, None, 5, ["a", "b"]],
        "path": "a",
    }
