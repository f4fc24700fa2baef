"""The writer and its checker, in the form that outside crash harnesses ask for.

``factory(path)`` gives a callback that produces the file `path`; ``check`` says how
many of the acknowledged events came back exactly. A harness kills the process, or lets
its system calls fail, in between.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pymo_bluesky import PymodaqWriter, recover, replay


def factory(path: str, **options: Any) -> PymodaqWriter:
    """A writer whose first dataset stands for `path`."""
    final = Path(path)
    options.pop("num_points", None)
    return PymodaqWriter(final.parent, template=final.stem, **options)


def check(
    path: str, acked: int, expect: Callable[[int], dict[str, Any]], **_: Any
) -> dict[str, Any]:
    """Recover, and compare event by event with what was sent."""
    final = Path(path)
    told = [str(result) for result in recover(final.parent)]
    datasets = sorted(final.parent.glob(f"{final.stem}_*.h5"))
    documents = [pair for dataset in datasets for pair in replay(dataset)]
    events = [doc["data"] for name, doc in documents if name == "event"]
    right = 0
    for n, data in enumerate(events):
        if not _same(data, expect(n)):
            break
        right += 1
    left = [p.name for p in final.parent.iterdir() if p.suffix not in (".h5", ".new")]
    return {
        "recovered": right,
        "corrupt": right < len(events) or bool(recover(final.parent)),
        "left": left,
        "told": told,
        "acked_then": acked,
    }


def _same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(found[key], value)
        and np.asarray(found[key]).dtype == np.asarray(value).dtype
        for key, value in expected.items()
    )
