"""What scans bear for viewers, beside the data; knows no documents and no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = ["PLAIN", "Display"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What scans bear for viewers.

    Attributes
    ----------
    thumbnails
        Small pictures (PNG) of the scan and of the panels of its detectors, where
        PyMoDAQ puts them.
    nexus
        Groups by which viewers of NeXus plot the scan when they open the file.
    """

    thumbnails: bool = True
    nexus: bool = False

    def about(self) -> dict[str, bool]:
        """As a journal keeps it.

        Examples
        --------
        >>> Display(nexus=True).about()
        {'thumbnails': True, 'nexus': True}
        """
        return asdict(self)

    @classmethod
    def read(cls, about: Mapping[str, Any]) -> Self:
        """From what a journal keeps; journals of before say nothing of it.

        Examples
        --------
        >>> Display.read({"nexus": True, "layout": "pymodaq5"})
        Display(thumbnails=True, nexus=True)
        """
        return cls(
            thumbnails=about.get("thumbnails") is not False,
            nexus=about.get("nexus") is True,
        )


PLAIN = Display(thumbnails=False)
"""Nothing beside the data."""
