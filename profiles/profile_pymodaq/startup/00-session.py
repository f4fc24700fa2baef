"""RE, writer, devices and plans for the simulated lab; for your own, say its file."""

from pymo_bluesky.session import start_session

start_session(get_ipython().user_ns, devices="simulated_lab")
del start_session
