"""The runs of a folder of datasets, found and read without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from .catalog import Catalog, open_catalog
    from .querying import QueryError
    from .run import Run
    from .running import OpenRun
    from .stream import Stream

__all__ = ["Catalog", "OpenRun", "QueryError", "Run", "Stream", "open_catalog"]

__getattr__ = lazily(
    __name__,
    {
        "Catalog": "catalog",
        "OpenRun": "running",
        "QueryError": "querying",
        "Run": "run",
        "Stream": "stream",
        "open_catalog": "catalog",
    },
)
