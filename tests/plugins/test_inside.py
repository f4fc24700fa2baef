"""Real plugins, driven by a RunEngine: each module of `inside` in its own process.

Qt ends the whole process when a plugin mistreats it, and pymodaq lives in an
environment of its own.
"""

import subprocess
from pathlib import Path

import pexpect
import pytest
from oracle.judge import check, nodes
from plugins.conftest import INSIDE
from plugins.environment import ROOT, plugins_env, plugins_python

pytestmark = pytest.mark.plugins

MODULES = sorted((Path(__file__).parent / "inside").glob("test_*.py"))
JUDGED = ("test_dataset", "test_plans")  # PyMoDAQ is asked what they wrote
SECONDS = 540


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def python(home) -> Path:
    return plugins_python(home)


def run_inside(python: Path, home: Path, module: Path, **variables: str) -> str:
    """Run a module's tests with `python`, and return what pytest said."""
    done = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"),
            # Warnings of PyMoDAQ and its plugins are not ours to fail on.
            *("-W", "default", module),
        ],
        cwd=ROOT,
        env=plugins_env(home, **{INSIDE: "1"}, **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, f"{module.name} ended with {done.returncode}:\n{said}"
    return done.stdout


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.stem not in JUDGED], ids=lambda m: m.stem
)
def test_inside(python, home, module):
    run_inside(python, home, module)


def test_pymodaq_opens_the_dataset_of_plugins(python, home, tmp_path, pymodaq5):
    module = Path(__file__).parent / "inside" / "test_dataset.py"
    run_inside(python, home, module, PYMO_DATASETS=str(tmp_path))
    (path,) = tmp_path.rglob("*.h5")
    for backend in ("h5py", "tables"):
        found = nodes(check(pymodaq5, path, backend))
        (images,) = [n for n in found.values() if n.get("raw_shape") == [3, 2, 48, 64]]
        assert [(a["label"], a["units"], a["size"]) for a in images["axes"]] == [
            ("x", "µm", 3),
            ("y", "mm", 2),
            ("the y axis", "", 48),
            ("the x axis", "", 64),
        ]
        traces = [
            n for n in found.values() if n.get("name", "").startswith("spectrometer")
        ]
        assert {(n["axes"][-1]["label"], n["axes"][-1]["units"]) for n in traces} == {
            ("photon wavelength", "nm")
        }


def test_pymodaq_opens_what_each_plan_wrote(
    python, home, tmp_path, pymodaq5, monkeypatch
):
    module = Path(__file__).parent / "inside" / "test_plans.py"
    run_inside(python, home, module, PYMO_DATASETS=str(tmp_path))
    (path,) = tmp_path.rglob("*.h5")
    monkeypatch.setattr(pymodaq5, "timeout", 600)  # some thirty scans at once
    found = nodes(check(pymodaq5, path, "tables"))
    scans = {name.split("/")[2] for name in found if name.startswith("/RawData/Scan")}
    assert len(scans) >= 25


PROMPT = r"In \[\d+\]: "


def test_the_profile_measures_with_plugins(python, home, tmp_path):
    profile = ROOT / "profiles" / "profile_pymodaq_plugins"
    child = pexpect.spawn(
        str(python),
        ["-m", "IPython", f"--profile-dir={profile}", "--simple-prompt"],
        env=plugins_env(
            home, PYMO_DATA=str(tmp_path), XDG_DATA_HOME=str(home), TERM="dumb"
        ),
        encoding="utf-8",
        timeout=300,
    )

    def ask(line: str) -> str:
        child.sendline(line)
        child.expect(PROMPT)
        return child.before

    try:
        child.expect(PROMPT)
        assert "\n!" not in child.before, child.before
        ask("RE(bps.mv(x.settings.tau, 5))")
        table = ask("RE(bp.scan([photodiode, camera], x, 0, 10, 3))")
        assert "camera_roi_00" in table
        assert "3" in ask("sum(n == 'event' for n, _ in replay(writer.path))")
        ask("%mov x 2")
        child.sendline("exit")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
