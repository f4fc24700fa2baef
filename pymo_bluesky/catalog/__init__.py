"""The runs of a folder of datasets, found and read without a server."""

from .catalog import Catalog, open_catalog
from .run import Run
from .stream import Stream

__all__ = ["Catalog", "Run", "Stream", "open_catalog"]
