"""Documents of a dataset into a Tiled server; knows neither files nor layouts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import MissingExtraError, PymoError
from ..reader import Scan, open_dataset
from .runs import safe

__all__ = ["Inserted", "insert"]

Told = Callable[[str, int, int], None]
"""Name of a scan, events that were sent, and events that it has."""

_EVERY = 100


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of one run.

    Attributes
    ----------
    scan, uid
        Which one.
    state
        ``"inserted"``; ``"present"``: it was there already; ``"unfinished"``: it was,
        without its end; ``"failed"``.
    reason
        Why it failed.
    """

    scan: str
    uid: str
    state: Literal["inserted", "present", "unfinished", "failed"]
    reason: str = ""

    @property
    def fine(self) -> bool:
        """Whether the server has the whole run now."""
        return self.state in ("inserted", "present")

    def __str__(self) -> str:
        told = {
            "inserted": "inserted",
            "present": "is there already; skipped",
            "unfinished": "is there already, but without its stop: an insertion that "
            "broke off, or a run that goes on; skipped. Delete it there to insert it "
            "anew",
            "failed": f"could not be inserted: {self.reason}. What was sent until then "
            "is there; delete it before you try again",
        }
        return f"{self.scan} (run {self.uid}) {told[self.state]}"


def insert(
    path: str | os.PathLike[str],
    uri: str,
    *,
    api_key: str | None = None,
    scan: int | str | None = None,
    progress: Told | None = None,
) -> Iterator[Inserted]:
    """Insert the runs of a dataset into a Tiled server, with bluesky's `TiledWriter`.

    Values are copied into the server's storage; what lies in other files is inserted by
    reference, and the server has to be able to read it.

    Parameters
    ----------
    path
        The dataset.
    uri
        Of the server or of a catalog in it, e.g. ``http://127.0.0.1:8000/api/v1``.
    api_key
        By default the one in the uri, or in ``TILED_API_KEY``.
    scan
        Which scan (see `replay`); all by default.
    progress
        Told how far it is.

    Yields
    ------
    Inserted
        What became of each run. One that fails does not keep the others out.

    Raises
    ------
    PymoError
        When the server does not answer, or takes no runs.
    MissingExtraError
        When Tiled is not installed.
    """
    client = _connected(uri, api_key)
    with client.context, open_dataset(path) as dataset:
        chosen = dataset.scans if scan is None else [dataset.scans[scan]]
        for one in chosen:
            yield _insert_one(client, one, progress or (lambda *_: None))


def _connected(uri: str, api_key: str | None) -> Any:
    try:
        import httpx
        from tiled.client import from_uri
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error.name or "tiled", "tiled") from error
    try:
        client = from_uri(uri, api_key=api_key, remember_me=False)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise PymoError(
            f"no Tiled server answers at {_open_part(uri)}: {error}"
        ) from error
    if not hasattr(client, "create_container"):
        raise PymoError(f"{_open_part(uri)} is no folder of Tiled that could take runs")
    return client


def _open_part(uri: str) -> str:
    """A uri without its key."""
    return uri.partition("?")[0]


def _insert_one(client: Any, scan: Scan, progress: Told) -> Inserted:
    import httpx
    from bluesky_tiled_plugins import TiledWriter

    outline = list(scan.outline())
    uid = str(outline[0][1]["uid"])
    found = client.get(uid)
    if found is not None:
        whole = bool((found.metadata or {}).get("stop"))
        return Inserted(scan.name, uid, "present" if whole else "unfinished")
    total = sum((outline[-1][1].get("num_events") or {}).values())
    writer = TiledWriter(client)
    try:
        for done, (name, doc) in enumerate(scan.documents()):
            writer(name, doc if name.startswith("event") else safe(doc))
            if name.startswith("event") and done % _EVERY == 0:
                progress(scan.name, min(done, total), total)
    except PymoError as error:
        return Inserted(scan.name, uid, "failed", str(error))
    # TiledWriter raises what the server answers and what it cannot write alike.
    except (
        *(httpx.HTTPError, OSError, ValueError, TypeError, LookupError),
        *(RuntimeError, AttributeError),
    ) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Inserted(scan.name, uid, "failed", reason)
    progress(scan.name, total, total)
    return Inserted(scan.name, uid, "inserted")
