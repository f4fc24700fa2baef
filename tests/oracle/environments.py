"""Environments with a real PyMoDAQ, each built once and cached; knows no test.

An environment is named by the digest of its requirements, so that a changed pin
builds a new one. It lies in the user's cache folder, or in ``PYMO_ORACLE_CACHE``.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

HERE = Path(__file__).parent
# Building is a download of 200 to 300 MB: minutes on a slow line, not hours.
BUILD_SECONDS = 900


class OracleMissingError(Exception):
    """A judge cannot be had here; says which and why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One PyMoDAQ with what it needs.

    Attributes
    ----------
    name
        As people call it, for messages and for the folder.
    requirements
        The file of pins, beside this module.
    override
        The environment variable that names a Python to use instead.
    probe
        A statement that fails where the environment cannot work (no Qt libraries).
    """

    name: str
    requirements: str
    override: str
    probe: str


PYMODAQ5 = Environment(
    "pymodaq-5",
    "requirements-pymodaq5.txt",
    "PYMO_ORACLE_PYTHON",
    "import pymodaq_data, tables, h5py",
)
PYMODAQ5_GUI = Environment(
    "pymodaq-5",
    "requirements-pymodaq5.txt",
    "PYMO_ORACLE_PYTHON",
    "import pymodaq_gui; from qtpy import QtWidgets; QtWidgets.QApplication([])",
)
PYMODAQ36 = Environment(
    "pymodaq-3.6",
    "requirements-pymodaq36.txt",
    "PYMO_ORACLE36_PYTHON",
    "from qtpy import QtWidgets; QtWidgets.QApplication([]);"
    "import pymodaq.daq_utils.h5modules",
)
# PyMoDAQ whole, with the plugins that are simulated, and what runs a plan.
PLUGINS = Environment(
    "plugins",
    "requirements-plugins.txt",
    "PYMO_PLUGINS_PYTHON",
    "import bluesky, guarneri, pymodaq_plugins_mock, pymodaq_plugins_mockexamples;"
    "from qtpy import QtWidgets; QtWidgets.QApplication([])",
)


def python_of(environment: Environment, home: Path) -> Path:
    """The Python of `environment`, built if need be; `home` is scratch for PyMoDAQ."""
    if os.environ.get("PYMO_NO_ORACLE"):
        raise OracleMissingError(f"{environment.name}: PYMO_NO_ORACLE is set")
    given = os.environ.get(environment.override)
    python = Path(given) if given else _built(environment)
    _run([python, "-c", environment.probe], environment, env=scratch_env(home))
    return python


def scratch_env(home: Path) -> dict[str, str]:
    """Environment variables that keep PyMoDAQ out of the user's home and screen."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "QT_QPA_PLATFORM": "offscreen",
    }


def _built(environment: Environment) -> Path:
    pins = HERE / environment.requirements
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = _cache() / f"{environment.name}-{digest}"
    python = home / "bin" / "python"
    if python.exists():
        return python
    home.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place and renamed into it: whole or not there at all, also
    # when two test runs start at once.
    scratch = Path(tempfile.mkdtemp(prefix=f".{environment.name}-", dir=home.parent))
    try:
        _install(environment, pins, scratch)
        scratch.rename(home)
    except OSError as error:
        if not python.exists():
            raise OracleMissingError(f"{environment.name}: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return python


def _cache() -> Path:
    given = os.environ.get("PYMO_ORACLE_CACHE")
    return Path(given or platformdirs.user_cache_dir("pymo-bluesky")) / "oracle"


def _install(environment: Environment, pins: Path, folder: Path) -> None:
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    if uv:
        _run(
            [uv, "venv", "-q", "--clear", "--python", sys.executable, folder],
            environment,
        )
        _run([uv, "pip", "install", "-q", "-p", python, "-r", pins], environment)
    else:
        _run([sys.executable, "-m", "venv", folder], environment)
        _run([python, "-m", "pip", "install", "-q", "-r", pins], environment)


def _run(
    command: list[object], environment: Environment, env: dict[str, str] | None = None
) -> None:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=BUILD_SECONDS, env=env
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OracleMissingError(f"{environment.name}: {error}") from error
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise OracleMissingError(f"{environment.name}: {' '.join(words[:4])} …: {last}")
