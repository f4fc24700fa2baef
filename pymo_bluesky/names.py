"""File names from what users and documents say, which is never trusted.

Templates are filled by plain look-up of ``{name}`` and ``{start[name]}``: no attribute
access, no format specification, and nothing that a value says can lead out of the
folder.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, cast

from .errors import PymoError

__all__ = ["dataset_name", "file_prefix", "safe_name", "unknown_fields"]

# File systems allow 255; numbers, endings, undo files and journals come behind.
_MAX_BYTES = 200
_MAX_FIELD_BYTES = 80
_FIELD = re.compile(r"\{([A-Za-z_][\w.-]*)(?:\[([^\[\]{}]+)\])?\}")
_RESERVED = {"CON", "PRN", "AUX", "NUL"} | {
    f"{device}{n}" for device in ("COM", "LPT") for n in range(1, 10)
}


def safe_name(text: str, *, most: int = _MAX_BYTES) -> str:
    """Any text as one part of a path that cannot lead elsewhere.

    Parameters
    ----------
    text
        Whatever a user or a document says.
    most
        Bytes (UTF-8) the name may have.

    Returns
    -------
    str
        Empty when nothing of the text can stand in a name.

    Examples
    --------
    >>> safe_name("../../etc/passwd")
    'etc_passwd'
    >>> safe_name("échantillon 3")
    'échantillon 3'
    """
    plain = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    kept = "".join(
        c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in plain
    )
    kept = re.sub(r"_{2,}", "_", kept.replace("..", "_")).strip(" ._-~")
    kept = kept.encode()[:most].decode("utf-8", "ignore").rstrip(" .")
    if kept.partition(".")[0].rstrip().upper() in _RESERVED:
        return f"_{kept}"[:most]
    return kept


def file_prefix(template: str, start: Mapping[str, Any]) -> str:
    """Name of an exported file: ``{uid}`` and ``{start[key]}`` filled in.

    Raises
    ------
    PymoError
        When the template names what the start document lacks, or gives no name.

    Examples
    --------
    >>> file_prefix("run-{start[scan_id]}-{uid}", {"uid": "4b1d", "scan_id": 7})
    'run-7-4b1d'
    """
    name = safe_name(_filled(template, start, {}, "file_prefix", strict=True))
    if not name:
        raise PymoError(f"file_prefix {template!r} gives no file name")
    return name


def dataset_name(
    template: str, start: Mapping[str, Any], given: Mapping[str, str]
) -> PurePosixPath:
    """Path of a dataset below the base folder, without number and ending.

    Parameters
    ----------
    template
        Folders and name, e.g. ``"{year}/{date}/{sample}_{plan_name}"``.
    start
        Start document; its members can be named. One that is missing or None gives
        ``none``: a scan is not lost because its sample has no name.
    given
        ``date``, ``year``, ``time``.

    Examples
    --------
    >>> given = {"year": "2026", "date": "20261122"}
    >>> str(dataset_name("{year}/{sample}_{date}", {"sample": "../Si"}, given))
    '2026/Si_20261122'
    """
    parts = [
        safe_name(_filled(part, start, given, "template", strict=False))
        for part in template.split("/")
    ]
    if not all(parts):
        raise PymoError(
            f"template {template!r} gives an empty name for a folder or file; name at "
            "least one field in each part"
        )
    return PurePosixPath(*parts)


def unknown_fields(
    template: str, start: Mapping[str, Any], given: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Fields of a template that mean nothing, each with what may be meant.

    Parameters
    ----------
    template, start, given
        As for `dataset_name`.

    Examples
    --------
    >>> list(unknown_fields("{sampel}_{date}", {"sample": "Si"}, {"date": "20261122"}))
    [('sampel', 'sample')]
    """
    known = [*map(str, start), *given]
    for match in _FIELD.finditer(template):
        name, key = match[1], match[2]
        if (key or name) not in start and (key or name not in given):
            like: list[str] = difflib.get_close_matches(key or name, known, 1)
            yield key or name, "".join(like)


def _filled(
    template: str,
    start: Mapping[str, Any],
    given: Mapping[str, str],
    what: str,
    *,
    strict: bool,
) -> str:
    def look_up(match: re.Match[str]) -> str:
        name, key = match[1], match[2]
        if key is not None and name != "start":
            raise PymoError(f"{what} {template!r}: only start[...] can be looked into")
        if key is None and name in given:
            return given[name]
        key = key or name
        if strict and key not in start:
            known = ", ".join(sorted(map(str, start)))
            raise PymoError(
                f"{what} {template!r}: the start document has no {key!r}, only {known}"
            )
        return safe_name(_shown(start.get(key)), most=_MAX_FIELD_BYTES) or "none"

    if re.search(r"[{}]", _FIELD.sub("", template)):
        raise PymoError(
            f"{what} {template!r}: fields are {{name}} or {{start[name]}}, nothing else"
        )
    return _FIELD.sub(look_up, template)


def _shown(value: Any) -> str:
    """A member of a start document as text; a sample is often ``{"name": ...}``."""
    if isinstance(value, Mapping):
        value = cast(Mapping[str, Any], value).get("name")
    return "" if value is None else str(value)
