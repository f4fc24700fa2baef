"""Events of one form, as rows of bytes; knows no file.

The events of a descriptor nearly always have the same members, and values of the same
kinds in them. Such an event is a *row*: the bytes of its values, one behind the other.
Rows of a form lie in a file as an array does, and become columns again without a look
at each value. An event that does not fit its form is no row, and nothing is lost by it.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from .columns import Repeated, Uniform, uuids_of
from .columns.signatures import (
    MAX_AXES,
    PLAIN,
    Signature,
    is_storable,
    stored_dtype,
)
from .columns.uniform import decode_uniform

__all__ = ["ROWS", "Form", "RowLayout", "RowPacker", "Rows", "form_of"]

ROWS = "rows"
"""Name under which events of one form come among documents, as `Rows`."""

BLOB_BYTES = 4096
"""Arrays of at least this many bytes lie behind the rest of the row, never copied."""

_MEMBERS = {"uid", "time", "data", "timestamps", "seq_num", "descriptor"}
_CODES = {"<f8": "d", "<i8": "q", "|b1": "?"}
_SCALARS = {
    **PLAIN,
    np.float64: Signature("np", "<f8"),
    np.int64: Signature("np", "<i8"),
}
_DTYPE = re.compile(r"[<>|][biufcmM]\d{1,2}(\[\d{0,10}[A-Za-z]{1,2}\])?")
_UID = 36
_MAX_VALUES = 4000
_MAX_BYTES = 2**31 - 1  # of one item of a numpy dtype


@dataclass(frozen=True, slots=True)
class Form:
    """What the events of a descriptor have in common.

    Attributes
    ----------
    descriptor
        Its uid.
    members, data, timestamps
        Keys of the event and of two of its members, in their order.
    signatures
        Of the values of `data`, then of those of `timestamps`.
    """

    descriptor: str
    members: tuple[str, ...]
    data: tuple[str, ...]
    timestamps: tuple[str, ...]
    signatures: tuple[Signature, ...]

    def to_plain(self) -> dict[str, Any]:
        """The form as JSON or msgpack can hold it."""
        return {
            "descriptor": self.descriptor,
            "members": list(self.members),
            "data": list(self.data),
            "timestamps": list(self.timestamps),
            "signatures": [[c, d, list(s)] for c, d, s in self.signatures],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Form:
        """Read what `to_plain` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            When it is no form.
        """
        form = cls(
            descriptor=str(plain["descriptor"]),
            members=tuple(map(str, plain["members"])),
            data=tuple(map(str, plain["data"])),
            timestamps=tuple(map(str, plain["timestamps"])),
            signatures=tuple(
                Signature(str(c), str(d), tuple(s)) for c, d, s in plain["signatures"]
            ),
        )
        if len(form.signatures) != len(form.data) + len(form.timestamps):
            raise ValueError("a form of events has not one kind for each value")
        if not all(map(_is_of_rows, form.signatures)):
            raise ValueError("a form of events has kinds of values that no row has")
        if not _are_members(form.members):
            raise ValueError(f"a form of events has members {form.members}")
        for names in (form.data, form.timestamps):
            if len(set(names)) < len(names):
                raise ValueError("a form of events names a value twice")
        return form


def form_of(event: Mapping[str, Any]) -> Form | None:
    """The form of an event; None when such events are no rows.

    Examples
    --------
    >>> event = {"uid": "e" * 36, "time": 0.0, "seq_num": 1, "descriptor": "d1"}
    >>> form_of({**event, "data": {"x": 0.5}, "timestamps": {"x": 0.0}}).data
    ('x',)
    >>> form_of({**event, "data": {"x": "text"}, "timestamps": {"x": 0.0}})
    """
    members = tuple(event)
    if not _are_members(members):
        return None
    data, stamps, uid = event["data"], event["timestamps"], event["descriptor"]
    if type(data) is not dict or type(stamps) is not dict or type(uid) is not str:
        return None
    groups = cast(list[dict[Any, Any]], [data, stamps])
    values = [value for group in groups for value in group.values()]
    signatures = tuple(map(_signature_of, values))
    texts = all(type(key) is str for group in groups for key in group)
    if None in signatures or not texts or len(values) > _MAX_VALUES:
        return None
    found = cast(tuple[Signature, ...], signatures)
    return Form(uid, members, tuple(groups[0]), tuple(groups[1]), found)


def _are_members(members: tuple[Any, ...]) -> bool:
    found = set(members)
    return found - {"filled"} == _MEMBERS and len(found) == len(members)


def _signature_of(value: Any) -> Signature | None:
    kind = cast(Any, type(value))
    if kind is not np.ndarray:
        return _SCALARS.get(kind)
    if value.dtype.metadata is not None or not is_storable(value.dtype):
        return None
    found = Signature("nd", value.dtype.str, value.shape)
    return found if _is_shape_of_rows(value.shape, value.dtype) else None


def _is_of_rows(signature: Signature) -> bool:
    """Whether a row can hold such a value; the signature may be of any origin."""
    if signature.container != "nd":
        return signature in _SCALARS.values()
    # numpy evaluates some texts: only what it gives itself is shown to it.
    if not _DTYPE.fullmatch(signature.dtype):
        return False
    dtype = np.dtype(signature.dtype)
    return is_storable(dtype) and _is_shape_of_rows(signature.shape, dtype)


def _is_shape_of_rows(shape: tuple[Any, ...], dtype: np.dtype[Any]) -> bool:
    if len(shape) > MAX_AXES or not all(type(n) is int and n > 0 for n in shape):
        return False
    return math.prod(shape) * dtype.itemsize <= _MAX_BYTES


class RowLayout:
    """Where the values of a form lie in a row.

    Attributes
    ----------
    head
        The fixed part: uid, time, seq_num, and the values of few bytes.
    blobs
        Dtype and shape of each value of many bytes, in order.
    blob_keys
        Their keys.
    size
        Of a row, in bytes.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        fields: list[Any] = [
            ("uid", "u1", (_UID,)),
            ("time", "<f8"),
            ("seq_num", "<i8"),
        ]
        self.blobs: list[np.dtype[Any]] = []
        self._places: list[str | int] = []
        for number, signature in enumerate(form.signatures):
            kind = np.dtype((stored_dtype(signature), signature.shape))
            if _is_blob(signature):
                self._places.append(len(self.blobs))
                self.blobs.append(kind)
            else:
                self._places.append(f"v{number}")
                fields.append((f"v{number}", kind))
        self.head = np.dtype(fields)
        self.size = self.head.itemsize + sum(kind.itemsize for kind in self.blobs)
        self.blob_keys = [
            (*form.data, *form.timestamps)[number]
            for number, place in enumerate(self._places)
            if isinstance(place, int)
        ]

    def rows(self, heads: np.ndarray, blobs: list[np.ndarray]) -> Rows:
        """Rows that were read.

        Parameters
        ----------
        heads
            Their fixed parts; shape (rows,), dtype `head`.
        blobs
            Their large values; shape (rows, ...) each.
        """
        values = [
            blobs[place] if isinstance(place, int) else heads[place]
            for place in self._places
        ]
        return Rows(self.form, heads["uid"], heads["time"], heads["seq_num"], values)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Events of one form, column by column.

    Attributes
    ----------
    form
        What they have in common.
    uid, time, seq_num
        Shapes (rows, 36), (rows,), (rows,); dtypes uint8, float64, int64.
    values
        One array for each signature of the form; shape (rows, ...).
    """

    form: Form
    uid: np.ndarray
    time: np.ndarray
    seq_num: np.ndarray
    values: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.time)

    def without(self, keys: Set[str]) -> Rows:
        """The rows but for some of their data, as if these had not come."""
        form, split = self.form, len(self.form.data)
        kept = [n for n, key in enumerate(form.data) if key not in keys]
        data = tuple(form.data[n] for n in kept)
        kept += range(split, len(form.signatures))
        signatures = tuple(form.signatures[n] for n in kept)
        left = replace(form, data=data, signatures=signatures)
        return replace(self, form=left, values=[self.values[n] for n in kept])

    def columns(self) -> Iterator[tuple[str, str, Any]]:
        """Group, name and values of each column, in the order of the events."""
        tops: dict[str, Any] = {
            "uid": uuids_of(self.uid),
            "time": Uniform(PLAIN[float], self.time),
            "seq_num": Uniform(PLAIN[int], self.seq_num),
            "descriptor": Repeated(self.form.descriptor, len(self)),
            "filled": Repeated({}, len(self)),
        }
        yield from (("", m, tops[m]) for m in self.form.members if m in tops)
        names = [("data", name) for name in self.form.data]
        names += [("timestamps", name) for name in self.form.timestamps]
        for key, signature, base in zip(
            names, self.form.signatures, self.values, strict=True
        ):
            yield *key, Uniform(signature, base)

    def events(self) -> Iterator[dict[str, Any]]:
        """The events again."""
        form = self.form
        lists = [
            decode_uniform(base, signature)
            for base, signature in zip(self.values, form.signatures, strict=True)
        ]
        split = len(form.data)
        for row in range(len(self)):
            found: dict[str, Any] = {
                "uid": self.uid[row].tobytes().decode("ascii"),
                "time": float(self.time[row]),
                "seq_num": int(self.seq_num[row]),
                "descriptor": form.descriptor,
                "filled": {},
                "data": {k: v[row] for k, v in zip(form.data, lists, strict=False)},
                "timestamps": {
                    k: v[row]
                    for k, v in zip(form.timestamps, lists[split:], strict=True)
                },
            }
            yield {member: found[member] for member in form.members}


class RowPacker:
    """Makes rows of the events of a form, and tells which are none.

    Examples
    --------
    >>> event = {"uid": "e" * 36, "time": 0.0, "seq_num": 1, "descriptor": "d1"}
    >>> event |= {"data": {"x": 0.5}, "timestamps": {"x": 0.0}}
    >>> packer = RowPacker(form_of(event))
    >>> fixed, large = packer.pack(event)
    >>> len(fixed), len(large)
    (68, 0)
    >>> packer.pack({**event, "data": {"x": 1}})
    (None, ())
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._types = (str, float, int, *map(_type_of, form.signatures))
        self._arrays = [
            (3 + number, np.dtype(s.dtype), s.shape, _is_blob(s))
            for number, s in enumerate(form.signatures)
            if s.container == "nd"
        ]
        codes = [_code_of(s) for s in form.signatures]
        self._pack = struct.Struct(f"<{_UID}sdq{''.join(codes)}").pack

    def pack(
        self, event: Mapping[str, Any]
    ) -> tuple[bytes | None, Sequence[memoryview]]:
        """Fixed part and large values of a row; None when the event is none."""
        form = self._form
        if tuple(event) != form.members:
            return _NO_ROW
        data, stamps = event["data"], event["timestamps"]
        filled = event.get("filled", _NONE)
        if not type(data) is type(stamps) is type(filled) is dict or filled:
            return _NO_ROW
        if tuple(data) != form.data or tuple(stamps) != form.timestamps:
            return _NO_ROW
        uid = event["uid"]
        values = [
            uid,
            event["time"],
            event["seq_num"],
            *data.values(),
            *stamps.values(),
        ]
        if tuple(map(type, values)) != self._types or len(uid) != _UID:
            return _NO_ROW
        large = self._large(values) if self._arrays else ()
        if large is None:
            return _NO_ROW
        try:
            values[0] = uid.encode("ascii")
            return self._pack(*values), large
        except (UnicodeEncodeError, struct.error):  # an integer beyond 64 bits
            return _NO_ROW

    def _large(self, values: list[Any]) -> list[memoryview] | None:
        """Take the large arrays out of the values; None when one is another."""
        blobs: list[memoryview] = []
        large: list[int] = []
        for number, dtype, shape, is_blob in self._arrays:
            value = values[number]
            if value.dtype != dtype or value.shape != shape:
                return None
            if is_blob:
                flat = np.ascontiguousarray(value).reshape(-1)
                blobs.append(flat.view(np.uint8).data)
                large.append(number)
            else:
                values[number] = value.tobytes()
        for number in reversed(large):
            del values[number]
        return blobs


_NONE: dict[str, Any] = {}
_NO_ROW: tuple[None, Sequence[memoryview]] = None, ()


def _is_blob(signature: Signature) -> bool:
    size = np.dtype(signature.dtype).itemsize * math.prod(signature.shape)
    return signature.container == "nd" and size >= BLOB_BYTES


def _type_of(signature: Signature) -> type:
    if signature.container == "nd":
        return np.ndarray
    return next(kind for kind, known in _SCALARS.items() if known == signature)


def _code_of(signature: Signature) -> str:
    if _is_blob(signature):
        return ""
    if signature.container == "nd":
        return f"{np.dtype(signature.dtype).itemsize * math.prod(signature.shape)}s"
    return _CODES[signature.dtype]
