"""What is measured side by side: ours, and peers; each a callback with `close`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

_ROWS = 512


class Subject(Protocol):
    def __call__(self, name: str, doc: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


class Nothing:
    """The harness itself."""

    def __init__(self, folder: Path) -> None:
        pass

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


class FlatFile(Nothing):
    """The disk's limit: values one behind the other, synced; no document survives."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "flat.bin").open("wb")

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        if name in ("event", "event_page"):
            for value in doc["data"].values():
                self._file.write(np.asarray(value).data)

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class _Column:
    """An array that grows by whole chunks."""

    def __init__(
        self, group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any
    ) -> None:
        row = int(np.prod(shape, initial=1)) * np.dtype(dtype).itemsize
        self._rows = max(1, min(4096, 2**20 // row))
        self._rest = shape
        self._array = group.create_dataset(
            name,
            (0, *shape),
            dtype,
            maxshape=(None, *shape),
            chunks=(self._rows, *shape),
        )
        self._chunk = np.empty((self._rows, *shape), dtype)
        self._filled = self._written = 0

    def put(self, values: Any) -> None:
        values = np.asarray(values, self._chunk.dtype)
        while len(values):
            n = min(len(values), self._rows - self._filled)
            self._chunk[self._filled : self._filled + n] = values[:n]
            self._filled, values = self._filled + n, values[n:]
            if self._filled == self._rows:
                self._write()

    def _write(self) -> None:
        self._array.id.set_extent((self._written + self._rows, *self._rest))
        self._array.id.write_direct_chunk(
            (self._written, *(0 for _ in self._rest)), self._chunk
        )
        self._written, self._filled = self._written + self._rows, 0

    def close(self) -> None:
        if self._filled:
            size = self._written + self._filled
            self._write()
            self._array.id.set_extent((size, *self._rest))


class RawHDF5(Nothing):
    """h5py by hand: all that the documents hold, in whole chunks; nothing survives a
    kill, no PyMoDAQ opens it, and odd values are refused.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "event":
            self._events.append(doc)
            if len(self._events) == _ROWS:
                self._flush()
        elif name == "event_page":
            self._put(doc, doc["data"], doc["timestamps"])
        elif name == "start":
            path = self._folder / f"{self._number:05d}.h5"
            self._number += 1
            self._file = h5py.File(path, "w", libver=("v110", "v110"))
            self._file.attrs["start"] = json.dumps(doc)
        elif name == "descriptor":
            self._describe(doc)
        elif name == "stop":
            self._flush()
            self._file.attrs["stop"] = json.dumps(doc)
            for column in self._columns.values():
                column.close()
            self._file.close()

    def _describe(self, doc: Mapping[str, Any]) -> None:
        group = self._file.create_group(doc["name"])
        group.attrs["descriptor"] = json.dumps(doc)
        self._events: list[Mapping[str, Any]] = []
        self._columns = {
            "time": _Column(group, "time", (), "<f8"),
            "seq_num": _Column(group, "seq_num", (), "<i8"),
            "uid": _Column(group, "uid", (), "S36"),
        }
        for key, about in doc["data_keys"].items():
            shape, dtype = tuple(about["shape"]), about["dtype_numpy"]
            self._columns[f"d_{key}"] = _Column(group, f"d_{key}", shape, dtype)
            self._columns[f"t_{key}"] = _Column(group, f"t_{key}", (), "<f8")

    def _put(self, tops: Any, data: Any, stamps: Any) -> None:
        for member in ("time", "seq_num"):
            self._columns[member].put(tops[member])
        self._columns["uid"].put([uid.encode() for uid in tops["uid"]])
        for key, values in data.items():
            self._columns[f"d_{key}"].put(values)
        for key, values in stamps.items():
            self._columns[f"t_{key}"].put(values)

    def _flush(self) -> None:
        events = self._events
        if not events:
            return
        tops = {m: [e[m] for e in events] for m in ("time", "seq_num", "uid")}
        data = {k: [e["data"][k] for e in events] for k in events[0]["data"]}
        stamps = {k: [e["timestamps"][k] for e in events] for k in data}
        self._put(tops, data, stamps)
        self._events = []


def _ours(**options: Any) -> Callable[[Path], Subject]:
    def make(folder: Path) -> Subject:
        from pymo_bluesky import PymodaqWriter

        return PymodaqWriter(folder, **options)

    return make


def _msgpack(folder: Path) -> Subject:
    from suitcase.msgpack import Serializer

    class EachRun(Nothing):
        def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
            if name == "start":
                self._serializer = Serializer(folder)
            self._serializer(name, doc)
            if name == "stop":
                self._serializer.close()

    return EachRun(folder)


SUBJECTS: dict[str, tuple[str, Callable[[Path], Subject]]] = {
    "nothing": ("the harness", Nothing),
    "flat": ("a flat file with fsync", FlatFile),
    "raw": ("raw h5py, by hand", RawHDF5),
    "msgpack": ("suitcase-msgpack", _msgpack),
    "ours": ("PymodaqWriter", _ours()),
    "oursB": ("ours, bitshuffle-LZ4", _ours(compression="bitshuffle")),
    "ours3": ("PymodaqWriter, layout pymodaq3", _ours(layout="pymodaq3")),
}
