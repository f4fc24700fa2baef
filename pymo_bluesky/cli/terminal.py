"""Lines as a terminal, a pipe or an old locale can take them; knows no datasets."""

from __future__ import annotations

import codecs
import shutil
import sys
from collections.abc import Sequence

__all__ = ["prepare_output", "put_table"]

_HANDLER = "pymo_bluesky.ascii"
_PLAIN = {"├": "|", "└": "`", "│": "|", "─": "-", "…": "...", "µ": "u"}


def prepare_output() -> None:
    """Let the standard output take any text, in whatever encoding the locale has.

    Lines of trees become ASCII where there are none; other characters are escaped.
    """
    codecs.register_error(_HANDLER, _plainly)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=_HANDLER)


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that an encoding has not."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    escaped = (
        _PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing
    )
    return "".join(escaped), error.end


def put_table(rows: Sequence[Sequence[str]], *, right: int = 0) -> None:
    """Print rows in columns; at a terminal, lines end at its edge.

    Parameters
    ----------
    rows
        Cells of each row.
    right
        How many of the first columns stand at the right edge.
    """
    from ..catalog.listing import aligned

    if not rows:
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in aligned(rows, right):
        print(f"{line[: width - 1]}…" if 0 < width < len(line) else line)
