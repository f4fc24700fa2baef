"""PyMoDAQ 1.x to 2.0.0: ``Raw_datas``, plain attributes; read only, knows no files.

Two families of names: 1.0 to 1.4 wrote ``Det000/Data0D/CH000`` with neither labels nor
units; 1.5 to 2.0.0 wrote ``Detector000/Data0D/Ch000/Data``. Attributes are as PyTables
stores them, what is neither text nor number as a pickle, which is never unpickled.
Found in files that 1.4.2 and 1.6.4 wrote, and in the sources of the others.
"""

from __future__ import annotations

from .documents import BY_HAND, DIMENSIONS
from .table import Kind, Layout, Role, Row

__all__ = ["PYMODAQ1"]

_BRANCHES = (Role.SCAN,)
_MODULES = (Role.ACTUATOR, Role.DETECTOR)
_ARRAYS = (Kind.ARRAY, Kind.GROWING)
_DESCRIBED = {"TITLE": "title", "settings": "settings", "type": "type"}
_ABOUT = {
    **_DESCRIBED,
    "author": "author",
    "date_time": "date_time",
    "description": "description",
}
# 1.4 says data_type and data_name where later ones say data_dimension and TITLE.
_ARRAY = {
    "TITLE": "title",
    "type": "type",
    "shape": "shape",
    "data_dimension": "dimension",
    "data_type": "dimension",
    "scan_type": "scan_type",
}
_DATA = {**_ARRAY, "data_name": "label", "Naverage": "average"}
_AXIS = {**_ARRAY, "label": "label", "units": "units"}

PYMODAQ1 = Layout(
    name="pymodaq1",
    versions="1.0 to 2.0.0",
    dialect="pymodaq3",
    channels_hold_one=True,
    ascending=True,
    axes_listed=True,
    wrapped=False,
    rows=(
        Row(
            role=Role.ROOT,
            parents=(),
            name="",
            fields={
                **_DESCRIBED,
                "pymodaq_version": "version",
                "format_name": "format_name",
                "file": "file",
                "date": "date",
                "time": "time",
            },
        ),
        Row(
            role=Role.RAW,
            parents=(Role.ROOT,),
            name="Raw_datas",
            fields={
                **_ABOUT,
                "sample": "sample",
                "experiment_type": "experiment_type",
            },
        ),
        Row(
            role=Role.LOGGER,
            parents=(Role.RAW,),
            name="Logger",
            aliases=("logging",),
            kinds=(Kind.TEXT,),
            fields={"TITLE": "title", "type": "type"},
        ),
        Row(
            role=Role.SCAN,
            parents=(Role.RAW,),
            name="Scan{n:03d}",
            const={"type": "scan"},
            fields={
                **_ABOUT,
                "scan_type": "scan_type",
                "scan_name": "scan_name",
                "scan_done": "scan_done",
                # Up to 1.4 `settings` are those of the dialog about the scan.
                "scan_settings": "scan_settings",
            },
        ),
        Row(
            role=Role.ACTUATOR,
            parents=_BRANCHES,
            name="Move{n:03d}",
            const={"type": "move"},
            fields={**_DESCRIBED, "name": "name", "Move_name": "name"},
        ),
        Row(
            role=Role.DETECTOR,
            parents=(*_BRANCHES, Role.RAW),
            name="Detector{n:03d}",
            aliases=("Det{n:03d}",),
            const={"type": "detector"},
            fields={**_DESCRIBED, "name": "name", "Detector_name": "name"},
        ),
        Row(
            role=Role.LIVE,
            parents=_BRANCHES,
            name="{any}",
            words=("Live_scan_1D", "Live_scan_2D", "scan_1D", "scan_2D"),
            fields={**_DESCRIBED, "pixmap1D": "picture", "pixmap2D": "picture"},
        ),
        # A viewer of 1.4 had no Raw_datas: its channels lie at the root.
        Row(
            role=Role.DIMENSION,
            parents=(*_MODULES, Role.ROOT),
            name="{any}",
            words=DIMENSIONS,
            fields=_DESCRIBED,
        ),
        Row(
            role=Role.NAV_TIME,
            parents=(Role.DIMENSION,),
            name="Time",
            kinds=_ARRAYS,
            fields={**_AXIS, "unit": "units"},
        ),
        Row(
            role=Role.DATA,
            parents=(Role.DIMENSION,),
            name="CH{n:03d}",
            kinds=_ARRAYS,
            fields=_DATA,
        ),
        Row(
            role=Role.CHANNEL,
            parents=(Role.DIMENSION,),
            name="Ch{n:03d}",
            aliases=("{any}",),  # 1.4's continuous saves: the name of the panel
            fields={**_DESCRIBED, "Channel_name": "name"},
        ),
        Row(
            role=Role.DATA,
            parents=(Role.CHANNEL,),
            name="Data",
            aliases=("CH{n:03d}",),
            kinds=_ARRAYS,
            fields=_DATA,
        ),
        Row(
            role=Role.SIGNAL_AXIS,
            parents=(Role.CHANNEL,),
            name="{X}_axis",
            kinds=_ARRAYS,
            fields=_AXIS,
        ),
        Row(
            role=Role.NAV_AXIS,
            parents=_BRANCHES,
            name="Scan_{x}_axis",
            kinds=_ARRAYS,
            const={"type": "navigation_axis"},
            fields=_AXIS,
        ),
        Row(
            role=Role.NAV_DISTINCT,
            parents=_BRANCHES,
            name="{any}",
            words=tuple(f"scan_{letter}_axis_unique" for letter in "xyz"),
            kinds=_ARRAYS,
            fields=_AXIS,
        ),
        # Continuous saves: beside the detector; loggers of 2.0.0: below it.
        Row(
            role=Role.NAV_TIME,
            parents=(Role.RAW, Role.SCAN),
            name="Detector_x_axis",
            aliases=("Scan_x_axis",),
            kinds=_ARRAYS,
            const={"type": "navigation_axis"},
            fields=_AXIS,
        ),
        Row(
            role=Role.NAV_TIME,
            parents=(Role.DETECTOR,),
            name="Logger_x_axis",
            aliases=("Logger_time_axis",),
            kinds=_ARRAYS,
            const={"type": "navigation_axis"},
            fields=_AXIS,
        ),
        BY_HAND,
    ),
)
