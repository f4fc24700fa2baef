"""Whether a wheel and a source archive hold all that they must; knows no package.

python .ci/built.py DIST
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CARRIED = ("devices", "profiles")
"""Folders of a checkout that a wheel carries inside the package."""

ALONE = ("LICENSE", "CITATION.cff", "CHANGELOG.md", "README.md", "pyproject.toml")


def files(folder: str) -> set[str]:
    """Paths of the files of a folder of the checkout that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(listed.stdout.split("\n")) - {""}


def missing(dist: Path) -> Iterator[str]:
    """What is not in them."""
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    inside = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    package = files("pymo_bluesky")
    carried = {path for folder in CARRIED for path in files(folder)}
    wanted = package | {f"pymo_bluesky/_data/{path}" for path in carried}
    yield from (f"{wheel.name}: {path}" for path in sorted(wanted - inside))
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in inside):
        yield f"{wheel.name}: LICENSE"
    wanted = package | carried | files("tests") | files("docs") | {*ALONE}
    yield from (f"{archive.name}: {path}" for path in sorted(wanted - packed))


if __name__ == "__main__":
    gone = list(missing(Path(sys.argv[1])))
    sys.exit("not there:\n" + "\n".join(gone) if gone else 0)
