"""Metadata that a lab requires of each run; knows no plan and no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import PlanError

__all__ = ["required_metadata"]


def required_metadata(RE: Any, schema: Mapping[str, Any]) -> None:  # noqa: N803
    """Refuse runs that lack metadata, before they begin.

    The engine's own check (``RE.md_validator``) stays, and comes first.

    Parameters
    ----------
    RE
        The RunEngine. What it has in ``RE.md`` counts as well as a plan's ``md``.
    schema
        By name: a type (``str``: some text), a list of the values that are allowed, or
        None for anything.

    Examples
    --------
    >>> from bluesky import RunEngine
    >>> from bluesky.plans import count
    >>> from ophyd.sim import det
    >>> RE = RunEngine({}, context_managers=[])
    >>> required_metadata(RE, {"sample": str, "shift": ["day", "night"]})
    >>> uids = RE(count([det]), sample="gold", shift="day")
    """
    before, wanted = RE.md_validator, dict(schema)

    def validate(md: Mapping[str, Any]) -> None:
        before(md)
        problems = list(_missing(md, wanted))
        if problems:
            raise PlanError.of(str(md.get("plan_name", "the run")), problems)

    RE.md_validator = validate


def _missing(md: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in schema.items():
        value = md.get(name)
        if value is None or value == "":
            how = f"RE.md[{name!r}] = … or RE(plan, {name}=…)"
            yield f"{name} is missing, which this lab requires: {how}"
        elif isinstance(wanted, type) and not isinstance(value, wanted):
            yield f"{name} is {value!r}, expected a {wanted.__name__}"
        elif isinstance(wanted, (list, tuple, set, frozenset)) and value not in wanted:
            yield f"{name} is {value!r}, expected one of {', '.join(map(str, wanted))}"
