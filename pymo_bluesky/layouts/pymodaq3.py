"""PyMoDAQ 2.0.1 to 3.x: ``Raw_datas``, JSON attributes; knows no files, no documents.

The layout of the table "Hierarchy for a hdf5 scan file" in PyMoDAQ's documentation,
with the attributes that the real PyMoDAQ 3.6.13 needs to read it.
"""

from __future__ import annotations

from .documents import BY_HAND, DIMENSIONS, DOCUMENT_ROWS, NEXUS_ROOT, PICTURES
from .table import Kind, Layout, Role, Row

__all__ = ["PYMODAQ3"]

_MODULES = (Role.ACTUATOR, Role.DETECTOR, Role.TIMESTAMPS, Role.VISITED)
_BRANCHES = (Role.SCAN, Role.STREAM)
_DESCRIBED = {"TITLE": "title", "VERSION": "version", "settings": "settings"}
_GROUP = {"version": "1.0", "title": ""}
_ARRAY = {
    "TITLE": "title",
    "long_name": "long_name",
    "VERSION": "version",
    "shape": "shape",
    "dtype": "dtype",
    "subdtype": "subdtype",
    "backend": "backend",
    "data_dimension": "dimension",
    "scan_type": "scan_type",
    "scan_subtype": "scan_subtype",
}
_ARRAY_DEFAULT = {
    "title": "",
    "version": "1.1",
    "subdtype": "",
    "backend": "tables",
    "dimension": "1D",
    "scan_type": "",
    "scan_subtype": "",
}
_DATA = {
    **_ARRAY,
    "name": "name",
    "label": "label",
    "units": "units",
    "source": "source",
    "distribution": "distribution",
    "origin": "origin",
}
_AXIS = {**_ARRAY, "label": "label", "units": "units"}
_NAV = {**_AXIS, "nav_index": "index", "spread_order": "spread_order"}

_ARRAY_NEEDED = {
    "shape": object,
    **dict.fromkeys(("type", "data_dimension", "scan_type", "scan_subtype"), str),
    **dict.fromkeys(("dtype", "subdtype", "backend"), str),
}
_NAV_NEEDED = {**_ARRAY_NEEDED, "nav_index": int, "label": str, "units": str}

_SCAN = {
    **_DESCRIBED,
    "author": "author",
    "date_time": "date_time",
    "sample": "sample",
    "experiment_type": "experiment_type",
    "scan_type": "scan_type",
    "scan_sub_type": "scan_sub_type",
    "scan_name": "scan_name",
    "description": "description",
    "scan_done": "scan_done",
    "run_uid": "uid",
    "plan_name": "plan_name",
    "exit_status": "exit_status",
    "reason": "reason",
    # 3.x leaves zeros where nothing was measured, so the count must tell.
    "points_visited": "points_visited",
    **PICTURES,
}

_NAV_KINDS = (Kind.ARRAY, Kind.GROWING)
_READ_ONLY = (
    Row(
        role=Role.SCAN,
        parents=(Role.ROOT,),  # a node that PyMoDAQ 3.5.7 and later exported
        name="Scan{n:03d}",
        const={"type": "scan"},
        fields=_SCAN,
        written=False,
    ),
    Row(
        role=Role.LIVE,
        parents=(Role.SCAN,),
        name="{any}",
        words=("Live_scan_1D", "Live_scan_2D"),
        fields={**_DESCRIBED, "pixmap1D": "picture", "pixmap2D": "picture"},
        written=False,
    ),
    Row(
        role=Role.NAV_AXIS,
        parents=(Role.SCAN,),
        name="Scan_curvilinear_axis",
        kinds=_NAV_KINDS,
        const={"type": "navigation_axis"},
        fields=_NAV,
        needed=_NAV_NEEDED,
        written=False,
    ),
    # Continuous saves: beside the detector up to 2.1.1, in a scan of their own since.
    # The data logger puts it below each detector.
    Row(
        role=Role.NAV_TIME,
        parents=(Role.SCAN, Role.RAW),
        name="Detector_x_axis",
        aliases=("Scan_x_axis",),
        kinds=_NAV_KINDS,
        const={"type": "navigation_axis"},
        fields=_NAV,
        needed=_NAV_NEEDED,
        written=False,
    ),
    Row(
        role=Role.NAV_TIME,
        parents=(Role.DETECTOR,),
        name="Logger_time_axis",
        aliases=("Logger_x_axis",),
        kinds=_NAV_KINDS,
        const={"type": "navigation_axis"},
        fields=_NAV,
        needed=_NAV_NEEDED,
        written=False,
    ),
)

PYMODAQ3 = Layout(
    name="pymodaq3",
    versions="2.0.1 to 3.6",
    dialect="pymodaq3",
    channels_hold_one=True,
    ascending=True,
    axes_listed=True,
    oldest_format=True,
    later=frozenset({"scan_subtype", "nav_index"}),  # a file of 2.0.1 has neither
    rows=(
        Row(
            role=Role.ROOT,
            parents=(),
            name="",
            fields={
                "TITLE": "title",
                "VERSION": "format_version",
                "PYTABLES_FORMAT_VERSION": "tables_version",
                "pymodaq_version": "version",
                "file": "file",
                "date": "date",
                "time": "time",
                "pymo_bluesky_version": "written_by",
                **NEXUS_ROOT,
            },
            default={
                "title": "PyMoDAQ file",
                "format_version": "1.0",
                "tables_version": "2.1",
                "version": "3.6.13",
            },
        ),
        Row(
            role=Role.RAW,
            parents=(Role.ROOT,),
            name="Raw_datas",
            fields={
                **_DESCRIBED,
                "type": "type",
                "author": "author",
                "date_time": "date_time",
                "sample": "sample",
                "experiment_type": "experiment_type",
                "description": "description",
                "pymo_bluesky_digest": "digest",
            },
            # The documentation's table says "dataset"; every program since 1.5 leaves
            # "scan" there (seen in 1.6.4, 2.2.6 and 3.6.13).
            default={
                "title": "Data from PyMoDAQ modules",
                "version": "1.0",
                "type": "scan",
            },
        ),
        Row(
            role=Role.LOGGER,
            parents=(Role.RAW,),
            name="Logger",
            aliases=("logging",),
            kinds=(Kind.TEXT,),
            const={"type": "log"},
            fields={
                "TITLE": "title",
                "VERSION": "version",
                "shape": "shape",
                "dtype": "dtype",
                "subdtype": "subdtype",
                "backend": "backend",
            },
            default={
                "title": "",
                "version": "1.4",
                "shape": (0,),
                "dtype": "uint8",
                "subdtype": "string",
                "backend": "tables",
            },
            needed={"subdtype": str},
        ),
        Row(
            role=Role.SCAN,
            parents=(Role.RAW,),
            name="Scan{n:03d}",
            const={"type": "scan"},
            fields=_SCAN,
            default=_GROUP,
        ),
        Row(
            role=Role.ACTUATOR,
            parents=_BRANCHES,
            name="Move{n:03d}",
            const={"type": "move"},
            fields={**_DESCRIBED, "name": "name"},
            default=_GROUP,
        ),
        Row(
            role=Role.DETECTOR,
            parents=(*_BRANCHES, Role.RAW),
            name="Detector{n:03d}",
            aliases=("Det{n:03d}",),
            const={"type": "detector"},
            fields={**_DESCRIBED, "name": "name", **PICTURES},
            default=_GROUP,
        ),
        Row(
            role=Role.HISTORY,
            parents=(Role.ACTUATOR, Role.DETECTOR),
            name="EarlierSettings{n:03d}",
            const={"type": ""},
            fields={**_DESCRIBED, "time": "time"},
            default=_GROUP,
        ),
        Row(
            role=Role.TIMESTAMPS,
            parents=_BRANCHES,
            name="Timestamps",
            const={"type": ""},
            fields={"TITLE": "title", "VERSION": "version"},
            default=_GROUP,
        ),
        Row(
            role=Role.VISITED,
            parents=_BRANCHES,
            name="Visited",
            const={"type": ""},
            fields={"TITLE": "title", "VERSION": "version"},
            default=_GROUP,
        ),
        # In a group of its own: 3.6 takes the navigation axes of a scan's parent too.
        Row(
            role=Role.STREAMS,
            parents=(Role.SCAN,),
            name="Streams",
            const={"type": ""},
            fields={"TITLE": "title", "VERSION": "version"},
            default={**_GROUP, "title": "other streams of the run"},
        ),
        # 3.6 looks for navigation axes below the nearest node of type "scan".
        Row(
            role=Role.STREAM,
            parents=(Role.STREAMS,),
            name="Stream{n:03d}",
            const={"type": "scan"},
            fields={"TITLE": "title", "VERSION": "version"},
            default=_GROUP,
        ),
        Row(
            role=Role.DIMENSION,
            parents=_MODULES,
            name="{any}",
            words=DIMENSIONS,
            const={"type": ""},
            fields={"TITLE": "title", "VERSION": "version"},
            default=_GROUP,
        ),
        Row(
            role=Role.CHANNEL,
            parents=(Role.DIMENSION,),
            name="Ch{n:03d}",
            aliases=("CH{n:03d}",),
            const={"type": ""},
            fields={"TITLE": "title", "VERSION": "version", "origin": "origin"},
            default=_GROUP,
        ),
        Row(
            role=Role.DATA,
            parents=(Role.CHANNEL,),
            name="Data",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"type": "data"},
            fields=_DATA,
            needed=_ARRAY_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.BACKGROUND,
            parents=(Role.CHANNEL,),
            name="Bkg",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"type": "bkg"},
            fields=_DATA,
            needed=_ARRAY_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.SIGNAL_AXIS,
            parents=(Role.CHANNEL,),
            name="{X}_axis",
            kinds=(Kind.ARRAY,),
            const={"type": "axis"},
            fields=_AXIS,
            needed=_ARRAY_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.NAV_AXIS,
            parents=_BRANCHES,
            name="Scan_{x}_axis",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"type": "navigation_axis"},
            fields=_NAV,
            needed=_NAV_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.NAV_LISTED,
            parents=_BRANCHES,
            name="Scan_{n:02d}_axis",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"type": "navigation_axis"},
            fields=_NAV,
            needed=_NAV_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        *DOCUMENT_ROWS,
        *_READ_ONLY,
        BY_HAND,
    ),
)
