"""RE, writer, devices, plans for PyMoDAQ's simulated plugins; takes 10 s and more."""

from pymo_bluesky.session import start_session

start_session(get_ipython().user_ns, devices="plugin_lab")
del start_session
