"""Documents of one run to the operations that write its scan; pure."""

from __future__ import annotations

from .run import Recording, Source, dataset_attributes

__all__ = ["Recording", "Source", "dataset_attributes"]
