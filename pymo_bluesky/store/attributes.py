"""Attributes of a node of a file, listed and read when they are asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .nodes import Node

__all__ = ["Attributes", "as_text", "decoded", "size_of"]


class Attributes(Mapping[str, Any]):
    """Attributes of a node; few of them are looked at where there are many nodes.

    Parameters
    ----------
    node
        The node.
    names
        Of its attributes; without them they are listed when somebody asks.
    """

    def __init__(self, node: Node, names: list[str | bytes] | None = None) -> None:
        self._node = node
        if names is not None:
            self._names = _by_text(names)
        self._known: dict[str, Any] = {}
        self._size = 0
        self._address: int | None = None

    @functools.cached_property
    def _names(self) -> dict[str, str | bytes]:
        return _by_text(self._node.attribute_names())

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            value = self._read(name)
            self._size += len(name) + size_of(value)
            if self._address is None:
                self._address = self._node.address
            self._node.rules.take(self._address, self._size, self._node.path)
            self._known[name] = value
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        if "_names" in self.__dict__ or not isinstance(name, str):
            return name in self._names
        return self._node.has_attribute(name) or name in self._names

    def _read(self, name: str) -> Any:
        """A value; all are listed only for a name that is not found as it is."""
        if "_names" not in self.__dict__:
            value = self._node.attribute(name)
            if value is not None or self._node.has_attribute(name):
                return value
        return self._node.attribute(self._names[name])


def _by_text(names: list[str | bytes]) -> dict[str, str | bytes]:
    return {as_text(name): name for name in names}


def decoded(name: bytes) -> str | bytes:
    """A name as h5py gives it: those that are not UTF-8 stay bytes."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name


def as_text(name: str | bytes) -> str:
    """The name of a node; h5py gives those that are not UTF-8 as bytes."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def size_of(value: Any) -> int:
    """Bytes of a value of an attribute."""
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return sum(size_of(item) for item in value.flat)
    return len(value) if isinstance(value, str | bytes) else np.asarray(value).nbytes
