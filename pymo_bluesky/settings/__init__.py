"""PyMoDAQ's settings trees and the ROIs in them; pure: knows no file and no HDF5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from ._build import SettingEntry, infer_type, module_settings, plain_settings
    from ._literal import is_involved, is_one_text
    from ._parameter import Dialect, Parameter
    from ._read import from_xml
    from ._roi import Roi, roi_block, rois_from_xml
    from ._write import to_xml

__all__ = [
    "Dialect",
    "Parameter",
    "Roi",
    "SettingEntry",
    "from_xml",
    "infer_type",
    "is_involved",
    "is_one_text",
    "module_settings",
    "plain_settings",
    "roi_block",
    "rois_from_xml",
    "to_xml",
]

__getattr__ = lazily(
    __name__,
    {
        "Dialect": "_parameter",
        "Parameter": "_parameter",
        "Roi": "_roi",
        "SettingEntry": "_build",
        "from_xml": "_read",
        "infer_type": "_build",
        "is_involved": "_literal",
        "is_one_text": "_literal",
        "module_settings": "_build",
        "plain_settings": "_build",
        "roi_block": "_roi",
        "rois_from_xml": "_roi",
        "to_xml": "_write",
    },
)
