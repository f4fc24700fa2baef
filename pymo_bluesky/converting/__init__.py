"""Old files to new ones, nothing lost; one file or thousands."""

from .converter import convert
from .original import OriginalNode, original
from .results import Conversion, Report

__all__ = ["Conversion", "OriginalNode", "Report", "convert", "original"]
