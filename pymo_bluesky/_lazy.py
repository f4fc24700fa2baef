"""Names of a package that load on first use; knows nothing of what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``: what is not asked for is not imported.

    Half of the time of a look at a dataset went into modules that write, replay or
    follow.

    Parameters
    ----------
    package
        Its name.
    homes
        The module of it that each name is in.

    Examples
    --------
    >>> find = lazily("json", {"JSONDecoder": "decoder"})
    >>> find("JSONDecoder").__name__
    'JSONDecoder'
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find
