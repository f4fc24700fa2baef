"""The labs: programs whose system calls are made to fail, one after the other."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore = ["append_lab.py", "writing_lab.py"]  # programs, without doctests
Lab = Callable[[str, dict], list[dict]]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler 'cc' on Linux: system calls cannot be made to fail")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = HERE / "shim.c"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True
    )
    return library


def _lab(program: str, shim: Path, folder: Path) -> Lab:
    def run(task: str, how: dict) -> list[dict]:
        paths = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        arguments = [HERE / program, task, folder, json.dumps(how)]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *arguments],
            env={
                **os.environ,
                "LD_PRELOAD": str(shim),
                "PYTHONPATH": os.pathsep.join(paths),
            },
            capture_output=True,
            text=True,
            timeout=3600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture
def lab(shim: Path, tmp_path: Path) -> Lab:
    """Run one task of the append lab to its end; give what it said of each fault."""
    return _lab("append_lab.py", shim, tmp_path)


@pytest.fixture
def writing_lab(shim: Path, tmp_path: Path) -> Lab:
    """The same for the lab of the writer."""
    return _lab("writing_lab.py", shim, tmp_path)
