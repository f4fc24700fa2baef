"""Which run a document belongs to, by what it refers to; knows no files."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

__all__ = ["Homes"]

_REFERENCES = ("descriptor", "run_start", "resource", "stream_resource")
"""What documents refer to; that of an event first, there are so many."""

_KNOWN_BY_UID = ("descriptor", "resource", "stream_resource")


class Homes:
    """The runs of documents.

    Examples
    --------
    >>> homes = Homes()
    >>> homes.add("4b1d")
    >>> homes.of("descriptor", {"uid": "d", "run_start": "4b1d"}, {})
    '4b1d'
    """

    def __init__(self) -> None:
        self._homes: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, run: str) -> None:
        """Know a run that starts."""
        with self._lock:
            self._homes[run] = run

    def of(self, name: str, doc: Mapping[str, Any], runs: dict[str, Any]) -> str:
        """The run of a document; others that refer to it are of the same.

        Parameters
        ----------
        name, doc
            The document.
        runs
            Those that go on, by their uids, the one that started last at the end.

        Returns
        -------
        str
            Its uid; empty when the document refers to nothing that is known.
        """
        if name == "event":  # there are so many
            descriptor = doc.get("descriptor")
            known = self._homes.get(descriptor) if type(descriptor) is str else None
            if known is not None:
                return known
        uid = self._found(doc)
        # A resource need not name its run, and a datum can come before its resource.
        if not uid and name in ("resource", "datum", "datum_page"):
            uid = next(reversed(runs), "")
        if uid and name in _KNOWN_BY_UID:
            with self._lock:
                self._homes[str(doc.get("uid"))] = uid
        return uid

    def _found(self, doc: Mapping[str, Any]) -> str:
        for member in _REFERENCES:
            reference = doc.get(member)
            if isinstance(reference, str) and reference in self._homes:
                return self._homes[reference]
        return ""

    def forget(self, run: str) -> None:
        """Know a run, and what belongs to it, no more."""
        with self._lock:
            self._homes = {k: v for k, v in self._homes.items() if v != run}
