"""Digests that go into a dataset with each scan; knows no documents."""

from __future__ import annotations

from .digests import Digest, Tally, compare, rows_digest, take
from .ledger import Ledger
from .seals import (
    KEPT_SEAL,
    SEAL,
    ScanSeal,
    TopSeal,
    amend_seal,
    kept_path,
    log_path,
    log_rows,
    log_size,
    raw_path,
    seal_all,
    seal_scan,
    top_of,
)

__all__ = [
    "KEPT_SEAL",
    "SEAL",
    "Digest",
    "Ledger",
    "ScanSeal",
    "Tally",
    "TopSeal",
    "amend_seal",
    "compare",
    "kept_path",
    "log_path",
    "log_rows",
    "log_size",
    "raw_path",
    "rows_digest",
    "seal_all",
    "seal_scan",
    "take",
    "top_of",
]
