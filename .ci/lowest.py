"""The lowest versions that pyproject.toml allows, as pip takes them; knows no package.

python .ci/lowest.py            of what every user needs
python .ci/lowest.py xarray …   and of some extras
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"(?P<name>[\w-]+)(?P<extras>\[[\w,-]+\])?>=(?P<version>[\w.]+)")


def lowest(requirements: list[str]) -> list[str]:
    """Each requirement at its lower bound.

    Raises
    ------
    SystemExit
        When one has no lower bound: then nobody knows what it works with.
    """
    found = []
    for text in requirements:
        bound = BOUND.match(text)
        if bound:
            found.append(f"{bound['name']}{bound['extras'] or ''}=={bound['version']}")
        elif not text.startswith("pymo-bluesky["):
            raise SystemExit(f"{text!r} in {PROJECT.name} has no lower bound")
    return found


def main(extras: list[str]) -> None:
    """Print them, one a line."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(r for e in extras for r in optional[e])]
    sys.stdout.write("".join(f"{line}\n" for line in lowest(wanted)))


if __name__ == "__main__":
    main(sys.argv[1:])
