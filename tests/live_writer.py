"""A writer in a process of its own, which writes as many documents as it is told.

    python live_writer.py FOLDER STREAM...

Each line on the standard input is a number of documents to write next, or ``all``; each
answer the path of the current dataset. The documents of several streams are taken in
turn, so that their runs are interleaved.
"""

import itertools
import sys
from pathlib import Path

from corpus import load

from pymo_bluesky import PymodaqWriter


def documents(paths: list[str]) -> list:
    """The documents of the streams in turn."""
    columns = itertools.zip_longest(*(load(Path(path)) for path in paths))
    return [one for row in columns for one in row if one is not None]


def main() -> None:
    folder, *paths = sys.argv[1:]
    left = iter(documents(paths))
    with PymodaqWriter(folder, template="live") as writer:
        for line in sys.stdin:
            count = None if line.strip() == "all" else int(line)
            for document in itertools.islice(left, count):
                writer(*document)
            sys.stdout.write(f"{writer.path}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
