"""Why a run ended, into its stop document; knows no plan and no device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bluesky.utils import (
    FailedStatus,
    IllegalMessageSequence,
    Msg,
    MsgGenerator,
    RunEngineControlException,
    ensure_generator,
    make_decorator,
)

__all__ = ["reason_of", "why_decorator", "why_wrapper"]


def reason_of(error: BaseException) -> str:
    """Tell in words what an error is about.

    Bluesky tells of a device that failed that its status failed; here is what happened
    to the device.

    Examples
    --------
    >>> reason_of(ValueError("no beam"))
    'no beam'
    """
    cause = error.__cause__
    if not isinstance(error, FailedStatus) or cause is None:
        return str(error) or type(error).__name__
    status = error.args[0] if error.args else None
    device: Any = getattr(status, "device", None) or getattr(status, "pos", None)
    named = f"{device.name}: " if getattr(device, "name", "") else ""
    words = " ".join(str(cause).split())
    return f"{named}{type(cause).__name__}: {words}".rstrip(": ")


def why_wrapper(
    plan: MsgGenerator[Any], asked: Callable[[], str] = str
) -> MsgGenerator[Any]:
    """Let stop documents say why their run failed.

    Parameters
    ----------
    plan
        Any plan; those of this package do so by themselves.
    asked
        Tells the reason that was given to ``RE.abort(reason)``, which bluesky drops.

    Examples
    --------
    >>> from bluesky import RunEngine
    >>> from bluesky.plans import count
    >>> RE = RunEngine({}, context_managers=[])
    >>> RE.preprocessors.append(why_wrapper)
    """
    generator = ensure_generator(plan)
    answer: Any = None
    error: BaseException | None = None
    why = ""
    while True:
        try:
            if error is None:
                msg = generator.send(answer)
            else:
                thrown, error = error, None
                msg = generator.throw(thrown)
        except StopIteration as stop:
            return stop.value
        try:
            answer = yield _explained(msg, why)
        except GeneratorExit:
            generator.close()
            raise
        # Whatever it is, it is the plan's: this only listens.
        except BaseException as caught:  # noqa: BLE001
            error = caught
            if isinstance(caught, RunEngineControlException):
                why = asked()
            # What a clean-up stumbles over is not why it cleans up.
            elif not (why and isinstance(caught, IllegalMessageSequence)):
                why = reason_of(caught)


def _explained(msg: Msg, why: str) -> Msg:
    ending = msg.kwargs.get("exit_status")
    if msg.command != "close_run" or ending not in ("fail", "abort") or not why:
        return msg
    return msg._replace(kwargs={**msg.kwargs, "reason": why})


why_decorator = make_decorator(why_wrapper)
