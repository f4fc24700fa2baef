"""The pure decoders under atheris: `python tests/fuzz/decoders.py [CORPUS] [-runs=N]`.

They take bytes of files that somebody sent, and may raise what they say, nothing else.
"""

import sys
from collections.abc import Callable
from contextlib import suppress

from pymo_bluesky.errors import FormatError, printable
from pymo_bluesky.layouts.attributes import decode, decode_plain
from pymo_bluesky.layouts.pickled import plain_value
from pymo_bluesky.names import safe_name
from pymo_bluesky.settings import from_xml, rois_from_xml
from pymo_bluesky.values import from_json, to_json, unpack

__all__ = ["DECODERS", "decode_all"]


def _settings(data: bytes) -> None:
    with suppress(FormatError):
        rois_from_xml(from_xml(data))


def _json(data: bytes) -> None:
    with suppress(FormatError):
        to_json(from_json(data))


def _msgpack(data: bytes) -> None:
    with suppress(FormatError):
        unpack(data)


def _pickle(data: bytes) -> None:
    with suppress(ValueError):
        plain_value(data)


def _attribute(data: bytes) -> None:
    decode(data)
    decode_plain(data)
    decode(data.decode("utf-8", "surrogateescape"))


def _name(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert printable(text).isprintable()
    name = safe_name(text)
    assert name not in (".", "..")
    assert not set(name) & {"/", "\0"}
    assert len(name.encode()) <= 255


DECODERS: tuple[Callable[[bytes], None], ...] = (
    *(_settings, _json, _msgpack, _pickle, _attribute, _name),
)


def decode_all(data: bytes) -> None:
    """Give some bytes to the decoder that the first of them chooses."""
    if data:
        DECODERS[data[0] % len(DECODERS)](data[1:])


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, decode_all)
    atheris.Fuzz()
