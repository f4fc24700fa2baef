"""A PyMoDAQ settings tree as plain frozen values; knows no XML and no Qt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..twigs import Shown, Twig, drawn

__all__ = ["DEFAULT_FLAGS", "Dialect", "Parameter"]

Dialect = Literal["pymodaq5", "pymodaq3"]
"""How the tree is spelled: as PyMoDAQ 5.3.8 writes it, or as 3.6.13 does."""

DEFAULT_FLAGS = {
    "removable": "0",
    "renamable": "0",
    "expanded": "1",
    "syncExpanded": "0",
    "showTop": "0",
    "strictNaming": "0",
}
"""Flags PyMoDAQ 5 writes on every parameter, with their usual values."""

_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Shown):
    """One line of a PyMoDAQ settings tree, with what hangs below it.

    Attributes
    ----------
    name
        Unique among its siblings in PyMoDAQ; the XML element's name where XML allows.
    title
        What people see; the name when not given.
    type
        PyMoDAQ's parameter type: ``float``, ``int``, ``bool``, ``str``, ``text``,
        ``list``, ``group``, ``color``, ``date_time``, ``itemselect``, ``table``,
        ``led``, ``slide``, ``browsepath``, … Empty where a file names none.
    value
        Plain Python. ``color``: ``[r, g, b, a]``; ``date_time``: seconds since the
        epoch, or ISO text where a file names no time zone; ``itemselect``:
        ``{"all_items": […], "selected": […]}``; ``table``: a dict; a group: None.
        What could not be understood is the raw text.
    units
        Units of the value; PyMoDAQ 5 shows them behind the number.
    limits
        ``[low, high]`` of a number; the choices of a ``list`` (a list, or a dict of
        shown text to value); None when unlimited.
    readonly, visible, enabled
        As in PyMoDAQ's tree.
    children
        The parameters below, in order.
    extra
        Further XML attributes, verbatim. Flags that have their usual value
        (`DEFAULT_FLAGS`) are left out.

    Examples
    --------
    >>> gain = Parameter(name="gain", type="float", value=2.5, units="dB")
    >>> camera = Parameter(name="camera", type="group", children=(gain,))
    >>> camera.find("gain").value
    2.5
    """

    name: str
    title: str = ""
    type: str = "group"
    value: Any = None
    units: str = ""
    limits: Any = None
    readonly: bool = False
    visible: bool = True
    enabled: bool = True
    children: tuple[Parameter, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Give the title its default, and the flags one canonical form."""
        object.__setattr__(self, "title", self.title or self.name)
        usual = DEFAULT_FLAGS.items()
        kept = {k: v for k, v in self.extra.items() if (k, v) not in usual}
        object.__setattr__(self, "extra", kept)

    def find(self, path: str) -> Parameter | None:
        """The parameter at a "/"-joined path of names below this one, or None."""
        here: Parameter | None = self
        for name in path.split("/"):
            if here is None:
                return None
            here = next((child for child in here.children if child.name == name), None)
        return here

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Parameter]]:
        """Yield this parameter and all below, each with its path, depth first."""
        here = (*path, self.name)
        yield "/".join(here), self
        for child in self.children:
            yield from child.walk(here)

    def twig(self, *, settings: bool = True) -> Twig:
        """It and the parameters below it, as PyMoDAQ's tree shows them."""
        below = tuple(child.twig(settings=settings) for child in self.children)
        return Twig(self._line, below)

    _repr_pretty_ = Shown._repr_pretty_  # before the dataclass's repr

    @property
    def _line(self) -> str:
        if self.value is None:
            return self.title
        text = str(self.value).replace("\n", " ")
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}…"
        units = f" {self.units}" if self.units else ""
        return f"{self.title.rstrip(': ')}: {text}{units}"

    def tree(self) -> str:
        """The settings as a tree of text.

        Examples
        --------
        >>> gain = Parameter(name="gain", type="float", value=2.5, units="dB")
        >>> print(Parameter(name="camera", children=(gain,)).tree())
        camera
        └── gain: 2.5 dB
        """
        return drawn(self.twig())
