"""What a scan holds to the documents that went in; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from .loose import loose_documents, stored_index
    from .nodes import ScanNode
    from .stored import replay_stored, values_beside_tree

__all__ = [
    "ScanNode",
    "loose_documents",
    "replay_stored",
    "stored_index",
    "values_beside_tree",
]

__getattr__ = lazily(
    __name__,
    {
        "ScanNode": "nodes",
        "loose_documents": "loose",
        "replay_stored": "stored",
        "stored_index": "loose",
        "values_beside_tree": "stored",
    },
)
