"""Speed of the writer and the reader beside peers, as ratios within one run.

    python benchmarks/bench.py                      all workloads, a table
    python benchmarks/bench.py --workloads W1,W3    some
    python benchmarks/bench.py --markdown PAGE      the tables go into a page
    python benchmarks/bench.py --only reading       what reading costs

Each measurement is a process of its own; repetitions are interleaved, and the least
times are compared. CPU time counts: on a shared machine it varies less than the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reading import reading_table
from subjects import SUBJECTS
from workloads import names, workload

MARKS = ("<!-- figures -->", "<!-- end of figures -->")
ROOT = Path(__file__).parents[1]


def measure(subject: str, name: str, scale: float, folder: Path) -> dict[str, float]:
    """One repetition, in this process."""
    work = workload(name, scale)
    _warm_up(subject)
    writer = SUBJECTS[subject][1](folder)
    felt: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    for run in work.runs:
        for kind, doc in run:
            at = time.perf_counter()
            writer(kind, doc)
            if "seq_num" in doc:
                felt.append(time.perf_counter() - at)
    writer.close()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    os.sync()
    felt.sort()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "cpu": 1e6 * cpu / work.events,
        "wall": 1e6 * wall / work.events,
        "p50": 1e6 * felt[len(felt) // 2],
        "p99": 1e6 * felt[int(0.99 * len(felt))],
        "growth": (peak - before) / 1024,
        "events": work.events,
        "runs": len(work.runs),
        "stored": _stored(folder) / work.bytes,
    }
    return found | (
        _replayed(folder, work.events) if subject.startswith("ours") else {}
    )


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _warm_up(subject: str) -> None:
    """Import what is imported late."""
    with tempfile.TemporaryDirectory() as folder:
        writer = SUBJECTS[subject][1](Path(folder))
        for kind, doc in workload("W4", 0.01).runs[0]:
            writer(kind, doc)
        writer.close()


def _replayed(folder: Path, events: int) -> dict[str, float]:
    from pymo_bluesky import replay

    rates = {}
    for pages in (False, True):
        cpu = time.process_time()
        for path in folder.rglob("*.h5"):
            for _ in replay(path, pages=pages):
                pass
        rates["pages" if pages else "replay"] = events / (time.process_time() - cpu)
    return rates


def _in_a_process(subject: str, name: str, scale: float) -> dict[str, float]:
    folder = tempfile.mkdtemp(prefix="pymo-bench-")
    command = [sys.executable, __file__, "--one", subject, name, str(scale), folder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        )
    finally:
        shutil.rmtree(folder)
    return json.loads(done.stdout.splitlines()[-1])


def compare(
    subjects: list[str], workloads: list[str], scale: float, repetitions: int
) -> dict[tuple[str, str], dict[str, float]]:
    """What each subject takes at the least, by workload and subject."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name in workloads:
        for turn in range(repetitions):
            for subject in subjects:
                told = f"{name} {subject} {turn + 1}/{repetitions}"
                print(f"\r{told:<40}", end="", file=sys.stderr, flush=True)
                each = _in_a_process(subject, name, scale)
                found.setdefault((name, subject), []).append(each)
    print("\r" + " " * 40, end="\r", file=sys.stderr)
    return {
        place: {
            key: (min if key in _TIMES else max)(e[key] for e in each)
            for key in each[0]
        }
        for place, each in found.items()
    }


_TIMES = ("cpu", "wall", "p50", "p99")
"""Others may take the machine, never give to it: the least is nearest to the truth."""


def table(found: dict[tuple[str, str], dict[str, float]]) -> str:
    """Markdown."""
    lines = [
        "| workload | subject | CPU µs/event | to raw h5py | felt p50 µs | p99 | "
        "RSS growth MB | stored/raw | replayed/s | as pages/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, subject), each in found.items():
        raw = found.get((name, "raw"))
        ratio = f"{each['cpu'] / raw['cpu']:.2f}" if raw else ""
        rates = [f"{each[k]:,.0f}" if k in each else "" for k in ("replay", "pages")]
        lines.append(
            f"| {name} | {SUBJECTS[subject][0]} | {each['cpu']:.1f} | {ratio} | "
            f"{each['p50']:.1f} | {each['p99']:.1f} | {each['growth']:.0f} | "
            f"{each['stored']:.3f} | "
            f"{rates[0]} | {rates[1]} |"
        )
    return "\n".join(lines)


def put_into(page: Path, text: str) -> None:
    """Replace what is between the marks of a page; make it where there is none."""
    there = page.read_text() if page.exists() else ""
    before, _, rest = there.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}")


def _among(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Reads names with commas between them."""

    def read(text: str) -> list[str]:
        found = text.split(",")
        wrong = [name for name in found if name not in known]
        if wrong:
            raise argparse.ArgumentTypeError(
                f"{', '.join(wrong)}: there are {', '.join(known)}"
            )
        return found

    return read


def _options() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", type=_among(names()), default=names())
    parser.add_argument("--subjects", type=_among(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="page to put the tables into")
    parser.add_argument("--only", choices=["writing", "reading"], default="")
    parser.add_argument("--scans", type=int, default=1000, help="of the large dataset")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.one:
        subject, name, scale, folder = options.one
        print(json.dumps(measure(subject, name, float(scale), Path(folder))))
        return
    subjects = options.subjects
    if "msgpack" in subjects and not find_spec("suitcase"):
        print("no suitcase-msgpack here: pip install suitcase-msgpack", file=sys.stderr)
        subjects.remove("msgpack")
    tables: list[str] = []
    if options.only != "reading":
        found = compare(subjects, options.workloads, options.scale, options.repetitions)
        tables.append(table(found))
    if options.only != "writing":
        tables.append(reading_table(options.scale, options.scans, options.repetitions))
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    about = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load}, "
        f"the best of {options.repetitions}, scale {options.scale:g}."
    )
    text = "\n\n".join([about, *tables])
    print(text)
    if options.markdown:
        put_into(options.markdown, text)


if __name__ == "__main__":
    main()
