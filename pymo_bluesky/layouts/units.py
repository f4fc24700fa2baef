"""Units that PyMoDAQ can load; knows no layout and no node."""

from __future__ import annotations

import re

__all__ = ["loadable_units"]

_DIGITS = "¹²³⁰⁴-⁹"
_LETTER = rf"[^\W\d_{_DIGITS}]"
_WORD = rf"(?:{_LETTER}|\d|_)*"
_NAME = rf"(?!nan\b)√?{_LETTER}{_WORD}(?:\.{_LETTER}{_WORD})*\.?"
_POWER = r"[-+]?\d+(?:\.\d+)?"
_QUOTIENT = rf"{_POWER}(?:/\d+)?"
_EXPONENT = rf"(?:(?:\^|\*\*) ?(?:{_POWER}|\({_QUOTIENT}\))|⁻?[{_DIGITS}])?"
_TERM = rf"(?:1|%|°[A-Za-z]?|{_NAME}{_EXPONENT})"
_UNITS = re.compile(rf"{_TERM}(?:(?: ?[*/·] ?| ){_TERM})*", re.IGNORECASE)
_GROUP = re.compile(rf"(?<![\w^*])\(([^()]*)\){_EXPONENT}")


def loadable_units(units: str, dialect: str = "pymodaq5") -> str:
    """Units as PyMoDAQ can load them; empty where it could not.

    For earlier ones they are a text like any other. PyMoDAQ 5 gives those that it does
    not know to pint, and an array whose units pint takes for a number ("1e3", "10^6
    counts") or for nothing at all ("counts/") is one that it does not load. Words that
    pint does not know are no harm.

    Examples
    --------
    >>> loadable_units("m s^-1"), loadable_units("1/s"), loadable_units("furlong")
    ('m s^-1', '1/s', 'furlong')
    >>> loadable_units("J/(kg*K)"), loadable_units("V/Hz**(1/2)")
    ('J/(kg*K)', 'V/Hz**(1/2)')
    >>> loadable_units("10^6 counts"), loadable_units("counts/")
    ('', '')
    """
    if dialect != "pymodaq5":
        return units
    storable = not any("\ud800" <= sign <= "\udfff" for sign in units)
    return units if storable and _is_known(units.strip()) else ""


def _is_known(units: str) -> bool:
    """Whether it is a product of units; each in parentheses counts as one."""
    while (group := _GROUP.search(units)) is not None:
        if not _UNITS.fullmatch(group[1].strip()):
            return False
        units = f"{units[: group.start()]}m{units[group.end() :]}"
    return _UNITS.fullmatch(units) is not None
