"""What users can choose of a writer, checked; knows no documents."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Literal

from ..compression import Compression, compression_named
from ..errors import PymoError
from ..journal import Bound
from ..store.filters import require
from .rescue import Rescue, rescue_folders

__all__ = ["OnError", "WhenFull", "bound_of", "packed_by", "rescue_of"]

OnError = Literal["raise", "continue"]
WhenFull = Literal["wait", "raise"]


def bound_of(most: int | timedelta | None, when_full: WhenFull) -> Bound | None:
    """How much may wait for a slow disk; None when nothing may.

    Examples
    --------
    >>> bound_of(10**6, "wait")
    Bound(most=1000000, when_full='wait')
    """
    if when_full not in ("wait", "raise"):
        raise PymoError(f"when_full={when_full!r}: 'wait' or 'raise' is expected")
    return None if most is None else Bound(most, when_full)


def packed_by(library: str | None, level: int | None) -> Compression | None:
    """How arrays are compressed: now it is known whether that is possible here.

    Examples
    --------
    >>> packed_by("gzip", 9)
    Compression(library='gzip', level=9)
    """
    found = compression_named(library, level)
    require(found)
    return found


def rescue_of(
    on_error: OnError, folders: Iterable[str | os.PathLike[str]] | None
) -> Rescue | None:
    """Where runs go on whose own disk fails; None when they do not.

    Examples
    --------
    >>> rescue_of("continue", ["/mnt/other"]).folders
    (PosixPath('/mnt/other'),)
    """
    if on_error not in ("raise", "continue"):
        raise PymoError(f"on_error={on_error!r}: 'raise' or 'continue' is expected")
    if on_error == "raise":
        return None
    if folders is None:
        return Rescue(rescue_folders())
    return Rescue([Path(folder).expanduser().absolute() for folder in folders])
