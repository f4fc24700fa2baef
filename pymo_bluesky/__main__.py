"""`python -m pymo_bluesky`: the command line; knows nothing else."""

import sys

from pymo_bluesky.cli import main

sys.exit(main())
