"""Arrays that scripts of users put straight into a detector; knows no file library.

PyMoDAQ writes none there, so nothing says what they are. One that has the shape of the
scan is a channel; any other is left as it is, and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .navigating import Navigation
from .recognising import Seen, Watch
from .table import Role

__all__ = ["channels_by_hand", "dimension_by_hand", "shaping"]

_NUMBERS = "biufc"


def shaping(
    modules: Sequence[Seen], found: Callable[[Sequence[Seen], Watch], Navigation]
) -> list[Seen]:
    """The first array by hand that agrees with the axes of a scan; none if none does.

    Parameters
    ----------
    modules
        Of a scan that has no other arrays.
    found
        Makes a navigation for arrays.
    """
    for module in modules:
        for array in _numbers(module):
            watch = Watch()
            shape = found([array], watch).shape
            whole = array.node.shape[: len(shape)] == shape
            if whole and all(p.kind == "guessed" for p in watch.problems):
                return [array]
    return []


def channels_by_hand(
    module: Seen, navigation: Navigation, watch: Watch
) -> Iterator[Seen]:
    """Arrays by hand of a module that have the shape of its scan.

    Parameters
    ----------
    module, navigation
        The module, and the points of its scan.
    watch
        Where it is told what becomes of each.
    """
    fitting = {seen.node.path for seen in _numbers(module)}
    for seen in module.below(Role.BY_HAND):
        shape, where = seen.node.shape, seen.node.path
        if where in fitting and shape[: len(navigation.shape)] == navigation.shape:
            watch.warn(
                where,
                "guessed",
                f"{where}: no channel of PyMoDAQ's; taken for one, as it has the "
                "shape of the scan",
            )
            yield seen
        else:
            watch.extra(
                where,
                "not-recognised",
                f"an array of {seen.node.dtype} of shape {shape} straight in a "
                "detector, which PyMoDAQ does not put there; it is left as it is",
            )


def dimension_by_hand(seen: Seen, navigation: Navigation) -> str:
    """Of the data of one point, in PyMoDAQ's words."""
    rest = len(seen.node.shape) - len(navigation.shape)
    return f"Data{rest}D" if rest < 3 else "DataND"


def _numbers(module: Seen) -> list[Seen]:
    return [
        seen
        for seen in module.below(Role.BY_HAND)
        if seen.node.dtype.kind in _NUMBERS and 0 not in seen.node.shape
    ]
