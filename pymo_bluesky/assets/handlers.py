"""Handlers of external data, found as databroker finds them, but without databroker.

A handler is a class of an installed package that announces it by the entry point
``databroker.handlers``: ``Handler(path, **resource_kwargs)(**datum_kwargs)`` gives the
array. This module knows nothing of HDF5 and of datasets.
"""

from __future__ import annotations

import functools
import logging
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np

from ..allowed import ANYWHERE, Allowed
from ..errors import NotFoundError, PymoError, printable

__all__ = ["GROUP", "DatumReader", "Recent", "handler_of", "regular_file"]

GROUP = "databroker.handlers"
_MOST_OPEN = 32

log = logging.getLogger("pymo_bluesky")
T = TypeVar("T")


def regular_file(path: str | os.PathLike[str]) -> Path:
    """A path, once it is known to be a file: no folder, pipe or device is opened.

    Raises
    ------
    NotFoundError
        When there is none, or it is something else.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - one call, and no exists() before
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotFoundError(
            f"there is no file {printable(str(path))} ({reason}); when it was moved, "
            "`relocate` tells the dataset where to"
        ) from error
    if not stat.S_ISREG(mode):
        raise NotFoundError(
            f"{printable(str(path))} is no file but a {_kind(mode)}; it is not opened"
        )
    return Path(path)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    return "pipe" if stat.S_ISFIFO(mode) else "device or socket"


class Recent(Generic[T]):
    """The last things that were used; the others are closed.

    Examples
    --------
    >>> recent = Recent[str](1, print)
    >>> recent.get("a", lambda: "file a"), recent.get("b", lambda: "file b")
    file a
    ('file a', 'file b')
    """

    def __init__(self, most: int, close: Callable[[T], object]) -> None:
        self._most = most
        self._close = close
        self._held: OrderedDict[Any, T] = OrderedDict()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """The thing of a key, made when it is not held."""
        if key not in self._held:
            made = make()
            while len(self._held) >= self._most:
                self._close(self._held.popitem(last=False)[1])
            self._held[key] = made
        self._held.move_to_end(key)
        return self._held[key]

    def clear(self) -> None:
        """Close all of them."""
        while self._held:
            self._close(self._held.popitem()[1])


class _NumpySequence:
    """``NPY_SEQ``: ``<path>_<index>.npy``; ophyd's own handler without ophyd."""

    def __init__(self, path: str, root: str = "") -> None:
        self._path = str(Path(root, path))

    def __call__(self, index: int) -> np.ndarray:
        file = self.get_file_list([{"index": index}])[0]
        return np.load(regular_file(file), allow_pickle=False)

    def get_file_list(self, arguments: Any) -> list[str]:
        """Files of some datums."""
        return [f"{self._path}_{int(kw['index'])}.npy" for kw in arguments]


_BUILT_IN: Mapping[str, Callable[..., Any]] = {"NPY_SEQ": _NumpySequence}


@functools.cache
def handler_of(spec: str) -> Callable[..., Any] | None:
    """The handler of a spec; None when no installed package has one.

    Examples
    --------
    >>> handler_of("NO_SUCH_SPEC") is None
    True
    """
    for found in entry_points(group=GROUP, name=spec):
        try:
            return found.load()
        except (ImportError, AttributeError) as error:
            log.warning("the handler %s of %s does not load: %s", found, spec, error)
    return _BUILT_IN.get(spec)


class DatumReader:
    """Reads what datums refer to, by the handlers that are installed.

    `event_model.Filler` does the same for whole events; but it wants every datum before
    its event, keeps all of them, and gives up an event for one file that is missing.

    Parameters
    ----------
    allowed
        Where files may be that it opens.
    """

    def __init__(self, allowed: Allowed = ANYWHERE) -> None:
        self._allowed = allowed
        self._handlers = Recent[Any](_MOST_OPEN, _close)

    def read(
        self, path: str, resource: Mapping[str, Any], datum: Mapping[str, Any]
    ) -> np.ndarray:
        """The array of a datum.

        Parameters
        ----------
        path
            Where the files of the resource are now.
        resource, datum
            The documents.

        Raises
        ------
        NotFoundError
            When there is no handler, or no file.
        FormatError
            When it would lead to files that are not allowed.
        PymoError
            When the handler fails.
        """
        spec = str(resource.get("spec"))
        arguments = dict(datum.get("datum_kwargs") or {})
        self._check_words(path, [resource.get("resource_kwargs"), arguments])
        try:
            handler = self._handlers.get(
                (resource.get("uid"), path), lambda: _made(path, spec, resource)
            )
            for file in _files_of(handler, arguments):
                self._allowed.check(file)
                regular_file(file)
            return np.asarray(handler(**arguments))
        except PymoError:
            raise
        except Exception as error:  # a handler is anyone's code, and may raise anything
            raise PymoError(
                f"the handler of {spec} cannot read {printable(path)}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _check_words(self, path: str, words: Any) -> None:
        """Refuse a path that leads out, and words that could make one of it."""
        self._allowed.check(path)
        for word in _words(words):
            if word.startswith("/") or ".." in word.split("/"):
                self._allowed.check(Path(path, word))
                self._allowed.check(Path(path).parent / word)

    def close(self) -> None:
        """Close the files that handlers hold."""
        self._handlers.clear()


def _made(path: str, spec: str, resource: Mapping[str, Any]) -> Any:
    found = handler_of(spec)
    if found is None:
        raise NotFoundError(
            f"no installed package has a handler for {printable(spec)} (entry point "
            f"{GROUP}; the extra 'assets' brings those of area detectors)"
        )
    _check_place(path)
    return found(path, **dict(resource.get("resource_kwargs") or {}))


def _check_place(path: str) -> None:
    """A resource tells a file, a folder, or what the names of its files begin with."""
    place = Path(path)
    if not path or not (place.is_dir() or place.parent.is_dir()):
        raise NotFoundError(
            f"there is nothing at {printable(path) or 'a path that is not told'}; when "
            "it was moved, `relocate` tells the dataset where to"
        )
    if place.exists() and not place.is_dir():
        regular_file(place)


def _words(value: Any) -> Iterator[str]:
    """Texts in the arguments of a handler, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _words(list(cast(Mapping[Any, Any], value).items()))
    elif isinstance(value, list | tuple):
        for item in cast(Sequence[Any], value):
            yield from _words(item)


def _files_of(handler: Any, arguments: dict[str, Any]) -> Sequence[str]:
    """What a handler says that it will open."""
    listed: Any = getattr(handler, "get_file_list", None)
    return cast(Sequence[str], listed([arguments])) if callable(listed) else ()


def _close(handler: Any) -> None:
    close = getattr(handler, "close", None)
    if callable(close):
        close()
