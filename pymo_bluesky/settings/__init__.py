"""PyMoDAQ's settings trees and the ROIs in them; pure: knows no file and no HDF5."""

from ._parameter import Dialect, Parameter
from ._xml import from_xml, to_xml

__all__ = ["Dialect", "Parameter", "from_xml", "to_xml"]
