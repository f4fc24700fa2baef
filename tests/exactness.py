"""Whether documents are the same to the last bit, and each run in its order.

Stricter than the corpus's own comparison, which lets the payload of a NaN pass.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from corpus import by_run, canonical

from pymo_bluesky import replay

Document = tuple[str, Mapping[str, Any]]


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Where two values differ in type, dtype, shape or bits, in words."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(k for k in after if k not in before)]:
            if key not in before or key not in after:
                yield f"{at}.{key}: only {'after' if key in after else 'before'}"
            else:
                yield from differences(before[key], after[key], f"{at}.{key}")
    elif type(before) is not type(after) and not _same_scalars(before, after):
        yield f"{at}: {type(before).__name__} became {type(after).__name__}"
    elif isinstance(before, np.ndarray):
        yield from _array_differences(before, after, at)
    elif isinstance(before, np.void) and before.dtype.names:
        yield from _array_differences(np.asarray(before), np.asarray(after), at)
    elif isinstance(before, list | tuple) and len(before) == len(after):
        for n, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{at}[{n}]")
    elif _bits(before) != _bits(after):
        yield f"{at}: {before!r:.60} became {after!r:.60}"


def _array_differences(before: np.ndarray, after: np.ndarray, at: str) -> Iterator[str]:
    if (before.dtype, before.shape) != (after.dtype, after.shape):
        forms = [f"{a.dtype}{a.shape}" for a in (before, after)]
        yield f"{at}: {' became '.join(forms)}"
    elif before.dtype.names:  # what lies between the fields is nobody's
        for name in before.dtype.names:
            yield from _array_differences(before[name], after[name], f"{at}[{name!r}]")
    elif before.dtype.hasobject or before.dtype.kind == "T":
        yield from differences(before.ravel().tolist(), after.ravel().tolist(), at)
    elif before.tobytes() != after.tobytes():
        yield f"{at}: {before.ravel()[:5]} became {after.ravel()[:5]}"


def _same_scalars(before: Any, after: Any) -> bool:
    """Two of numpy's classes can be one dtype: ulonglong and uint64."""
    scalars = isinstance(before, np.generic) and isinstance(after, np.generic)
    return scalars and before.dtype == after.dtype


def _bits(value: Any) -> Any:
    if type(value) is float:
        return struct.pack("<d", value)
    if type(value) is complex:
        return struct.pack("<dd", value.real, value.imag)
    if isinstance(value, np.generic):
        return value.dtype, value.tobytes()
    return value


def runs_of(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of each run in their order, whatever came between them."""
    homes: dict[Any, str] = {}
    runs: dict[str, list[Document]] = {}
    for name, doc in documents:
        home = _home(name, doc, homes, runs)
        if name in ("start", "descriptor", "resource", "stream_resource"):
            homes[doc["uid"]] = home
        runs.setdefault(home, []).append((name, doc))
    return runs


def _home(
    name: str, doc: Mapping[str, Any], homes: Mapping[Any, str], runs: Any
) -> str:
    if name == "start":
        return doc["uid"]
    for member in ("run_start", "descriptor", "resource", "stream_resource"):
        if isinstance(doc.get(member), str) and doc[member] in homes:
            return homes[doc[member]]
    return next(reversed(runs))


def assert_same_documents(before: Iterable[Document], after: Iterable[Document]):
    """Each run has the same documents, in the same order, to the last bit."""
    old, new = runs_of(before), runs_of(after)
    assert set(old) == set(new)
    for uid, documents in old.items():
        assert [n for n, _ in documents] == [n for n, _ in new[uid]]
        pairs = zip(documents, new[uid], strict=True)
        found = [
            difference
            for n, ((name, doc), (_, back)) in enumerate(pairs)
            for difference in differences(doc, back, f"{n} {name}")
        ]
        assert not found, "\n".join(found[:20])


def assert_replays(documents: list[Document], path: str) -> None:
    """A dataset gives its documents back: as they were, and as pages."""
    back = list(replay(path))
    assert by_run(documents) == by_run(back)
    assert_same_documents(documents, back)
    paged = list(replay(path, pages=True))
    assert "event" not in {name for name, _ in paged}
    assert by_run(documents) == by_run(paged)
    assert_same_documents(unpacked(documents), unpacked(paged))


def unpacked(documents: Iterable[Document]) -> list[Document]:
    """Pages as single documents; of a page, `filled` may be left out or be empty."""
    return [
        (name, {"filled": {}, **doc} if name == "event" else doc)
        for name, doc in canonical(documents)
    ]
