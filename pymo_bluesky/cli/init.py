"""Command that makes the folder of a new lab: `init`; knows no device."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from ..errors import WriteError
from .common import FINE, Command

__all__ = ["INIT"]

_README = """\
# {title}

| here | what it is |
|---|---|
| `devices/{name}.yml` | what stands on the table: at first a simulated lab |
| `{name}_classes.py` | classes of your own, `{name}_classes.…` in the YAML |
| `profiles/profile_{name}/` | the IPython profile: the prompt that measures |
| `profiles/profile_{name}_queue/` | the startup files for bluesky-queueserver |

Measure:

    ipython --profile-dir={profile}

Queue plans (`pip install bluesky-queueserver`, and a running redis-server):

    start-re-manager --startup-dir {queue}

Datasets go to `~/pymodaq_data`, or to the folder that the environment's `PYMO_DATA`
names. When this folder moves, say so in `LAB`, in each `startup/00-session.py`.
"""

_CLASSES = '''\
"""The instruments of {name}, one class each."""

from ophyd import Component as Cpt

from pymo_bluesky.devices import Channel, Detector0D, Setting


class Thermometer(Detector0D):
    """An example: in devices/{name}.yml it is `{name}_classes.Thermometer`."""

    temperature = Cpt(Channel, units="K")
    offset = Cpt(Setting, value=0.0, units="K", limits=(-5, 5))

    def grab(self):
        """Return what the instrument measures now."""
        return {{"temperature": 293.15 + self.offset.get()}}
'''

_EXAMPLE = """\

# A class of your own, out of {name}_classes.py beside this folder:
{name}_classes.Thermometer:
  - {{name: thermometer, labels: [detectors]}}
"""

_SESSION = '''\
"""RE, writer, devices and plans of {name}; more of your own goes into 20-….py."""

import sys

from pymo_bluesky.session import start_session

LAB = {lab!r}
sys.path.insert(0, LAB)  # where {name}_classes.py is
start_session({names}, devices=f"{{LAB}}/devices/{name}.yml")
del LAB, start_session, sys
'''


def _add_init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="of the lab, e.g. my_lab; made when it is not there, and what is there "
        "already is kept",
    )


def _init(options: argparse.Namespace) -> int:
    lab = options.folder.expanduser().resolve()
    for path, text in _files(lab):
        print(f"{'made' if _write(path, text) else 'kept'}  {path}")
    profiles = _profiles(lab)
    print(
        f"\nnext:\n  ipython --profile-dir={quote(str(profiles['profile_pymodaq']))}\n"
        f"then describe your instruments in {lab / 'devices' / _name(lab)}.yml"
    )
    return FINE


def _name(lab: Path) -> str:
    """Make a name that Python can import, of the folder's."""
    name = re.sub(r"\W+", "_", lab.name, flags=re.ASCII).strip("_").lower() or "lab"
    return f"lab_{name}" if name[0].isdigit() else name


def _profiles(lab: Path) -> dict[str, Path]:
    """Where the copies of the package's profiles go."""
    made = lab / "profiles" / f"profile_{_name(lab)}"
    return {
        "profile_pymodaq": made,
        "profile_queueserver": made.with_name(f"{made.name}_queue"),
    }


def _files(lab: Path) -> Iterator[tuple[Path, str]]:
    from ..instrument import data_folder

    name, profiles = _name(lab), _profiles(lab)
    words = {
        "title": lab.name,
        "name": name,
        "lab": str(lab),
        "profile": quote(str(profiles["profile_pymodaq"])),
        "queue": quote(str(profiles["profile_queueserver"] / "startup")),
    }
    yield lab / "README.md", _README.format(**words)
    yield lab / f"{name}_classes.py", _CLASSES.format(**words)
    simulated = (data_folder("devices") / "simulated_lab.yml").read_text("utf-8")
    yield lab / "devices" / f"{name}.yml", simulated + _EXAMPLE.format(**words)
    for source, target in profiles.items():
        yield from _profile(data_folder("profiles") / source, target, words)


def _profile(
    source: Path, target: Path, words: dict[str, str]
) -> Iterator[tuple[Path, str]]:
    """A profile's files; IPython writes others into the folder, which stay there."""
    for path in sorted([*source.glob("*.py"), *source.glob("startup/*.*")]):
        if path.suffix not in (".py", ".yaml") or path.name.startswith("existing_"):
            continue
        text = path.read_text("utf-8")
        if path.name == "00-session.py":
            queue = source.name == "profile_queueserver"
            names = "globals()" if queue else "get_ipython().user_ns"
            text = _SESSION.format(names=names, **words)
        yield target / path.relative_to(source), text


def _write(path: Path, text: str) -> bool:
    """Write a file; False when there is one, which is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if path.exists():
            return False
        raise WriteError(f"{path.parent} is no folder; choose another") from None
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error}") from error
    return True


INIT = Command(
    "init",
    "make the folder of a new lab",
    "its devices (a simulated lab, to be replaced), an IPython profile, startup files "
    "for bluesky-queueserver and a README; nothing that is there is overwritten",
    _add_init,
    _init,
)
