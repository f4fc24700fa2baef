"""Trees of lines, as text and as HTML; knows nothing of what the lines say."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

from .errors import printable

__all__ = ["Shown", "Twig", "as_html", "drawn"]


class Twig(NamedTuple):
    """A line of a tree, and what hangs below it.

    Attributes
    ----------
    text
        The line.
    twigs
        What hangs below.
    folded
        Whether a notebook shows what hangs below only when it is clicked.
    """

    text: str
    twigs: tuple[Twig, ...] = ()
    folded: bool = False


def drawn(twig: Twig) -> str:
    """A tree as lines of text.

    Examples
    --------
    >>> print(drawn(Twig("camera", (Twig("exposure: 0.1 s"), Twig("gain: 2")))))
    camera
    ├── exposure: 0.1 s
    └── gain: 2
    """
    return "\n".join([printable(twig.text), *_below(twig)])


def _below(twig: Twig) -> Iterator[str]:
    for number, child in enumerate(twig.twigs, 1):
        last = number == len(twig.twigs)
        yield f"{'└── ' if last else '├── '}{printable(child.text)}"
        for line in _below(child):
            yield f"{'    ' if last else '│   '}{line}"


def as_html(twig: Twig) -> str:
    """A tree as a notebook shows it: branches open and close by a click.

    No script, no style sheet: it looks the same in a notebook that is not trusted, and
    in a page that it was exported to.

    Examples
    --------
    >>> as_html(Twig("a < b"))
    '<div style="margin-left:1.1em">a &lt; b</div>'
    """
    text = escape(printable(twig.text))
    if not twig.twigs:
        return f'<div style="margin-left:1.1em">{text}</div>'
    inner = "".join(as_html(child) for child in twig.twigs)
    opened = "" if twig.folded else " open"
    return (
        f"<details{opened}><summary>{text}</summary>"
        f'<div style="margin-left:1.1em">{inner}</div></details>'
    )


class Shown:
    """What IPython and notebooks show as a tree, where `twig` makes one of it.

    IPython looks through the bases of a class and takes the first that tells of itself
    by `_repr_pretty_` or `__repr__`: a class with a repr names ours again.
    """

    __slots__ = ()

    def twig(self, *, settings: bool = True) -> Twig:
        """It as a tree.

        Parameters
        ----------
        settings
            Whether the settings are shown, where they are not the thing itself.
        """
        raise NotImplementedError

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows: settings are long, `tree()` shows them too."""
        printer.text(repr(self) if cycle else drawn(self.twig(settings=False)))

    def _repr_html_(self) -> str:
        """What a notebook shows; settings unfold by a click."""
        return as_html(self.twig())
