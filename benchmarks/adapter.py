"""Our writer as a subject of other harnesses: a callback, `close`, and `readback`.

A harness that wants ``module:callable`` takes ``adapter:ours``; it is called with a
folder and a workload, of which it knows the name of the stream.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from workloads import workload as small

from pymo_bluesky import PymodaqWriter, replay

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
        path, scan = self._writer.paths[uid], self._writer.scans[uid]
        found: dict[str, list[Any]] = {}
        streams: dict[str, str] = {}
        for name, doc in replay(path, scan=scan, pages=True):
            if name == "descriptor":
                streams[doc["uid"]] = doc["name"]
            elif name == "event_page" and streams[doc["descriptor"]] == self._stream:
                for key, values in doc["data"].items():
                    found.setdefault(key, []).extend(values)
        return {key: np.asarray(values) for key, values in found.items()}


def ours(folder: str, workload: Any) -> _Ours:
    """The subject; warmed up, so that what is imported late is not measured."""
    with tempfile.TemporaryDirectory() as other, PymodaqWriter(other) as writer:
        for run in small("W4", 0.01).runs:
            for name, doc in run:
                writer(name, doc)
    return _Ours(Path(folder), workload.stream)
