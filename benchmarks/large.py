"""A dataset of a thousand scans and a gigabyte, by the real writer; a minute or two.

python benchmarks/large.py FOLDER [SCANS]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from workloads import key, run

_POINTS = 25
_FRAME = (128, 160)  # 40 KiB, so that a scan has a mebibyte


def make(folder: Path, scans: int = 1000) -> Path:
    """Make the dataset; returns its path."""
    from pymo_bluesky import PymodaqWriter

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 4096, (_POINTS, *_FRAME), dtype=np.uint16)
    keys = {"x": key(), "diode": key(), "image": key(_FRAME, "<u2")}

    def values(n: int) -> dict[str, Any]:
        return {"x": 0.1 * n, "diode": float(n), "image": frames[n]}

    with PymodaqWriter(folder, renew="never", template="large") as writer:
        for _ in range(scans):
            for name, doc in run(_POINTS, keys, values, motors=("x",)):
                writer(name, doc)
    assert writer.path is not None
    return writer.path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), *map(int, sys.argv[2:3])))
