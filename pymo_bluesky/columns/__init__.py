"""Values of any kind as arrays, and back exactly; knows no documents."""

from __future__ import annotations

from .plan import ABSENT, ColumnPlan, ColumnSurvey, Encoded, fill_of
from .uniform import Repeated, Uniform, uuids_of

__all__ = [
    "ABSENT",
    "ColumnPlan",
    "ColumnSurvey",
    "Encoded",
    "Repeated",
    "Uniform",
    "fill_of",
    "uuids_of",
]
