"""Documents over 0MQ, without a pickle: to a writer elsewhere; knows no datasets.

What bluesky sends by default is pickled: whoever can reach the proxy can run code in
every listener. Here it is msgpack on both ends.
"""

from __future__ import annotations

from .codec import ForeignMessageError, Message, decode, deserialize, encode, serialize
from .filling import PublishedRuns
from .publishing import Publisher
from .receiving import Receiver, Tally
from .writing import write

__all__ = [
    "ForeignMessageError",
    "Message",
    "PublishedRuns",
    "Publisher",
    "Receiver",
    "Tally",
    "decode",
    "deserialize",
    "encode",
    "serialize",
    "write",
]
