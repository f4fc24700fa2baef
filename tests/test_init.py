"""`pymo-bluesky init` makes a lab that measures, and overwrites nothing."""

import subprocess
import sys

import pytest

from pymo_bluesky.cli import main
from pymo_bluesky.instrument import load_devices


@pytest.fixture
def lab(tmp_path, capsys):
    assert main(["init", str(tmp_path / "My lab")]) == 0
    capsys.readouterr()
    return tmp_path / "My lab"


def test_the_next_steps_are_printed(tmp_path, capsys):
    assert main(["init", str(tmp_path / "My lab")]) == 0
    out = capsys.readouterr().out
    assert f"ipython --profile-dir='{tmp_path}/My lab/profiles/profile_my_lab'" in out
    assert f"{tmp_path}/My lab/devices/my_lab.yml" in out
    assert out.count("made  ") == 8


def test_the_folder_holds_devices_profiles_and_a_readme(lab):
    assert sorted(path.name for path in lab.iterdir()) == [
        *("README.md", "devices", "my_lab_classes.py", "profiles")
    ]
    text = (lab / "README.md").read_text()
    assert text.startswith("# My lab\n")
    for named in ("devices/my_lab.yml", "profile_my_lab/", "my_lab_classes.py"):
        assert named in text
    for path in lab.rglob("*.py"):
        compile(path.read_text(), path, "exec")


def test_nothing_is_overwritten(lab, capsys):
    (lab / "README.md").write_text("mine")
    (lab / "devices" / "my_lab.yml").unlink()
    assert main(["init", str(lab)]) == 0
    out = capsys.readouterr().out
    assert (lab / "README.md").read_text() == "mine"
    assert (lab / "devices" / "my_lab.yml").is_file()
    assert (out.count("kept  "), out.count("made  ")) == (7, 1)


def test_the_devices_load_with_the_class_of_ones_own(lab, monkeypatch):
    monkeypatch.syspath_prepend(lab)
    devices = load_devices(lab / "devices" / "my_lab.yml")
    assert not devices.failed
    assert devices["thermometer"].read()["thermometer_temperature"]["value"] == 293.15
    sys.modules.pop("my_lab_classes", None)


def test_the_profile_starts_and_runs_a_scan(lab, tmp_path):
    profile = lab / "profiles" / "profile_my_lab"
    command = (
        "RE(bp.scan([thermometer, photodiode], x, -1, 1, 3)); "
        "print('events', sum(n == 'event' for n, _ in replay(writer.path)))"
    )
    words = [sys.executable, "-m", "IPython", "--colors=NoColor"]
    done = subprocess.run(
        [*words, f"--profile-dir={profile}", "-c", command],
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **{"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MPLBACKEND": "agg"},
            "PYMO_DATA": str(tmp_path / "data"),
            "PYTHONPATH": ":".join(filter(None, sys.path)),
        },
    )
    assert "events 3" in done.stdout, done.stdout + done.stderr
    assert "! " not in done.stdout
    assert len(list((tmp_path / "data").rglob("*.h5"))) == 1


def test_a_place_where_no_folder_can_be_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file")]) == 2
    assert "choose another" in capsys.readouterr().err
