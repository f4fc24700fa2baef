"""What a scan holds to the documents that went in; pure."""

from __future__ import annotations

from .stored import (
    ScanNode,
    loose_documents,
    replay_stored,
    stored_index,
    values_beside_tree,
)

__all__ = [
    "ScanNode",
    "loose_documents",
    "replay_stored",
    "stored_index",
    "values_beside_tree",
]
