"""The plans that can be queued: bluesky's, and those of pymo_bluesky."""

# ruff: noqa: F401 - the queueserver looks for them here

from importlib.util import find_spec

from bluesky.plan_stubs import mv, sleep
from bluesky.plans import (
    adaptive_scan,
    count,
    grid_scan,
    list_grid_scan,
    list_scan,
    log_scan,
    rel_grid_scan,
    rel_list_scan,
    rel_scan,
    scan,
    scan_nd,
    spiral,
    spiral_fermat,
    spiral_square,
    tune_centroid,
)

if find_spec("pymo_bluesky.plans"):
    from pymo_bluesky.plans import *  # noqa: F403
del find_spec
