"""Ask a real PyMoDAQ what it reads in a file; knows no layout and writes nothing.

The scripts ``check_pymodaq.py`` and ``check_pymodaq36.py`` are the judges; they run
in environments of their own (`environments`), kept warm by ``batch.py``.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oracle.environments import (
    HERE,
    PYMODAQ5,
    PYMODAQ5_GUI,
    PYMODAQ36,
    Environment,
    python_of,
    scratch_env,
)

Verdict = dict[str, Any]
BACKENDS = ("h5py", "tables")
WAYS = ("loader", "browser")


@dataclass(frozen=True, slots=True)
class Script:
    """A judge's script, its environment, and the modules worth keeping warm."""

    environment: Environment
    name: str
    modules: tuple[str, ...]


LOADER5 = Script(
    PYMODAQ5,
    "check_pymodaq.py",
    (
        "pymodaq_data.h5modules.saving",
        "pymodaq_data.h5modules.browsing",
        "pymodaq_data.h5modules.data_saving",
    ),
)
LOADER36 = Script(PYMODAQ36, "check_pymodaq36.py", ("numpy", "tables"))
BROWSER5 = Script(PYMODAQ5_GUI, "h5browser_picture.py", ())
SAVER5 = Script(PYMODAQ5_GUI, "append_with_pymodaq.py", ())


@dataclass(slots=True)
class Judge:
    """One script in one warm process.

    Examples
    --------
    With the fixture ``pymodaq5`` of the test suite::

        verdict = pymodaq5.check(path, "--backend", "tables", "--how", "browser")
        verdict["nodes"][0]["shape"]
    """

    script: Script
    process: "subprocess.Popen[str]"
    timeout: int = 300
    noise: list[str] = field(default_factory=list)

    def report(self, path: Path, *options: str) -> tuple[int, Verdict]:
        """Exit status and verdict on `path`, whatever it is."""
        if not path.is_file():  # PyMoDAQ 5.3's loader makes the file and is content
            raise FileNotFoundError(path)
        reply = self._ask([str(path), *options])
        out, status = reply["out"], reply["status"]
        start = f"\n{out}".find("\n{")
        if start < 0:
            died = f"died with status {status}: {reply['err'][-1500:]}"
            return status or 1, {"errors": 1, "nodes": [], "open_error": died}
        # pyqtgraph prints around the verdict, which is the JSON object among it.
        verdict, _ = json.JSONDecoder().raw_decode(out, start)
        return status, verdict

    def check(self, path: Path, *options: str) -> Verdict:
        """Verdict on `path`; fails when PyMoDAQ meets an error, or no node at all."""
        status, verdict = self.report(path, *options)
        if status or verdict["errors"] or not verdict["nodes"]:
            raise AssertionError(complaint(path, options, verdict))
        return verdict

    def _ask(self, argv: list[str]) -> dict[str, Any]:
        assert self.process.stdin is not None
        job = {"argv": argv, "timeout": self.timeout}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return self.reply()

    def reply(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("\x1e"):
                return json.loads(line[1:])
            self.noise.append(line)
        raise AssertionError(f"{self.script.name} ended: {''.join(self.noise)[-1500:]}")


@contextmanager
def judging(script: Script) -> Iterator[Judge]:
    """A warm judge; raises `OracleMissingError` where its environment cannot be had."""
    with tempfile.TemporaryDirectory(prefix="pymodaq-home-") as home:
        python = python_of(script.environment, Path(home))
        words = [python, HERE / "batch.py", HERE / script.name, *script.modules]
        with subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=scratch_env(Path(home)),
        ) as process:
            judge = Judge(script, process)
            judge.reply()  # ready
            yield judge
            process.stdin.close()  # type: ignore[union-attr]


def check(
    judge: Judge, path: Path, backend: str = "h5py", how: str = "loader"
) -> Verdict:
    """PyMoDAQ 5's verdict on `path`, every error asserted away."""
    return judge.check(path, "--backend", backend, "--how", how)


def nodes(verdict: Verdict) -> dict[str, Verdict]:
    """The data nodes of a verdict by their path in the file."""
    return {node["path"]: node for node in verdict["nodes"]}


def complaint(path: Path, options: tuple[str, ...], verdict: Verdict) -> str:
    """What PyMoDAQ said against the file, in lines."""
    lines = [f"PyMoDAQ cannot read {path} ({' '.join(options)}):"]
    for key in ("open_error", "walk_error", "opening"):
        if verdict.get(key):
            lines.append(f"  {key}: {verdict[key]}")
    for node in [*verdict.get("nodes", ()), *verdict.get("tree", ())]:
        for key in ("error", "settings_error", "complaints"):
            if node.get(key):
                lines.append(f"  {node['path']}: {node[key]}")
    return "\n".join(lines)
