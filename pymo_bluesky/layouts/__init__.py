"""One table for each generation of PyMoDAQ files; knows neither files nor documents."""

from __future__ import annotations

from ..errors import LayoutError
from .pymodaq3 import PYMODAQ3
from .pymodaq5 import PYMODAQ5
from .table import Kind, Layout, Node, Recognised, Role, Row

__all__ = [
    "LAYOUTS",
    "PYMODAQ3",
    "PYMODAQ5",
    "Kind",
    "Layout",
    "Node",
    "Recognised",
    "Role",
    "Row",
    "layout_named",
]

LAYOUTS = (PYMODAQ5, PYMODAQ3)
"""The layouts that can be written, the newest first."""


def layout_named(name: str) -> Layout:
    """The layout of a name.

    Parameters
    ----------
    name
        ``"pymodaq5"`` or ``"pymodaq3"``.

    Raises
    ------
    LayoutError
        For any other name.

    Examples
    --------
    >>> layout_named("pymodaq3").versions
    '2.0.1 to 3.6'
    """
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    known = ", ".join(repr(layout.name) for layout in LAYOUTS)
    raise LayoutError(f"there is no layout {name!r}; there are {known}")
