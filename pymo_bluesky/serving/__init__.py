"""A folder of datasets as a Tiled server with a web page over it.

Importing it loads neither Tiled nor a web server.
"""

from .inserting import Inserted, insert
from .running import Address, serve, served

__all__ = ["Address", "Inserted", "insert", "serve", "served"]
