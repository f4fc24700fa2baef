"""Our writer as a subject of other harnesses: a callback, `close`, and `readback`.

A harness that wants ``module:callable`` takes ``adapter:ours``; it is called with a
folder and a workload, of which it knows the name of the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pymo_bluesky import PymodaqWriter, open_dataset

__all__ = ["ours"]


class _Ours:
    def __init__(self, folder: Path, stream: str) -> None:
        self._writer = PymodaqWriter(folder)
        self._stream = stream
        self._uids: list[str] = []

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._uids.append(doc["uid"])
        self._writer(name, doc)

    def close(self) -> None:
        self._writer.close()

    def readback(self, number: int) -> dict[str, np.ndarray]:
        """Values of a run, by data key, as the finished dataset gives them."""
        uid = self._uids[number]
        with open_dataset(self._writer.paths[uid]) as dataset:
            run = dataset[self._writer.scans[uid]]
            table = run.streams[self._stream]
            return {key: np.asarray(table[key]) for key in table}


def ours(folder: str, workload: Any) -> _Ours:
    """The subject; warmed up, so that what is imported late is not measured."""
    return _Ours(Path(folder), workload.stream)
