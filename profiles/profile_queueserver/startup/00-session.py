"""RE, writer and devices of the simulated lab; for your own, say its file."""

from pymo_bluesky.session import start_session

start_session(globals(), devices="simulated_lab")
del start_session
