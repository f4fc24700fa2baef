"""The documents of a run as a stream of JSON, for Tiled's clients; knows no files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

import anyio.to_thread
import numpy as np
from tiled.media_type_registration import (
    SerializationRegistry,
    default_serialization_registry,
)

from .adapters import RunAdapter

__all__ = ["registry"]

_AT_ONCE = 64
_MIME = "application/json-seq"


def registry() -> SerializationRegistry:
    """What Tiled writes nodes out as, and the documents of runs besides."""
    known = SerializationRegistry()
    for family in default_serialization_registry.structure_families:
        for media, write in default_serialization_registry.media_types(family).items():
            known.register(family, media, write)
    known.register("BlueskyRun", _MIME, _json_sequence)
    return known


async def _json_sequence(
    mimetype: str, run: RunAdapter, metadata: Any, filter_for_access: Any
) -> AsyncIterator[str]:
    """Lines of RFC 7464, a few documents at a time."""
    lines = _lines(run)
    while True:
        some = await anyio.to_thread.run_sync(lambda: list(islice(lines, _AT_ONCE)))
        if not some:
            return
        yield "".join(some)


def _lines(run: RunAdapter) -> Iterator[str]:
    for name, doc in run.data.documents():
        if name == "datum":  # clients know pages of them only
            name, doc = "datum_page", _page(doc)
        line = json.dumps({"name": name, "doc": doc}, default=_plain)
        yield f"\x1e{line}\n"


def _page(datum: dict[str, Any]) -> dict[str, Any]:
    return {
        "resource": datum["resource"],
        "datum_id": [datum["datum_id"]],
        "datum_kwargs": {k: [v] for k, v in datum["datum_kwargs"].items()},
    }


def _plain(value: Any) -> Any:
    """What JSON does not know; NaN stays, as Python reads and writes it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1")
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return str(value)
