"""IPython's own settings for this profile: what it writes stays out of the clone."""

from pymo_bluesky.session import user_folder

c = get_config()
c.HistoryManager.hist_file = str(user_folder("history") / "history.sqlite")
c.TerminalInteractiveShell.banner1 = ""
