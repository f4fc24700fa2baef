"""Document streams that real plans emitted, and how to compare two streams.

Examples
--------
>>> from corpus import load, stream
>>> documents = load(stream("p05"))
>>> documents[0][0], documents[0][1]["plan_name"]
('start', 'grid_scan')
"""

from pathlib import Path

from corpus.documents import ASSETS, by_run, canonical, diff_docs, load_jsonl

__all__ = [
    "ASSETS",
    "STREAMS",
    "by_run",
    "canonical",
    "diff_docs",
    "load",
    "stream",
    "streams",
]

STREAMS = tuple(sorted(Path(__file__).parent.glob("*.jsonl")))
# A glob that finds nothing would turn every test over it green.
if len(STREAMS) < 28:
    raise RuntimeError(
        f"{len(STREAMS)} streams in {Path(__file__).parent}, 28 expected"
    )

load = load_jsonl


def stream(name: str) -> Path:
    """The file of one stream by its number or name: ``"p05"``, ``"p05_grid_snake"``."""
    (path,) = streams(name)
    return path


def streams(*names: str) -> tuple[Path, ...]:
    """The files of several streams; a name that fits none or two raises."""
    found = []
    for name in names:
        fits = [path for path in STREAMS if f"{path.stem}_".startswith(f"{name}_")]
        if len(fits) != 1:
            raise LookupError(f"{name!r} fits {len(fits)} streams: {fits}")
        found += fits
    return tuple(found)
