"""The web page over a folder, and what it asks for; knows no Tiled nodes.

Everything that comes out of files goes to the browser as JSON and is shown as text:
nothing in a file becomes part of the page's code.
"""

from __future__ import annotations

import base64
import re
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response, Security
from fastapi.responses import FileResponse, JSONResponse
from tiled.server.authentication import check_scopes, move_api_key

from ..errors import PymoError
from .details import branches_of, details_of, pictures_of, rois_of
from .listing import Listing, Wanted, line_of
from .plots import View, channel_at, first_channel, plot
from .runs import Runs

__all__ = ["HOME", "page_router"]

HOME = "/scans/"
_PREVIEW = 128

_MEDIA = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
_SHIELD = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_router(runs: Runs) -> APIRouter:
    """The routes of the page, for whoever may read what Tiled serves.

    Parameters
    ----------
    runs
        Of the folder.
    """
    router = APIRouter(prefix=HOME.rstrip("/"), include_in_schema=False)
    _add_page(router)
    _add_lists(router, runs)
    _add_scans(router, runs)
    _add_files(router, runs)
    return router


def _may_read() -> Any:
    return Security(check_scopes, scopes=["read:metadata", "read:data"])


def _add_page(router: APIRouter) -> None:
    @router.get("/", dependencies=[Depends(move_api_key)])
    def page() -> Response:
        return _static("index.html")

    @router.get("/page/{name}")
    def part(name: str) -> Response:
        return _static(name)


def _static(name: str) -> Response:
    media = _MEDIA.get(name.rpartition(".")[2])
    if media is None or not re.fullmatch(r"[a-z]+\.[a-z]+", name):
        raise HTTPException(404, "there is no such page")
    file = resources.files(__package__ or "") / "page" / name
    if not file.is_file():
        raise HTTPException(404, "there is no such page")
    return Response(file.read_bytes(), media_type=media, headers=_SHIELD)


def _add_lists(router: APIRouter, runs: Runs) -> None:
    listing = Listing(runs)

    @router.get("/api/list", dependencies=[_may_read()])
    def scans(
        q: str = "",
        since: str = "",
        until: str = "",
        sort: str = "started",
        descending: bool = True,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> JSONResponse:
        wanted = Wanted(
            words=q,
            since=since,
            until=until,
            sort=sort,
            descending=descending,
            offset=offset,
            limit=limit,
        )
        try:
            return _json(listing.find(wanted))
        except ValueError as error:
            raise HTTPException(422, f"a day is 2026-11-22: {error}") from error

    @router.get("/api/problems", dependencies=[_may_read()])
    def problems() -> JSONResponse:
        return _json([str(problem) for problem in runs.problems])


def _add_scans(router: APIRouter, runs: Runs) -> None:
    @router.get("/api/scan/{uid}", dependencies=[_may_read()])
    def scan(uid: str) -> JSONResponse:
        data = runs[uid]
        line = line_of(runs, data.entry, data.metadata["start"])
        return _json({**line, **details_of(data)})

    @router.get("/api/plot/{uid}", dependencies=[_may_read()])
    def numbers(
        uid: str, channel: str, how: str = "", at: str = "", array: int = 0
    ) -> JSONResponse:
        data = runs[uid]
        branch, module, found = channel_at(branches_of(data), _whole(channel))
        view = View(how=how, at=tuple(_whole(at)), array=array)
        rois = rois_of(branch, module)
        return _json(plot(branch, found, view, visited=data.visited(branch), rois=rois))

    @router.get("/api/preview/{uid}", dependencies=[_may_read()])
    def preview(uid: str) -> JSONResponse:
        data = runs[uid]
        pictures = pictures_of(data)
        if pictures:
            return _json({"picture": base64.b64encode(pictures[0]).decode()})
        branches = branches_of(data)
        first = first_channel(branches)
        if not first:
            return _json({})
        branch, _, found = channel_at(branches, _whole(first))
        try:
            visited = data.visited(branch)
            drawn = plot(branch, found, View(most=_PREVIEW), visited=visited)
            return _json({"plot": drawn})
        except PymoError:  # the scan itself is shown, and tells what is wrong
            return _json({})


def _add_files(router: APIRouter, runs: Runs) -> None:
    @router.get("/api/picture/{uid}", dependencies=[_may_read()])
    def picture(uid: str, number: int = 0) -> Response:
        pictures = pictures_of(runs[uid])
        if not 0 <= number < len(pictures):
            raise HTTPException(404, f"the scan has no picture {number}")
        return Response(pictures[number], media_type="image/png", headers=_SHIELD)

    @router.get("/api/file/{uid}", dependencies=[_may_read()])
    def file(uid: str) -> FileResponse:
        path = runs[uid].entry.path
        return FileResponse(path, media_type="application/x-hdf5", filename=path.name)


def _whole(text: str) -> list[int]:
    """Whole numbers between commas."""
    if not re.fullmatch(r"(\d{1,9}(,\d{1,9})*)?", text):
        raise HTTPException(422, f"whole numbers were expected: {text!r}")
    return [int(part) for part in text.split(",") if part]


def _json(value: Any) -> JSONResponse:
    return JSONResponse(value, headers=_SHIELD)
