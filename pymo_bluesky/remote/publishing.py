"""The RunEngine's end: documents to a 0MQ proxy, counted; knows no datasets."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from ..errors import MissingExtraError, PymoError
from ..journal import JournalWriter
from ..writer.homes import Homes
from .codec import Message, encode
from .filling import PublishedRuns

__all__ = ["Publisher", "checked_prefix", "connected", "full_address"]

log = logging.getLogger("pymo_bluesky")


class Publisher:
    """Publishes documents; subscribe it to a RunEngine.

    Sending never waits: what the network does not take is dropped, as 0MQ does it. Each
    message is counted, so that the other end notices; with `journal`, it finds there
    what it misses.

    Parameters
    ----------
    address
        Where the proxy takes documents: ``"localhost:5577"`` or ``"tcp://…"``.
    prefix
        Tells several publishers apart; holds no space.
    journal
        Folder in which each run is journalled, before it is sent.
    keep
        How many journals of runs that have stopped stay there.
    queue
        How many messages may wait for a slow network; more are dropped.
    wait
        How long to wait for the proxy, in seconds; goes on without it then.

    Attributes
    ----------
    uid
        Of this publisher.

    Raises
    ------
    MissingExtraError
        When pyzmq is not installed.
    WriteError
        From a call, when the journal takes no more; the document was not sent.
    """

    def __init__(
        self,
        address: str,
        *,
        prefix: bytes = b"",
        journal: str | os.PathLike[str] | None = None,
        keep: int = 100,
        queue: int = 10_000,
        wait: float = 5.0,
    ) -> None:
        self.uid = uuid4().hex
        self.address = full_address(address)
        self._prefix = checked_prefix(prefix)
        self._kept = None if journal is None else PublishedRuns(Path(journal))
        self._keep = keep
        self._homes = Homes()
        self._sent: dict[str, int] = {}
        self._journals: dict[str, JournalWriter] = {}
        self._count = 0
        self._lock = threading.Lock()
        zmq = connected()
        self._context = zmq.Context()
        # XPUB is PUB that hears who listens, so that the first messages are not lost.
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.sndhwm = queue
        self._socket.linger = 5000
        self._socket.connect(self.address)
        if not self._socket.poll(int(wait * 1000)):
            log.warning(
                "no proxy listens at %s yet; what is published until then %s",
                self.address,
                "is lost" if journal is None else "is in the journals only",
            )

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Send one document."""
        with self._lock:
            run = self._run_of(name, doc)
            index = self._sent.get(run, 0)
            message = Message(
                name=name,
                doc=doc,
                publisher=self.uid,
                count=self._count,
                run=run,
                index=index,
            )
            data = encode(message, self._prefix)  # before anything is noted of it
            if run in self._journals:
                self._journals[run].append(name, doc)
            if run:
                self._sent[run] = index + 1
            self._count += 1
            self._socket.send(data)
            if name == "stop":
                self._end(run)

    def _run_of(self, name: str, doc: Mapping[str, Any]) -> str:
        if name != "start":
            return self._homes.of(name, doc, self._sent)
        run = str(doc.get("uid", ""))
        self._homes.add(run)
        if self._kept is not None and run not in self._journals:
            self._journals[run] = self._kept.begin(run, self.uid)
        return run

    def _end(self, run: str) -> None:
        self._homes.forget(run)
        self._sent.pop(run, None)
        journal = self._journals.pop(run, None)
        if journal is not None and self._kept is not None:
            journal.close()
            self._kept.prune(self._keep)

    def close(self) -> None:
        """Send what waits, and end; journals of runs that go on stay."""
        for journal in self._journals.values():
            journal.close()
        self._journals.clear()
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connected() -> Any:
    """The library `zmq`."""
    try:
        import zmq  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError.of("pyzmq", "remote") from error
    return zmq


def full_address(address: str) -> str:
    """An address with its protocol, as bluesky understands it.

    Examples
    --------
    >>> full_address("localhost:5578")
    'tcp://localhost:5578'
    """
    return address if "://" in address else f"tcp://{address}"


def checked_prefix(prefix: bytes) -> bytes:
    """A prefix that can stand before a message; PymoError when it cannot."""
    if b" " in prefix:
        raise PymoError(f"prefix {prefix!r} holds a space, which ends it in a message")
    return prefix
