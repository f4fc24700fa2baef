"""Each extra for users on its own: it installs, and what it is for can be imported.

    python .ci/alone.py WHEEL FOLDER [EXTRA…]

The core is installed once; each extra gets an environment of its own that sees it.
Knows the extras by their names; one that is not told here is an error.
"""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
USES = {
    "databroker": "import pymo_bluesky.intake",
    "tiled": "import pymo_bluesky.serving",
    "devices": "from pymo_bluesky import load_devices; load_devices('simulated_lab')",
    "session": "import pymo_bluesky.session, matplotlib.figure, IPython, zict",
    "xarray": "import pymo_bluesky.labelled, xarray",
    "dask": "import pymo_bluesky.labelled, dask.array, dask.distributed",
    "async": "import pymo_bluesky.plans.fly, ophyd_async.core",
    "epics": "import pymo_bluesky.devices, epics",
    "remote": "from pymo_bluesky.remote import Publisher; import zmq",
    "assets": "import area_detector_handlers, hdf5plugin",
    "adaptive": "import pymo_bluesky.plans, adaptive",
    "compression": "import pymo_bluesky.store.filters, hdf5plugin",
    "completion": "from pymo_bluesky.cli import main; main(['completion', 'bash'])",
    "demo": "import pymo_bluesky.demo, tqdm",
    "queueserver": "import bluesky_queueserver",
}
"""What shows that an extra brought what it is for."""

LEFT_OUT = {"all", "pymodaq", "dev", "docs"}
"""The stage `install` takes all but Qt together, which has a stage of its own."""


def main(wheel: Path, folder: Path, wanted: list[str]) -> None:
    """Try them one after the other; ends with an error when one fails."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = {
        name
        for name in project["optional-dependencies"]
        if name not in LEFT_OUT and not name.startswith("test")
    }
    if extras != USES.keys():
        sys.exit(f"not told in {__file__}: {sorted(extras ^ USES.keys())}")
    core = folder / "core"
    venv.create(core, with_pip=True)
    pip(core, core, str(wheel))
    failed = [name for name in wanted or sorted(USES) if not works(name, wheel, core)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def pip(core: Path, target: Path, what: str) -> None:
    """Install something by the pip of the core."""
    python = str(target / "bin" / "python")
    words = [str(core / "bin" / "pip"), "--python", python, "install", "-q", what]
    subprocess.run(words, check=True)


def works(name: str, wheel: Path, core: Path) -> bool:
    """Whether an extra installs, and can be used."""
    began = time.monotonic()
    own = core.with_name(name)
    venv.create(own, with_pip=False)
    (site,) = own.glob("lib/python*/site-packages")
    (seen,) = core.glob("lib/python*/site-packages")
    (site / "core.pth").write_text(f"{seen}\n")
    try:
        pip(core, own, f"{wheel}[{name}]")
        use = [str(own / "bin" / "python"), "-c", USES[name]]
        subprocess.run(use, check=True, stdout=subprocess.DEVNULL)
        verdict = True
    except subprocess.CalledProcessError:
        verdict = False
    took = time.monotonic() - began
    sys.stdout.write(f"{name:12s} {'works' if verdict else 'FAILED'} ({took:.0f} s)\n")
    sys.stdout.flush()
    return verdict


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
