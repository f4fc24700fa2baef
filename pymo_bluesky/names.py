"""File names from what users and documents say, which is never trusted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

from .errors import PymoError

__all__ = ["file_prefix", "safe_name"]

_MAX_BYTES = 120
_FIELD = re.compile(r"\{(uid|start\[([^\[\]{}]+)\])\}")
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10))}


def safe_name(text: str, *, most: int = _MAX_BYTES) -> str:
    """Any text as one part of a path that cannot lead elsewhere.

    Examples
    --------
    >>> safe_name("../../etc/passwd")
    'etc_passwd'
    >>> safe_name("échantillon 3")
    'échantillon 3'
    """
    plain = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    kept = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in plain)
    kept = re.sub(r"_{2,}", "_", kept.replace("..", "_"))
    kept = kept.strip(" ._-")
    while len(kept.encode()) > most:
        kept = kept[:-1]
    return f"_{kept}" if kept.partition(".")[0].upper() in _RESERVED else kept


def file_prefix(template: str, start: Mapping[str, Any]) -> str:
    """Fill a file prefix by plain look-up in the start document.

    Only ``{uid}`` and ``{start[key]}`` mean something; there is no attribute access
    and no format specification.

    Raises
    ------
    PymoError
        When the template names a key that the start document lacks, or gives no name.

    Examples
    --------
    >>> file_prefix("run-{start[scan_id]}-{uid}", {"uid": "4b1d", "scan_id": 7})
    'run-7-4b1d'
    """

    def look_up(match: re.Match[str]) -> str:
        key = match[2] or "uid"
        if key not in start:
            raise PymoError(
                f"file_prefix {template!r}: the start document has no {key!r}; it has "
                f"{', '.join(sorted(map(str, start)))}"
            )
        return safe_name(str(cast(Any, start[key])))

    filled = _FIELD.sub(look_up, template)
    if "{" in filled or "}" in filled:
        raise PymoError(
            f"file_prefix {template!r}: only {{uid}} and {{start[key]}} can stand in it"
        )
    name = safe_name(filled)
    if not name:
        raise PymoError(f"file_prefix {template!r} gives no file name")
    return name
