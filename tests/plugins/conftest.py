"""What runs inside the environment of plugins is collected there only."""

import os

INSIDE = "PYMO_INSIDE_PLUGINS"

collect_ignore = [] if os.environ.get(INSIDE) else ["inside"]
