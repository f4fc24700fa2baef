"""Messages of documents, to bytes and back exactly; knows no sockets.

A message is ``<prefix> <name> <payload>``, as bluesky's own are, so that its proxy and
its dispatcher take them. The payload is a mark, a checksum and msgpack: reading it runs
no code, and what is anything else is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError
from ..values import pack, unpack

__all__ = [
    "ForeignMessageError",
    "Message",
    "decode",
    "deserialize",
    "encode",
    "serialize",
]

_MARK = b"PYMOMSG1"
_CHECK = struct.Struct("<I")
_HEAD = len(_MARK) + _CHECK.size
_NAMES = frozenset(
    {
        "start",
        "stop",
        "descriptor",
        "event",
        "event_page",
        "resource",
        "datum",
        "datum_page",
        "stream_resource",
        "stream_datum",
    }
)


class ForeignMessageError(FormatError):
    """A message that is none of ours: pickled, damaged, or of another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A document on its way.

    Attributes
    ----------
    name, doc
        The document.
    publisher
        Uid of who sent it; empty when that does not count (bluesky's own publisher).
    count
        How many messages the publisher sent before it.
    run, index
        Uid of its run; how many documents of the run came before it.
    """

    name: str
    doc: Mapping[str, Any]
    publisher: str = ""
    count: int = 0
    run: str = ""
    index: int = 0


def encode(message: Message, prefix: bytes = b"") -> bytes:
    """A message as it is sent.

    Examples
    --------
    >>> sent = encode(Message(name="start", doc={"uid": "4b1d"}), b"lab")
    >>> sent[:10], decode(sent, b"lab").doc
    (b'lab start ', {'uid': '4b1d'})
    """
    envelope = [message.publisher, message.count, message.run, message.index]
    payload = _sealed(pack([*envelope, dict(message.doc)]))
    return b" ".join([prefix, message.name.encode(), payload])


def decode(data: bytes, prefix: bytes = b"") -> Message | None:
    """A message as it was sent; None when it has another prefix.

    Raises
    ------
    ForeignMessageError
        When it is none of ours.
    """
    parts = data.split(b" ", 2)
    if len(parts) != 3:
        raise ForeignMessageError("a message was not <prefix> <name> <payload>")
    theirs, name, payload = parts
    if prefix and theirs != prefix:
        return None
    told = name.decode("ascii", "replace")
    if told not in _NAMES:
        raise ForeignMessageError(f"a message named {told[:40]!r} is no document")
    return _opened(told, payload)


def serialize(doc: Mapping[str, Any]) -> bytes:
    """A document as payload, for ``bluesky.callbacks.zmq.Publisher(serializer=…)``.

    Such messages are not counted: that one is lost shows only in the numbers of the
    events. `Publisher` counts.
    """
    return _sealed(pack(["", 0, "", 0, dict(doc)]))


def deserialize(payload: bytes) -> dict[str, Any]:
    """The document of a payload, for bluesky's ``RemoteDispatcher(deserializer=…)``.

    Raises
    ------
    ForeignMessageError
        When it is none of ours.

    Examples
    --------
    >>> deserialize(serialize({"shape": (2, 3)}))
    {'shape': (2, 3)}
    >>> import pickle
    >>> deserialize(pickle.dumps({"shape": (2, 3)}))
    Traceback (most recent call last):
    ...
    pymo_bluesky.remote.codec.ForeignMessageError: a message is none of ...
    """
    return dict(_opened("start", payload).doc)


def _sealed(body: bytes) -> bytes:
    return _MARK + _CHECK.pack(zlib.crc32(body)) + body


def _opened(name: str, payload: bytes) -> Message:
    if payload[: len(_MARK)] != _MARK:
        raise ForeignMessageError(
            f"a message is none of this package: it begins with {payload[:8]!r}. It "
            "was not looked into; let its publisher use pymo_bluesky.remote"
        )
    body = memoryview(payload)[_HEAD:]
    if _CHECK.pack(zlib.crc32(body)) != payload[len(_MARK) : _HEAD]:
        raise ForeignMessageError("a message was damaged on its way")
    try:
        publisher, count, run, index, doc = unpack(body)
    except (FormatError, ValueError, TypeError) as error:
        raise ForeignMessageError(f"a message is not understood: {error}") from error
    if (
        not isinstance(doc, dict)
        or [type(part) for part in (publisher, count, run, index)]
        != [str, int, str, int]
        or min(count, index) < 0
    ):
        raise ForeignMessageError("a message is not understood: it holds no document")
    return Message(
        name=name, doc=doc, publisher=publisher, count=count, run=run, index=index
    )
