"""Two streams of documents, compared exactly; knows neither files nor layouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, cast

from ..values import to_json

__all__ = ["differences"]

_SHOWN = 60


def differences(
    expected: Iterable[tuple[str, Mapping[str, Any]]],
    found: Iterable[tuple[str, Mapping[str, Any]]],
) -> Iterator[str]:
    """Tell where two streams of documents differ, one line for each difference.

    Equal is only what cannot be told apart: 1 is not 1.0, 0.0 is not -0.0, a list is no
    tuple, an array must have the dtype and the bits, NaN equals NaN. Only the order of
    the members of a mapping, and its class, are free.

    Parameters
    ----------
    expected, found
        ``(name, document)``, compared in their order. They can be generators: one
        document of each is held at a time.

    Yields
    ------
    str
        Which document and member, what was expected, and what was found.

    Examples
    --------
    >>> one = [("event", {"uid": "4b1d", "data": {"x": 1.0, "n": 2}})]
    >>> list(differences(one, one))
    []
    >>> for line in differences(one, [("event", {"uid": "4b1d", "data": {"x": 1}})]):
    ...     print(line)
    event 4b1d: data.x: expected 1.0, found 1
    event 4b1d: data.n: expected 2, found nothing
    """
    for number, (one, other) in enumerate(zip_longest(expected, found)):
        if one is None:
            yield f"document {number}: expected the end, found {_named(other)}"
        elif other is None:
            yield f"document {number}: expected {_named(one)}, found the end"
        elif one[0] != other[0]:
            yield f"document {number}: expected {_named(one)}, found {_named(other)}"
        else:
            for member, difference in _between(one[1], other[1], ""):
                where = f"{_named(one)}: {member}" if member else _named(one)
                yield f"{where}: {difference}"


def _named(document: tuple[str, Mapping[str, Any]]) -> str:
    name, doc = document
    return f"{name} {doc.get('uid') or doc.get('datum_id') or 'without uid'}"


def _between(one: Any, other: Any, path: str) -> Iterator[tuple[str, str]]:
    """Differences of two values, and the members in which they lie."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        yield from _between_mappings(
            cast(Mapping[Any, Any], one), cast(Mapping[Any, Any], other), path
        )
    elif type(cast(Any, one)) is type(other) and isinstance(one, list | tuple):
        yield from _between_sequences(
            cast(list[Any], one), cast(list[Any], other), path
        )
    # The text of a value tells its type, and a float's or an array's every bit.
    elif to_json(cast(Any, one)) != to_json(other):
        yield path, f"expected {_shown(one)}, found {_shown(other)}"


def _between_mappings(
    one: Mapping[Any, Any], other: Mapping[Any, Any], path: str
) -> Iterator[tuple[str, str]]:
    for key, value in one.items():
        member = f"{path}.{key}" if path else str(key)
        if key in other:
            yield from _between(value, other[key], member)
        else:
            yield member, f"expected {_shown(value)}, found nothing"
    for key in other:
        if key not in one:
            member = f"{path}.{key}" if path else str(key)
            yield member, f"expected nothing, found {_shown(other[key])}"


def _between_sequences(
    one: list[Any], other: list[Any], path: str
) -> Iterator[tuple[str, str]]:
    if len(one) != len(other):
        yield path, f"expected {len(one)} items, found {len(other)}"
        return
    for number, (item, its_other) in enumerate(zip(one, other, strict=True)):
        yield from _between(item, its_other, f"{path}[{number}]")


def _shown(value: Any) -> str:
    """A value in few words; an array by dtype and shape."""
    if hasattr(value, "dtype"):
        value = f"{type(value).__name__} {value.dtype}{value.shape} {value!s}"
    else:
        value = repr(value)
    words = " ".join(value.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
