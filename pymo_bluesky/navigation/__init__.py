"""Where each event lies in its scan; knows no files."""

from __future__ import annotations

from .lines import navigate

__all__ = ["navigate"]
