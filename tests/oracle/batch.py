"""Run a judge's script on many files in one warm process; knows not what it judges.

    python batch.py SCRIPT MODULE...

imports the MODULEs once (PyMoDAQ takes one to three seconds), then answers each line
``{"argv": [...], "timeout": s}`` of standard input with one line
``{"status": int, "out": str, "err": str}``. Each job runs the script as it is in a
fork, as if it had been started by hand: what it does to itself harms no other job.

This runs in the judge's environment: standard library only, nothing of ours.
"""

import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback


def main() -> None:
    script, *modules = sys.argv[1:]
    for module in modules:
        importlib.import_module(module)
    # A line that says the judge is ready; what comes before it is import noise.
    answer({"status": 0, "out": "", "err": ""})
    for line in sys.stdin:
        answer(run(script, **json.loads(line)))


def answer(reply: dict) -> None:
    print("\x1e" + json.dumps(reply), flush=True)


def run(script: str, argv: list, timeout: int) -> dict:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            become(script, argv, timeout, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return {
        "status": os.waitstatus_to_exitcode(status),
        "out": texts[0],
        "err": texts[1],
    }


def become(script: str, argv: list, timeout: int, out: int, err: int) -> None:
    """Be the script, in the forked child; never returns."""
    status = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        # The scripts leave by os._exit, which drops what a buffer still holds.
        sys.stdout.reconfigure(line_buffering=True)
        signal.alarm(timeout)  # kills the child: a judge that hangs is a verdict too
        sys.argv = [script, *argv]
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
