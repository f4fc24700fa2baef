"""What reading a file may cost, and where it may lead; knows no HDF5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..allowed import NOWHERE, Allowed
from ..errors import FormatError, printable

__all__ = ["MEMORY", "Rules"]

MEMORY = 256 * 2**20
"""Bytes that what describes the data may take, and data that the file does not hold."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What reading one file may cost, and where it may lead.

    Attributes
    ----------
    allowed
        Other files that the values of arrays may lie in.
    memory
        Bytes that attributes, as stored and decoded, may take. A quarter is what a log
        may, and what one read may give whatever the file holds; a sixteenth what one
        attribute may.
    left_out
        Arrays, by their paths, that count as unreadable, and why.
    """

    allowed: Allowed = NOWHERE
    memory: int = MEMORY
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    _sizes: dict[int, int] = field(default_factory=dict[int, int])
    _taken: list[int] = field(default_factory=lambda: [0])
    _strays: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def free(self) -> int:
        """Bytes that one read may give, however few lie in the file."""
        return self.memory // 4

    @property
    def text(self) -> int:
        """Bytes that one attribute may take."""
        return self.memory // 16

    def take(self, node: int, size: int, path: str) -> None:
        """Count the attributes of a node; twice read they count once.

        Raises
        ------
        FormatError
            When all attributes that were read are more than half of `memory`.
        """
        more = size - self._sizes.get(node, 0)
        if more <= 0:
            return
        self._sizes[node] = size
        self._taken[0] += more
        if self._taken[0] > self.memory // 2:  # decoded they are there twice
            raise FormatError(
                f"{printable(path)}: the attributes of this file take more than "
                f"{self.memory // 2:,} bytes; if you trust it, give it twice that it "
                "needs: memory=..."
            )

    def stray(self, node: int) -> str | None:
        """What was found of the files that an array leads to; None: not looked yet."""
        return self._strays.get(node)

    def note_stray(self, node: int, found: str) -> str:
        """Keep what was found of the files that an array leads to."""
        self._strays[node] = found
        return found
