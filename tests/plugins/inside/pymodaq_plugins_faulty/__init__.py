"""Plugins that fail in the ways real ones do, as their settings say; no instrument."""
