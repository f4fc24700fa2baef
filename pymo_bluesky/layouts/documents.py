"""What every layout shares; above all our own documents, which PyMoDAQ walks over.

Plain numeric columns and JSON as uint8: what PyTables' "save as" copies and no
PyMoDAQ evaluates (measured; see the decision on the document store).
"""

from __future__ import annotations

from .table import Kind, Role, Row

__all__ = ["BY_HAND", "DIMENSIONS", "DOCUMENT_ROWS", "NEXUS_ROOT", "PICTURES"]

BY_HAND = Row(
    role=Role.BY_HAND,
    parents=(Role.DETECTOR,),
    name="{any}",
    kinds=(Kind.ARRAY, Kind.GROWING),
    fields={"TITLE": "title", "label": "label", "units": "units"},
    written=False,
)
"""The last of all rows: scripts of users put arrays straight into a detector."""

DIMENSIONS = ("Data0D", "Data1D", "Data2D", "DataND")
"""Groups of the channels of a module, by the dimension of what one point gives."""

PICTURES = {name: name for name in ("pixmap1D", "pixmap2D")}
"""Thumbnails (PNG): PyMoDAQ's browser shows what is called so, at whatever node."""

NEXUS_ROOT = {"NX_class": "nx_class", "default": "nx_default"}
"""What viewers of NeXus look for in the root."""

_SHAPED = {
    "TITLE": "title",
    "shape": "shape",
    "dtype": "dtype",
    "subdtype": "subdtype",
    "backend": "backend",
}
_SHAPED_DEFAULT = {"title": "", "subdtype": "", "backend": "h5py"}

DOCUMENT_ROWS = (
    Row(
        role=Role.DOCUMENTS,
        parents=(Role.SCAN,),
        name="Documents",
        fields={"TITLE": "title", "format": "format"},
        default={"title": "bluesky documents", "format": 1},
    ),
    Row(
        role=Role.EVENTS,
        parents=(Role.DOCUMENTS,),
        name="Events{n:03d}",
        fields={"TITLE": "title"},
        default={"title": ""},
    ),
    Row(
        role=Role.ORIGINAL,
        parents=(Role.ROOT,),
        name="Original",
        fields={
            "TITLE": "title",
            "source": "source",
            "source_bytes": "source_bytes",
            "source_modified": "source_modified",
            "source_sha256": "source_sha256",
            "source_layout": "source_layout",
            "source_version": "source_version",
            "source_unreadable": "source_unreadable",
            "source_changed": "source_changed",
        },
        default={"title": "what the file that was converted held beside its scans"},
    ),
    Row(
        role=Role.NEXUS,
        parents=(Role.ROOT,),
        name="entry",
        const={"type": "nexus_entry"},
        fields={"TITLE": "title", "NX_class": "nx_class", "default": "nx_default"},
        raw=frozenset({"NX_class", "default"}),
        default={"title": "what NeXus viewers plot", "nx_class": "NXentry"},
    ),
    Row(
        role=Role.PLOT,
        parents=(Role.NEXUS,),
        name="{any}",
        const={"type": "nexus_data"},
        fields={
            "TITLE": "title",
            "NX_class": "nx_class",
            "signal": "nx_signal",
            "auxiliary_signals": "nx_more",
            "axes": "nx_axes",
        },
        raw=frozenset({"NX_class", "signal", "auxiliary_signals", "axes"}),
        default={"title": "", "nx_class": "NXdata"},
    ),
    Row(
        role=Role.COLUMN,
        parents=(Role.DOCUMENTS, Role.EVENTS, Role.ORIGINAL, Role.PLOT),
        name="{any}",
        kinds=(Kind.ARRAY, Kind.GROWING),
        fields=_SHAPED,
        default=_SHAPED_DEFAULT,
    ),
)
