"""The server of a folder: Tiled's API, and the web page over it; knows no ports."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.routing import Route
from tiled.config import Authentication
from tiled.server.app import build_app

from ..errors import NotFoundError, PymoError
from .adapters import CatalogAdapter
from .documents import registry
from .pages import HOME, page_router
from .runs import Runs

__all__ = ["tiled_app"]

log = logging.getLogger("pymo_bluesky")


def tiled_app(
    directory: str | Path,
    *,
    api_key: str | None = None,
    public: bool = False,
    external: bool = False,
) -> FastAPI:
    """The runs of a folder as a web application (ASGI).

    Parameters
    ----------
    directory
        Base folder, e.g. that of a `PymodaqWriter`. What is added to it appears.
    api_key
        What a client has to know: letters and digits. A random one by default.
    public
        Let everybody read, without a key.
    external
        Serve values that lie in other files (what detectors wrote), wherever those
        are: ask it of datasets that you trust.

    Returns
    -------
    fastapi.FastAPI
        With Tiled's API below ``/api/v1`` and the web page below ``/scans/``.

    Raises
    ------
    NotFoundError
        When there is no such folder.
    """
    runs = Runs(directory, external=external)
    app = build_app(
        CatalogAdapter(runs),
        authentication=Authentication(
            single_user_api_key=api_key, allow_anonymous_access=public
        ),
        serialization_registry=registry(),
    )
    app.include_router(page_router(runs))
    app.add_exception_handler(PymoError, _told)
    app.router.routes.insert(0, Route("/", _home))
    return app


async def _told(request: Request, error: Exception) -> JSONResponse:
    """What is wrong with a file, to who asked for it."""
    log.warning("%s: %s", request.url.path, error)
    status = 404 if isinstance(error, NotFoundError) else 422
    return JSONResponse({"detail": str(error)}, status_code=status)


async def _home(request: Request) -> Any:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{HOME}{query}")
