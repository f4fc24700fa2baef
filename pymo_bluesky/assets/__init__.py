"""Data that lie in other files: what documents say of them, and where they are."""

from __future__ import annotations

from .references import AssetSurvey, External, Key, Ranges, Wanted

__all__ = ["AssetSurvey", "External", "Key", "Ranges", "Wanted"]
