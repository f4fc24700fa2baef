"""A writer behind a 0MQ proxy: from the socket to the datasets; knows no documents."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .filling import PublishedRuns
from .publishing import checked_prefix, connected, full_address
from .receiving import Receiver, RemoteWriter, Say, Tally

__all__ = ["write"]

log = logging.getLogger("pymo_bluesky")

_POLL = 200  # milliseconds until it is asked whether to end
_IDLE = 1.0  # seconds without a message until journals are looked into


def write(
    address: str,
    directory: str | os.PathLike[str],
    *,
    prefix: bytes = b"",
    fill_from: str | os.PathLike[str] | None = None,
    ended: Callable[[Tally], bool] = lambda _: False,
    say: Say = log.info,
    queue: int = 100_000,
    **options: Any,
) -> Tally:
    """Write what is published until told to end.

    Runs that go on then are left in their journals, for `recover`.

    Parameters
    ----------
    address
        Where the proxy gives documents: ``"localhost:5578"`` or ``"tcp://…"``.
    directory
        Base folder of the datasets.
    prefix
        Only messages with this one; all by default.
    fill_from
        Folder of the publisher's journals, to fill gaps from.
    ended
        Asked several times a second, with the tally, whether to end.
    say
        Told in words what happens.
    queue
        How many messages may wait while the disk is slow; more are dropped.
    **options
        Of `PymodaqWriter`.

    Returns
    -------
    Tally
        What came.

    Raises
    ------
    MissingExtraError
        When pyzmq is not installed.
    """
    zmq = connected()
    writer = RemoteWriter(directory, **options)
    source = None if fill_from is None else PublishedRuns(Path(fill_from))
    receiver = Receiver(writer, checked_prefix(prefix), source, say)
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    try:
        socket.rcvhwm = queue
        socket.subscribe(prefix)
        socket.connect(full_address(address))
        say(f"listening at {full_address(address)}, writing into {writer.directory}")
        _receive(socket, receiver, ended)
    finally:
        socket.close(linger=0)
        context.term()
        left = writer.open_runs
        writer.leave()
    for uid, journal in left.items():
        say(f"run {uid} goes on without this writer; what came of it is in {journal}")
    return receiver.tally


def _receive(socket: Any, receiver: Receiver, ended: Callable[[Tally], bool]) -> None:
    last = time.monotonic()
    while not ended(receiver.tally):
        if socket.poll(_POLL):
            receiver.take(socket.recv())
            last = time.monotonic()
        elif time.monotonic() - last >= _IDLE:
            receiver.idle()
            last = time.monotonic()
