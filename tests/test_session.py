"""The prompt: all names are there, and what fails costs one line, not the prompt."""

import os
import subprocess
import sys
import threading
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

import matplotlib
import numpy as np
import pexpect
import pytest
from bluesky.utils import FailedStatus, RunEngineInterrupted

from pymo_bluesky import open_dataset
from pymo_bluesky.errors import PlanError, WriteError
from pymo_bluesky.instrument import data_folder
from pymo_bluesky.journal import JournalWriter
from pymo_bluesky.live import guarding
from pymo_bluesky.live.guarding import qt_fault
from pymo_bluesky.session import data_directory, start_session

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user without display, whose folders are empty."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "PYMO_DATA"):
        monkeypatch.delenv(name, raising=False)
    # A new user's first plot makes a cache of fonts, and says so when that takes long.
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


@pytest.fixture
def session(home):
    names = {}
    assert start_session(names, directory=home / "data") == []
    yield names
    names["writer"].close()


def test_all_names_are_there(session, capsys):
    assert set(session) >= {"RE", "bec", "writer", "devices", "bp", "bps", "bpp"}
    assert set(session) >= {"replay", "catalog", "load_devices", "data_directory"}
    assert set(session) >= {"plans", "preview"}
    assert session["x"] is session["devices"].x


def test_a_lab_can_require_metadata(home):
    names = {}
    start_session(names, directory=home / "data", required={"sample": str})
    plan = names["plans"].scan_1d([names["photodiode"]], names["x"], 0, 1, num=2)
    with pytest.raises(PlanError, match="sample is missing"):
        names["RE"](plan)
    names["writer"].close()


def test_a_run_is_in_the_dataset_when_the_prompt_is_back(session, home):
    engine, plans = session["RE"], session["bp"]
    (uid,) = engine(plans.scan([session["photodiode"]], session["x"], 0, 1, 3))
    writer = session["writer"]
    assert Path(writer.paths[uid]).is_relative_to(home / "data")
    names = [name for name, _ in session["replay"](writer.path)]
    assert names.count("event") == 3
    assert len(session["catalog"]) == 1


def test_the_dataset_says_why_a_run_was_aborted(session):
    engine, plans = session["RE"], session["bp"]

    def pause(name, doc):
        threading.Thread(target=engine.request_pause).start()
        time.sleep(0.05)  # it waits for the engine, which is here now

    with pytest.raises(RunEngineInterrupted):
        engine(plans.count([session["photodiode"]], 50), {"event": [pause]})
    engine.abort("the beam is lost")
    (scan,) = open_dataset(session["writer"].path).scans
    assert scan.attributes["exit_status"] == "abort"
    assert scan.attributes["reason"] == "the beam is lost"


def test_the_dataset_says_what_a_device_of_a_stock_plan_failed_of(session):
    def grab():
        raise OSError("the cable is out")

    session["photodiode"].describe()
    session["photodiode"].grab = grab
    with pytest.raises(FailedStatus):
        session["RE"](session["bp"].count([session["photodiode"]]))
    (scan,) = open_dataset(session["writer"].path).scans
    assert scan.attributes["reason"] == "photodiode: OSError: the cable is out"


def test_runs_that_a_crash_cut_off_are_offered_for_recovery(home, capsys):
    folder = home / "data" / "2026" / "20260314"
    folder.mkdir(parents=True)
    about = {"run": "4b1d", "dataset": "Dataset_000.h5", "layout": "pymodaq5"}
    with JournalWriter(folder / "Dataset_000.journal", about) as journal:
        journal.append("start", {"uid": "4b1d", "time": 0.0})
    names = {}
    assert start_session(names, directory=home / "data") == []
    names["writer"].close()
    told = f"! 1 run was cut off: recover({str(home / 'data')!r}) makes scans of that"
    assert told in capsys.readouterr().out.splitlines()
    (found,) = names["recover"](home / "data")
    assert "run 4b1d, 0 events, is now in Dataset_000.h5" in str(found)


def test_the_writer_hears_first(session, home, monkeypatch):
    """A table, or any callback of the user, may change a document that it is given."""
    table, written = session["bec"], []
    show = table.start

    def start(doc):
        written.extend(path for path in (home / "data").rglob("*") if path.is_file())
        show(doc)

    monkeypatch.setattr(table, "start", start)
    session["RE"](session["bp"].count([session["photodiode"]]))
    assert written


def test_without_display_there_are_tables_and_no_plots(session, capsys):
    session["RE"](session["bp"].count([session["photodiode"]]))
    assert "photodiode_signal" in capsys.readouterr().out
    assert not session["bec"]._plots_enabled


ABORTS = """
import os, sys
sys.stderr.write('qt.qpa.plugin: xcb-cursor0 is needed to load the plugin xcb\\n')
sys.stderr.flush()
os.abort()
"""


def test_a_qt_that_ends_programs_is_tried_by_another_one(tmp_path, monkeypatch):
    """pip installs Qt, but not the system's libraries without which it aborts."""
    (tmp_path / "matplotlib" / "backends").mkdir(parents=True)
    (tmp_path / "matplotlib" / "__init__.py").touch()
    (tmp_path / "matplotlib" / "backends" / "qt_compat.py").write_text(ABORTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "xcb-cursor0 is needed" in qt_fault("qtagg")
    assert qt_fault("agg") == ""


def test_without_windows_there_are_tables_and_a_line_that_says_why(
    home, monkeypatch, capsys
):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(guarding, "qt_fault", lambda backend: "xcb-cursor0 is needed")
    names = {}
    assert start_session(names, directory=home / "data") == ["plots"]
    assert "no window: xcb-cursor0 is needed; tables only" in capsys.readouterr().out
    assert not names["bec"]._plots_enabled
    names["writer"].close()


COUNT = """
from pymo_bluesky.session import start_session
names = {}
start_session(names)
names["RE"](names["bp"].count([names["photodiode"]]))
names["writer"].close()
print("scan_id", names["RE"].md["scan_id"])
"""


def count_in_a_new_process():
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_scan_numbers_go_on_in_the_next_session(home):
    assert "scan_id 1\n" in count_in_a_new_process()
    assert "scan_id 2\n" in count_in_a_new_process()


def test_a_second_session_leaves_the_metadata_of_the_first_alone(session, home):
    session["RE"].md["sample"] = "gold"
    told = count_in_a_new_process()
    assert "! RE.md: WriteError: another session uses" in told
    session["RE"](session["bp"].count([session["photodiode"]]))
    assert (session["RE"].md["scan_id"], session["RE"].md["sample"]) == (1, "gold")


def test_a_failing_step_is_one_line_and_the_rest_starts(home, capsys):
    (home / "data").write_text("a file is in the way")
    names = {}
    failed = start_session(names, devices="room12", directory=home / "data")
    assert failed == ["writer", "catalog", "devices"]
    told = [line for line in capsys.readouterr().out.splitlines() if line[:1] == "!"]
    assert [line.split(":")[0] for line in told] == [
        "! writer",
        "! catalog",
        "! devices",
    ]
    assert "RUNS ARE NOT SAVED" in told[0]
    assert "there is no instrument 'room12'" in told[2]
    assert "RE" in names


def test_a_device_named_like_something_else_stays_reachable(home, tmp_path, capsys):
    file = tmp_path / "lab.yml"
    file.write_text("ophyd.sim.SynAxis:\n  - {name: RE}\n")
    names = {}
    assert start_session(names, file, home / "data") == ["RE"]
    names["writer"].close()
    assert names["RE"] is not names["devices"]["RE"]
    assert "it is devices['RE'] only" in capsys.readouterr().out


class Absent(MetaPathFinder):
    """A module that is not installed."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@pytest.mark.parametrize(
    ("missing", "step", "extra"),
    [
        ("zict", "RE.md", "session"),
        ("matplotlib", "bec", "session"),
        ("guarneri", "devices", "devices"),
    ],
)
def test_a_missing_extra_is_named(home, monkeypatch, capsys, missing, step, extra):
    monkeypatch.delitem(sys.modules, missing, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent(missing), *sys.meta_path])
    names = {}
    assert start_session(names, directory=home / "data") == [step]
    names["writer"].close()
    assert f"pymo-bluesky[{extra}]" in capsys.readouterr().out


def test_where_datasets_go(home, monkeypatch):
    assert data_directory() == home / "pymodaq_data"
    monkeypatch.setenv("PYMO_DATA", "~/elsewhere")
    assert data_directory() == home / "elsewhere"
    assert data_directory(home / "told").is_dir()
    (home / "file").touch()
    with pytest.raises(WriteError, match="give another by PYMO_DATA"):
        data_directory(home / "file" / "below")


def spawned(home, **variables):
    """IPython with the profile, as a person starts it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYMO_DATA": str(home / "d")}
    child = pexpect.spawn(
        sys.executable,
        [
            "-m",
            "IPython",
            f"--profile-dir={data_folder('profiles') / 'profile_pymodaq'}",
            "--simple-prompt",
            "--no-term-title",
        ],
        env={**environment, **variables},
        encoding="utf-8",
        timeout=60,
    )
    child.expect_exact("In [1]: ")
    return child


@pytest.fixture
def prompt(home):
    child = spawned(home)
    yield child
    child.close(force=True)


def ask(prompt, line):
    prompt.sendline(line)
    prompt.expect(r"In \[\d+\]: ")
    return prompt.before


def test_the_profile_gives_a_prompt_that_measures(prompt, home):
    assert "\n!" not in prompt.before
    assert (
        "next      RE(bp.scan([photodiode, spectrometer, camera], x," in prompt.before
    )
    table = ask(
        prompt, "RE(bp.grid_scan([photodiode, camera], x, 0, 1, 2, y, 0, 1, 3))"
    )
    assert "camera_roi_00" in table
    assert "generator grid_scan" in table
    assert "photodiode_signal" in ask(prompt, "%ct detectors")
    ask(prompt, "%mov x 3")
    assert "3.0" in ask(prompt, "x.position")
    assert "Dataset_" in ask(prompt, "str(writer.path)")
    assert "6" in ask(prompt, "sum(n == 'event' for n, _ in replay(writer.path))")
    assert (home / "share" / "pymo_bluesky" / "history" / "history.sqlite").exists()


def test_the_backend_that_a_user_names_is_taken(home):
    child = spawned(home, DISPLAY=":0", MPLBACKEND="Agg")
    try:
        assert "\n!" not in child.before
        assert "agg" in ask(child, "import matplotlib; matplotlib.get_backend()")
    finally:
        child.close(force=True)


ROW = r"\|\s+{} \|"


def interrupt(prompt, times):
    """Press Ctrl-C; a second time to pause in the middle of a point.

    bluesky takes no notice of a key within 0.1 s of the one before, and may miss one
    on a busy machine: like a person, press it until it is heard. When the second one is
    missed the point ends, and the run has paused.
    """
    paused, tries = "RunEngineInterrupted", 12
    for told in ("deferred pause", "hard pause")[:times]:
        for _ in range(tries):
            time.sleep(0.2)
            prompt.sendintr()
            heard = prompt.expect([told, paused, pexpect.TIMEOUT], timeout=5)
            if heard < 2:
                break
        else:
            raise AssertionError(f"{tries} keys, and no {told!r}: {prompt.before!r}")
        if heard == 1:
            break
    else:
        prompt.expect(paused)
    prompt.expect(r"In \[\d+\]: ")


def test_a_run_that_is_paused_at_the_keyboard_goes_on_and_is_whole(prompt, home):
    # Slow enough that it is not over before the keys are pressed.
    ask(prompt, "photodiode.exposure.put(1.0)")
    line = "RE(plans.scan_2d([photodiode, camera], y, 0, 1, x, 0, 1, num=[6, 10]))"
    for times, row in ((1, 2), (2, 5)):
        prompt.sendline(line if times == 1 else "RE.resume()")
        prompt.expect(ROW.format(row))
        interrupt(prompt, times)
        assert "paused" in ask(prompt, "RE.state")
    ask(prompt, "photodiode.exposure.put(0)")
    ask(prompt, "RE.resume()")
    (path,) = (home / "d").rglob("*.h5")
    (scan,) = open_dataset(path).scans
    assert scan.attributes["exit_status"] == "success"
    assert scan.visited.all()
    assert scan.to_xarray()["camera_image"].notnull().all()


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        ("abort('the beam is lost')", "abort", "the beam is lost"),
        pytest.param("stop()", "success", "", marks=pytest.mark.slow),
        pytest.param("halt()", "abort", "", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_ended_at_the_keyboard_says_so(
    prompt, home, ending, status, reason
):
    ask(prompt, "photodiode.exposure.put(1.0)")
    plan = "plans.scan_2d([photodiode], y, 0, 1, x, 0, 1, num=[10, 10], order='random')"
    prompt.sendline(f"RE({plan})")
    prompt.expect(ROW.format(3))
    interrupt(prompt, 2)
    ask(prompt, f"RE.{ending}")
    assert "idle" in ask(prompt, "RE.state")
    (path,) = (home / "d").rglob("*.h5")
    (scan,) = open_dataset(path).scans
    assert scan.attributes["exit_status"] == status
    assert scan.attributes["reason"] == reason
    visited = np.count_nonzero(scan.visited)
    assert 3 <= visited < 100
    values = scan.to_xarray()["photodiode_signal"].values
    assert np.count_nonzero(~np.isnan(values)) == visited
    assert str(visited) in ask(
        prompt, "sum(n == 'event' for n, _ in replay(writer.path))"
    )


def test_saving_on_and_on_is_ended_by_ctrl_c(prompt, home):
    ask(prompt, "saving = plans.ContinuousSaving(data_directory / 'on', 'Data')")
    prompt.sendline("RE(plans.continuous([photodiode], period=0.02, saving=saving))")
    prompt.expect(ROW.format(5))
    interrupt(prompt, 1)
    assert "Data_" in ask(prompt, "str(saving.path)")
    ask(prompt, "RE.stop()")
    (path,) = (home / "d" / "on").rglob("Data_*.h5")
    (scan,) = open_dataset(path).scans
    assert scan.attributes["exit_status"] == "success"
    assert scan.shape[0] >= 5


def test_the_prompt_shows_a_plan_before_it_moves(prompt):
    told = ask(prompt, "preview(plans.scan_1d, [photodiode], x, 0, 20, num=5)")
    assert "scan_1d would be refused:" in told
    told = ask(prompt, "preview(bp.scan, [photodiode], x, 0, 2, 5)")
    assert "scan: 5 points" in told
    assert "0.0" in ask(prompt, "x.position")


def test_the_clone_stays_clean():
    ignored = subprocess.run(
        ["git", "status", "--porcelain", "profiles"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ignored.returncode:
        pytest.skip("not a git checkout")
    assert ignored.stdout == ""
