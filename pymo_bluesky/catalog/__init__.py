"""The runs of a folder of datasets, found and read without a server."""

from .catalog import Catalog, open_catalog
from .querying import QueryError
from .run import Run
from .running import OpenRun
from .stream import Stream

__all__ = ["Catalog", "OpenRun", "QueryError", "Run", "Stream", "open_catalog"]
