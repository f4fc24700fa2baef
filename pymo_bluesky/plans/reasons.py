"""Why a run ended, into its stop document; knows no plan and no device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

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
    why = _Why()
    while True:
        try:
            if error is None:
                msg = generator.send(answer)
            else:
                thrown, error = error, None
                msg = generator.throw(thrown)
        except StopIteration as stop:
            return stop.value
        if msg.command == "open_run":  # what went wrong before is dealt with
            why = _Why()
        try:
            answer = yield why.told_in(msg)
        except GeneratorExit:
            generator.close()
            raise
        # Whatever it is, it is the plan's: this only listens.
        except BaseException as caught:  # noqa: BLE001
            error = caught
            # What a clean-up stumbles over is not why it cleans up.
            if isinstance(caught, RunEngineControlException):
                why = _Why(caught, asked())
            elif not isinstance(caught, IllegalMessageSequence):
                why = _Why(caught, reason_of(caught))


class _Why(NamedTuple):
    """What went through the plan last, and what to say of it."""

    error: BaseException | None = None
    words: str = ""

    def told_in(self, msg: Msg) -> Msg:
        """The message, with a better reason where it has bluesky's for this error."""
        ending = msg.kwargs.get("exit_status")
        if msg.command != "close_run" or ending not in ("fail", "abort"):
            return msg
        if not self.words or msg.kwargs.get("reason") not in (
            None,
            "",
            str(self.error),
        ):
            return msg
        return msg._replace(kwargs={**msg.kwargs, "reason": self.words})


why_decorator = make_decorator(why_wrapper)
