"""Documents of one run to the operations that write its scan; pure."""

from __future__ import annotations

from .placement import expected_order
from .run import Recording, Source, dataset_attributes
from .survey import dimension_stream

__all__ = [
    "Recording",
    "Source",
    "dataset_attributes",
    "dimension_stream",
    "expected_order",
]
