"""Any value a document can hold, to bytes and back exactly; knows nothing of files.

Two dialects share one table of *awkward kinds* (what neither JSON nor msgpack can say
by itself): JSON, readable for ever by anything, for the document store inside a
dataset; msgpack, fast, for the journal. Neither ever runs code when it is read.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgpack
import numpy as np

from .dtypes import dtype_name, dtype_of
from .errors import FormatError

__all__ = ["BLOB_BYTES", "from_json", "pack", "to_json", "unpack"]

BLOB_BYTES = 4096
"""Arrays of at least this many bytes travel beside the packed document."""

_DIRECT = (str, int, float, bool, type(None), list)
_BIG = 2**63
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, RecursionError)
_MOST_EMPTY = 1_000_000  # elements of an array that has no bytes to tell how many
_MOST_DEPTH = 100  # awkward values in each other: msgpack dies of 190, for its stack


@dataclass(frozen=True, slots=True)
class _Kind:
    """One awkward kind of value: how it comes apart, and how it is put together."""

    tag: str
    code: int
    apart: Callable[[Any], Any]
    together: Callable[[Any], Any]


def _array_apart(a: np.ndarray) -> Any:
    return [dtype_name(a.dtype), list(a.shape), np.ascontiguousarray(a).tobytes()]


def _array_together(parts: Any) -> np.ndarray:
    descr, shape, data = parts
    dtype = dtype_of(descr)
    if not dtype.itemsize:  # no bytes tell how many there are
        if math.prod(cast(list[int], shape)) > _MOST_EMPTY:
            raise ValueError(f"an array of {shape} without bytes")
        return np.ndarray(cast(list[int], shape), dtype)  # `empty` makes S1 of S0
    return np.frombuffer(data, dtype=dtype).reshape(shape).copy()


def _objects_apart(a: np.ndarray) -> Any:
    kind = "T" if a.dtype.kind == "T" else "O"
    named = dtype_name(a.dtype) if a.dtype.names else kind
    return [named, list(a.shape), a.ravel().tolist()]


def _objects_together(parts: Any) -> np.ndarray:
    kind, shape, items = parts
    if math.prod(shape) != len(items):
        raise ValueError(f"{len(items)} items do not fill the shape {shape}")
    dtype: Any = np.dtypes.StringDType() if kind == "T" else dtype_of(kind)
    if kind != "T" and not dtype.hasobject:
        raise ValueError(f"{kind!r:.40} is no dtype of objects")
    a: Any = np.empty(math.prod(shape), dtype=dtype)
    for i, item in enumerate(items):
        a[i] = item
    return a.reshape(shape)


def _scalar_apart(x: np.generic) -> Any:
    return [dtype_name(x.dtype), x.tobytes()]


def _scalar_together(parts: Any) -> Any:
    descr, data = parts
    return _array_together([descr, (1,), data])[0]


def _masked_apart(a: np.ma.MaskedArray[Any, Any]) -> Any:
    if a is np.ma.masked:
        return None
    mask = None if a.mask is np.ma.nomask else np.asarray(a.mask)
    return [np.asarray(a.data), mask, np.asarray(a.fill_value)]


def _masked_together(parts: Any) -> Any:
    if parts is None:
        return np.ma.masked
    data, mask, fill = parts
    return np.ma.MaskedArray(
        data, mask=np.ma.nomask if mask is None else mask, fill_value=fill
    )


def _float_together(data: Any) -> float:
    return struct.unpack(">d", bytes.fromhex(data))[0]


_KINDS = {
    kind.tag: kind
    for kind in (
        _Kind("array", 1, _array_apart, _array_together),
        _Kind("scalar", 2, _scalar_apart, _scalar_together),
        _Kind("tuple", 3, list, tuple),
        _Kind(
            "map",
            4,
            lambda m: [[k, v] for k, v in m.items()],
            lambda pairs: {_hashable(k): v for k, v in pairs},
        ),
        _Kind("objects", 5, _objects_apart, _objects_together),
        _Kind("complex", 6, lambda z: [z.real, z.imag], lambda p: complex(*p)),
        _Kind("bigint", 7, str, int),
        _Kind("npstr", 8, str, np.str_),
        _Kind("npbytes", 9, bytes, np.bytes_),
        _Kind("bytearray", 10, bytes, bytearray),
        _Kind("set", 11, lambda s: sorted(s, key=repr), set),
        _Kind("frozenset", 12, lambda s: sorted(s, key=repr), frozenset),
        _Kind(
            "datetime",
            13,
            lambda t: t.isoformat(),
            datetime.datetime.fromisoformat,
        ),
        _Kind("date", 14, lambda d: d.isoformat(), datetime.date.fromisoformat),
        _Kind("masked", 15, _masked_apart, _masked_together),
        # What only JSON cannot say:
        _Kind("bytes", 16, bytes, bytes),
        _Kind("float", 17, lambda x: struct.pack(">d", x).hex(), _float_together),
        # What nobody can say: the text of it, and its class, are kept.
        _Kind(
            "text of",
            18,
            lambda x: [f"{type(x).__module__}.{type(x).__qualname__}", repr(x)],
            lambda p: p[1],
        ),
        _Kind(
            "timedelta",
            19,
            lambda d: [d.days, d.seconds, d.microseconds],
            lambda parts: datetime.timedelta(*parts),
        ),
        _Kind("time", 20, lambda t: t.isoformat(), datetime.time.fromisoformat),
        # A scalar of a structure in which there are objects.
        _Kind(
            "record",
            21,
            lambda x: _objects_apart(np.asarray(x)),
            lambda parts: _objects_together(parts)[()],
        ),
    )
}
_BY_CODE = {kind.code: kind for kind in _KINDS.values()}
_BLOB = 100
_MARK = "!"


def _hashable(key: Any) -> Any:
    return tuple(cast(list[Any], key)) if isinstance(key, list) else key


def _tag_of(x: Any) -> str | None:
    """The awkward kind of a value that is not of JSON's own types, by its class."""
    if isinstance(x, np.ndarray | np.generic):
        if isinstance(x, np.ndarray) and isinstance(x, np.ma.MaskedArray):
            return "masked"  # a module that is imported only when it is named
        kind = cast(np.dtype[Any], cast(Any, x).dtype)
        if isinstance(x, np.generic):
            if kind.hasobject:
                return "record"
            return {"U": "npstr", "S": "npbytes"}.get(kind.kind, "scalar")
        return "objects" if kind.hasobject or kind.kind == "T" else "array"
    return next((kind.__name__ for kind in _CLASSES if isinstance(x, kind)), None)


_CLASSES: tuple[type, ...] = (
    *(tuple, bytes, bytearray, complex, frozenset, set),
    *(datetime.datetime, datetime.date, datetime.timedelta, datetime.time),
)


def _simplified(x: Any) -> Any:
    """A subclass of a plain type as that plain type; anything else as it is."""
    plains: tuple[Any, ...] = (bool, int, float, str, list)
    for plain in plains:
        if isinstance(x, plain):
            return plain(x)
    if isinstance(x, Mapping):
        return dict(cast(Mapping[Any, Any], x))
    return x


# ------------------------------------------------------------------------------- JSON


_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def to_json(value: object) -> str:
    r"""Write any document or value as one line of JSON.

    Parameters
    ----------
    value
        Documents, numbers, text, containers, numpy arrays and scalars of any dtype.
        What has no exact form keeps its ``repr``.

    Returns
    -------
    str
        ASCII text without line breaks.

    Examples
    --------
    >>> to_json({"shape": (2, 3), "limit": float("inf")})
    '{"shape":{"!tuple":[2,3]},"limit":{"!float":"7ff0000000000000"}}'
    """
    return _JSON.encode(_tagged(value))


def _tagged(x: Any) -> Any:
    kind = cast(Any, type(x))
    if kind is float:
        return x if math.isfinite(x) else _wrap("float", x)
    if kind in _DIRECT and kind is not list:
        return x
    if kind is list:
        return [_tagged(item) for item in x]
    if kind is dict:
        plain = all(type(k) is str for k in x) and not _looks_tagged(x)
        if plain:
            return {k: _tagged(v) for k, v in x.items()}
        return _wrap("map", x)
    tag = _tag_of(x)
    if tag is None:
        simple = _simplified(x)
        return _tagged(simple) if type(simple) is not kind else _wrap("text of", x)
    return _wrap(tag, x)


def _wrap(tag: str, x: Any) -> dict[str, Any]:
    parts = _KINDS[tag].apart(x)
    if isinstance(parts, bytes):
        return {_MARK + tag: base64.b64encode(parts).decode()}
    if tag in ("array", "scalar"):
        parts[-1] = base64.b64encode(parts[-1]).decode()
        return {_MARK + tag: parts}
    return {_MARK + tag: _tagged(parts)}


def _looks_tagged(x: Mapping[str, Any]) -> bool:
    return len(x) == 1 and next(iter(x)).startswith(_MARK)


def from_json(text: str | bytes) -> Any:
    """Read back what `to_json` wrote.

    Raises
    ------
    FormatError
        When the text is not JSON or bears a tag that this version does not know.

    Examples
    --------
    >>> from_json(to_json({"shape": (2, 3)}))
    {'shape': (2, 3)}
    """
    try:
        return _untagged(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"a stored document cannot be read: {error}") from error


def _untagged(x: Any) -> Any:
    if type(x) is list:
        return [_untagged(item) for item in cast(list[Any], x)]
    if type(x) is not dict:
        return x
    mapping = cast(dict[str, Any], x)
    if not _looks_tagged(mapping):
        return {k: _untagged(v) for k, v in mapping.items()}
    ((mark, parts),) = mapping.items()
    tag = mark[len(_MARK) :]
    if tag in ("bytes", "bytearray", "npbytes"):
        return _KINDS[tag].together(base64.b64decode(parts))
    if tag in ("array", "scalar"):
        return _KINDS[tag].together([*parts[:-1], base64.b64decode(parts[-1])])
    return _KINDS[tag].together(_untagged(parts))


# ---------------------------------------------------------------------------- msgpack


def pack(
    value: object, blobs: list[memoryview] | None = None, *, depth: int = 0
) -> bytes:
    """Write any document or value as msgpack.

    Parameters
    ----------
    value
        As for `to_json`.
    blobs
        When given, arrays of `BLOB_BYTES` bytes or more are appended to it, in order,
        instead of being copied into the result; `unpack` wants them back.

    Examples
    --------
    >>> unpack(pack({"shape": (2, 3)}))
    {'shape': (2, 3)}
    """

    def default(x: Any) -> Any:
        if isinstance(x, int) and not isinstance(x, np.generic):
            big = not -_BIG <= x < 2 * _BIG
            return msgpack.ExtType(7, pack(str(int(x)))) if big else _simplified(x)
        if type(x) is dict:
            return _ext("map" if depth < _MOST_DEPTH else "text of", x, blobs, depth)
        tag = _tag_of(x) if depth < _MOST_DEPTH else "text of"
        if tag == "array" and blobs is not None and x.nbytes >= BLOB_BYTES:
            return _blob(cast(Any, x), blobs)
        if tag is not None:
            return _ext(tag, x, blobs, depth)
        simple = _simplified(x)
        plain = type(simple) is not type(x)
        return simple if plain else _ext("text of", x, blobs, depth)

    return msgpack.packb(
        value, default=default, strict_types=True, unicode_errors="surrogatepass"
    )


def _ext(
    tag: str, x: Any, blobs: list[memoryview] | None, depth: int
) -> msgpack.ExtType:
    kind = _KINDS[tag]
    return msgpack.ExtType(kind.code, pack(kind.apart(x), blobs, depth=depth + 1))


def _blob(a: np.ndarray, blobs: list[memoryview]) -> msgpack.ExtType:
    whole = np.ascontiguousarray(a)
    blobs.append(memoryview(cast(Any, whole.reshape(-1).view(np.uint8))))
    head = [dtype_name(a.dtype), list(a.shape), len(blobs) - 1]
    return msgpack.ExtType(_BLOB, msgpack.packb(head))


def unpack(
    data: bytes | memoryview, blobs: Sequence[Any] | None = (), *, depth: int = 0
) -> Any:
    """Read back what `pack` wrote.

    Parameters
    ----------
    data
        What `pack` returned.
    blobs
        The bytes of its blobs, as read from the journal. Arrays made of them are
        views, not copies, and read-only where the blobs are. None: in their place
        stand arrays of the same dtype and shape, all 0, that take no memory.
    depth
        Awkward values around it.

    Raises
    ------
    FormatError
        When the bytes are no msgpack of this package.
    """

    def ext(code: int, payload: bytes) -> Any:
        if code == _BLOB:
            descr, shape, i = msgpack.unpackb(payload)
            dtype = dtype_of(descr)
            if blobs is None:
                return np.broadcast_to(np.zeros((), dtype), shape)
            return np.frombuffer(blobs[i], dtype=dtype).reshape(shape)
        if depth > _MOST_DEPTH:
            raise ValueError(f"over {_MOST_DEPTH} values in each other")
        return _BY_CODE[code].together(unpack(payload, blobs, depth=depth + 1))

    try:
        return msgpack.unpackb(
            data,
            ext_hook=ext,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
    except FormatError:
        raise
    except (*_UNREADABLE, msgpack.UnpackException) as e:
        raise FormatError(f"a journal record cannot be read: {e!r}") from e
