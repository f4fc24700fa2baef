"""A server that runs until it is told to stop; knows no runs and no pages."""

from __future__ import annotations

import contextlib
import copy
import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError, PymoError

__all__ = ["Address", "serve", "served"]

log = logging.getLogger("pymo_bluesky")

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes
    ----------
    host, port
        What it listens to.
    api_key
        What a client has to know; empty when everybody may read.

    Examples
    --------
    >>> Address("127.0.0.1", 8000, "k3y").page
    'http://127.0.0.1:8000/?api_key=k3y'
    """

    host: str
    port: int
    api_key: str = ""

    @property
    def _base(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def _key(self) -> str:
        return f"?api_key={self.api_key}" if self.api_key else ""

    @property
    def page(self) -> str:
        """What a browser opens."""
        return f"{self._base}/{self._key}"

    @property
    def uri(self) -> str:
        """What `tiled.client.from_uri` takes."""
        return f"{self._base}/api/v1{self._key}"


def serve(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str = "",
    public: bool = False,
    external: bool = False,
    browse: bool = False,
    ready: Callable[[Address], None],
) -> None:
    """Serve the runs of a folder until somebody presses Ctrl-C.

    Parameters
    ----------
    directory
        Base folder.
    host, port
        What to listen to; port 0 is any that is free.
    api_key
        What a client has to know; a random one by default.
    public
        Let everybody who reaches the server read.
    external
        Serve values that lie in other files.
    browse
        Open the page in a browser.
    ready
        Told the address, when the server answers.

    Raises
    ------
    NotFoundError
        When there is no such folder.
    MissingExtraError
        When Tiled is not installed.
    PymoError
        When the port is taken, or the key holds more than letters and digits.
    """

    def begun(address: Address) -> None:
        ready(address)
        if browse:  # some browsers return when they are closed
            opening = threading.Thread(target=webbrowser.open, args=(address.page,))
            opening.daemon = True
            opening.start()

    with _bound(host, port) as listening:
        key = "" if public else api_key or secrets.token_hex(16)
        server, address = _server(directory, listening, host, key, external)
        server.when_ready = lambda: begun(address)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended all by then
            server.run([listening])


@contextlib.contextmanager
def served(
    directory: Path, *, host: str = "127.0.0.1", api_key: str = "", **options: Any
) -> Iterator[Address]:
    """The server in a thread of its own, for as long as the ``with`` block lasts.

    Takes what `serve` takes; any free port.
    """
    with _bound(host, 0) as listening:
        key = "" if options.pop("public", False) else api_key or secrets.token_hex(16)
        server, address = _server(
            directory, listening, host, key, options.pop("external", False)
        )
        begun = threading.Event()
        server.when_ready = begun.set
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            while not begun.wait(0.1):
                if not thread.is_alive():
                    raise PymoError("the server ended before it began; see the log")
            yield address
        finally:
            server.should_exit = True
            thread.join()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise PymoError(
            f"the server cannot listen to port {port} of {host}: {error}. Choose "
            "another with --port (0: any that is free)"
        ) from error
    return listening


def _server(
    directory: Path, listening: socket.socket, host: str, key: str, external: bool
) -> tuple[Any, Address]:
    try:
        import uvicorn
        from uvicorn.config import LOGGING_CONFIG

        from .app import tiled_app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pymo_bluesky"):  # a fault of ours
            raise
        raise MissingExtraError.of(error.name or "tiled", "tiled") from error
    if key and not (key.isascii() and key.isalnum()):
        raise PymoError(
            "an API key holds letters and digits only, as it goes into URLs"
        )

    logging_config = copy.deepcopy(LOGGING_CONFIG)
    for about in logging_config["loggers"].values():
        about["level"] = "WARNING"
    logging.getLogger("tiled.server.app").setLevel("WARNING")
    # A key of its own even where all may read: a random one that nobody knows.
    app = tiled_app(
        directory,
        api_key=key or secrets.token_hex(16),
        public=not key,
        external=external,
    )
    config = uvicorn.Config(
        app,
        log_config=logging_config,
        timeout_graceful_shutdown=int(_SECONDS),
        server_header=False,
    )
    return _telling(uvicorn.Server)(config), Address(
        host, listening.getsockname()[1], key
    )


def _telling(base: type[Any]) -> type[Any]:
    """A server of uvicorn that tells when it answers."""

    class Server(base):
        when_ready: Callable[[], None]

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                self.when_ready()

    return Server
