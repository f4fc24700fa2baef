"""PyMoDAQ's settings trees and the ROIs in them; pure: knows no file and no HDF5."""

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
