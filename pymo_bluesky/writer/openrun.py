"""A run while it goes on: its journal, its log; knows no other documents."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from ..building import LOG
from ..errors import Problem, WriteError
from ..journal import ABOUT, SUFFIX, JournalWriter
from ..names import safe_name

__all__ = ["LogLines", "OpenRun", "seconds"]


@dataclass(slots=True)
class OpenRun:
    """One open run: its journal, and the dataset it will go to."""

    uid: str
    journal: JournalWriter
    dataset: Path
    lines_lost: int = 0

    @classmethod
    def begin(
        cls, start: Mapping[str, Any], dataset: Path, layout: str, assets: str
    ) -> Self:
        """Open the journal of a run that starts.

        Raises
        ------
        WriteError
            When the start document could not be made safe; no journal is left.
        """
        uid = str(start.get("uid", ""))
        about = {"run": uid, "dataset": dataset.name, "layout": layout}
        about["assets"] = assets
        run = cls(uid, JournalWriter(_journal_path(dataset, uid), about), dataset)
        try:
            run.journal.append("start", start)
        except BaseException:
            run.journal.discard()
            raise
        plan = start.get("plan_name", "a run")
        run.note(f"{plan} begins (run {uid})", seconds(start))
        return run

    def moves_to(self, dataset: Path) -> None:
        """Go to another dataset of the same folder; `recover` is to know it."""
        self.journal.append(ABOUT, {"dataset": dataset.name})
        self.dataset = dataset

    def note(self, message: str, at: float | None = None) -> None:
        """Add a line to the log of the dataset; one that is lost stops no run."""
        line = {"time": time.time() if at is None else at, "message": message}
        try:
            self.journal.append(LOG, line)
        except WriteError:
            self.lines_lost += 1

    def problems(self) -> Iterator[Problem]:
        """What went wrong beside the documents."""
        if self.lines_lost:
            message = f"{self.lines_lost} lines of the log could not be written"
            yield Problem(f"run {self.uid}", "warning", "lost-log-lines", message)


class LogLines(logging.Handler):
    """Takes what bluesky, ophyd and this package log into the log of open runs."""

    SOURCES = ("bluesky", "ophyd", "pymo_bluesky")

    def __init__(self, runs: Mapping[str, OpenRun]) -> None:
        super().__init__(logging.INFO)
        self._open = runs

    def attach(self) -> None:
        """Begin to listen."""
        for source in self.SOURCES:
            logging.getLogger(source).addHandler(self)

    def detach(self) -> None:
        """Listen no more."""
        for source in self.SOURCES:
            logging.getLogger(source).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a log record in every open run."""
        try:
            text = f"{record.levelname} {record.name}: {record.getMessage()}"
            for run in list(self._open.values()):
                run.note(text, record.created)
        except Exception:  # noqa: BLE001 - logging's own way: a log line stops nothing
            self.handleError(record)


def seconds(doc: Mapping[str, Any]) -> float | None:
    """When a document came about; None when it does not say."""
    began = doc.get("time")
    return float(began) if isinstance(began, (int, float)) else None


def _journal_path(dataset: Path, uid: str) -> Path:
    name = safe_name(uid, most=60) or uuid4().hex
    stem = os.fsencode(dataset.stem)[:120].decode("utf-8", "ignore")
    return dataset.with_name(f"{stem}.{name}{SUFFIX}")
