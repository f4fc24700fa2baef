"""PyMoDAQ 4.x and 5.x: ``RawData``, JSON attributes; knows no files, no documents.

What a living PyMoDAQ opens. Found in files that PyMoDAQ 4.4.11 and 5.3.8 wrote, and by
leaving out one attribute after another until their loader failed.
"""

from __future__ import annotations

from .documents import BY_HAND, DIMENSIONS, DOCUMENT_ROWS, NEXUS_ROOT, PICTURES
from .table import Kind, Layout, Role, Row

__all__ = ["PYMODAQ5"]

_MODULES = (Role.ACTUATOR, Role.DETECTOR, Role.TIMESTAMPS, Role.VISITED)
_BRANCHES = (Role.SCAN, Role.STREAM)
_DESCRIBED = {"TITLE": "title", "settings": "settings"}
_ARRAY = {
    "TITLE": "title",
    "long_name": "long_name",
    "shape": "shape",
    "dtype": "dtype",
    "subdtype": "subdtype",
    "backend": "backend",
    "data_dimension": "dimension",
}
_ARRAY_DEFAULT = {"subdtype": "", "backend": "h5py"}
_DATA = {
    **_ARRAY,
    "label": "label",
    "source": "source",
    "distribution": "distribution",
    "origin": "origin",
    "nav_indexes": "nav_indexes",
    "timestamp": "timestamp",
    # PyMoDAQ 5.3 writes units into snapshots only, but its loader takes them anywhere.
    "units": "units",
}
_AXIS = {
    **_ARRAY,
    "label": "label",
    "units": "units",
    "index": "index",
    "size": "size",
    "offset": "offset",
    "scaling": "scaling",
    "distribution": "distribution",
    "spread_order": "spread_order",
}

# Found by leaving out one after another (pymodaq-data 5.3.0, either backend).
_DATA_NEEDED = {
    **dict.fromkeys(("TITLE", "data_type", "data_dimension", "distribution"), str),
    "label": str,
    "nav_indexes": tuple,
    "shape": object,
    "timestamp": object,
}
_AXIS_NEEDED = {
    "data_type": str,
    "label": str,
    "units": str,
    "index": int,
    "spread_order": int,
}

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
    "points_visited": "points_visited",
    **PICTURES,
}

# What PyMoDAQ's other modules and users' scripts write: its loader takes the nearest
# NavAxes above the data, at whatever level (pymodaq-data 5.3.0).
_READ_ONLY = (
    Row(
        role=Role.SCAN,
        parents=(Role.ROOT,),
        name="Scan{n:03d}",
        const={"type": "scan"},
        fields=_SCAN,
        written=False,
    ),
    Row(
        role=Role.SCAN,
        parents=(Role.RAW, Role.ROOT),
        name="Datalogger{n:03d}",
        const={"type": "datalogger"},
        fields=_SCAN,
        written=False,
    ),
    Row(
        role=Role.SCAN,
        parents=(Role.RAW, Role.ROOT),
        name="Optimizer{n:03d}",
        const={"type": "optimizer"},
        fields=_SCAN,
        written=False,
    ),
    Row(
        role=Role.ACTUATOR,
        parents=(Role.RAW,),
        name="Actuator{n:03d}",
        const={"type": "actuator"},
        fields=_DESCRIBED,
        written=False,
    ),
    Row(
        role=Role.NAV_GROUP,
        parents=(Role.ACTUATOR, Role.RAW, Role.DIMENSION, Role.CHANNEL),
        name="NavAxes",
        fields={"TITLE": "title"},
        written=False,
    ),
)

PYMODAQ5 = Layout(
    name="pymodaq5",
    versions="4.0 to 5.x",
    dialect="pymodaq5",
    rows=(
        Row(
            role=Role.ROOT,
            parents=(),
            name="",
            fields={
                "TITLE": "title",
                "pymodaq_version": "version",
                "pymodaq_data_version": "data_version",
                "file": "file",
                "date": "date",
                "time": "time",
                # Without it PyMoDAQ 5.3's default saver wipes the file when it appends.
                "swmr_compatible": "swmr_compatible",
                "pymo_bluesky_version": "written_by",
                **NEXUS_ROOT,
            },
            default={
                "title": "PyMoDAQ file",
                "version": "5.3.8",
                "data_version": "5.3.0",
                "swmr_compatible": True,
            },
        ),
        Row(
            role=Role.RAW,
            parents=(Role.ROOT,),
            name="RawData",
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
            default={"title": "Data from PyMoDAQ modules", "type": "dataset"},
        ),
        Row(
            role=Role.LOGGER,
            parents=(Role.RAW,),
            name="Logger",
            kinds=(Kind.TEXT,),
            const={"type": "log", "data_type": "strings"},
            fields={
                "TITLE": "title",
                "shape": "shape",
                "dtype": "dtype",
                "subdtype": "subdtype",
                "backend": "backend",
            },
            default={
                "title": "",
                "shape": (0,),
                "dtype": "uint8",
                "subdtype": "string",
                "backend": "h5py",
            },
            needed={"subdtype": str},
        ),
        Row(
            role=Role.SCAN,
            parents=(Role.RAW,),
            name="Scan{n:03d}",
            const={"type": "scan"},
            fields=_SCAN,
            default={"title": "DAQScan"},
        ),
        Row(
            role=Role.ACTUATOR,
            parents=_BRANCHES,
            name="Actuator{n:03d}",
            const={"type": "actuator"},
            fields=_DESCRIBED,
        ),
        Row(
            role=Role.DETECTOR,
            parents=(*_BRANCHES, Role.RAW),
            name="Detector{n:03d}",
            const={"type": "detector"},
            fields={**_DESCRIBED, **PICTURES},
        ),
        Row(
            role=Role.HISTORY,
            parents=(Role.ACTUATOR, Role.DETECTOR),
            name="EarlierSettings{n:03d}",
            fields={**_DESCRIBED, "time": "time"},
        ),
        Row(
            role=Role.TIMESTAMPS,
            parents=_BRANCHES,
            name="Timestamps",
            fields={"TITLE": "title"},
        ),
        Row(
            role=Role.VISITED,
            parents=_BRANCHES,
            name="Visited",
            fields={"TITLE": "title"},
        ),
        Row(
            role=Role.STREAMS,
            parents=(Role.SCAN,),
            name="Streams",
            fields={"TITLE": "title"},
            default={"title": "other streams of the run"},
        ),
        Row(
            role=Role.STREAM,
            parents=(Role.STREAMS,),
            name="Stream{n:03d}",
            fields={"TITLE": "title"},
        ),
        Row(
            role=Role.DIMENSION,
            parents=_MODULES,
            name="{any}",
            words=DIMENSIONS,
            fields={"TITLE": "title"},
            default={"title": ""},
        ),
        Row(
            role=Role.CHANNEL,
            parents=(Role.DIMENSION,),
            name="CH{n:02d}",
            fields={"TITLE": "title", "origin": "origin"},
            raw=frozenset({"origin"}),
        ),
        Row(
            role=Role.DATA,
            parents=(Role.CHANNEL,),
            name="Data{n:02d}",
            kinds=(Kind.ARRAY,),
            const={"data_type": "data"},
            fields=_DATA,
            needed=_DATA_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.GROWING,
            parents=(Role.CHANNEL,),
            name="EnlData{n:02d}",
            kinds=(Kind.GROWING,),
            const={"data_type": "data_enlargeable"},
            fields=_DATA,
            needed=_DATA_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.ERROR,
            parents=(Role.CHANNEL,),
            name="ErrorBar{n:02d}",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"data_type": "error"},
            fields=_DATA,
            needed=_DATA_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.BACKGROUND,
            parents=(Role.CHANNEL,),
            name="Bkg{n:02d}",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"data_type": "bkg"},
            fields=_DATA,
            needed=_DATA_NEEDED,
            default=_ARRAY_DEFAULT,
        ),
        Row(
            role=Role.SIGNAL_AXIS,
            parents=(Role.CHANNEL,),
            name="Axis{n:02d}",
            kinds=(Kind.ARRAY,),
            const={"data_type": "axis"},
            fields=_AXIS,
            needed=_AXIS_NEEDED,
            default={**_ARRAY_DEFAULT, "dimension": "Data1D", "spread_order": 0},
        ),
        Row(
            role=Role.NAV_GROUP,
            parents=(*_BRANCHES, Role.DETECTOR),
            name="NavAxes",
            fields={"TITLE": "title"},
            default={"title": ""},
        ),
        Row(
            role=Role.NAV_AXIS,
            parents=(Role.NAV_GROUP,),
            name="Axis{n:02d}",
            kinds=(Kind.ARRAY, Kind.GROWING),
            const={"data_type": "axis"},
            fields=_AXIS,
            needed=_AXIS_NEEDED,
            default={**_ARRAY_DEFAULT, "dimension": "Data1D"},
        ),
        *DOCUMENT_ROWS,
        *_READ_ONLY,
        BY_HAND,
    ),
)
