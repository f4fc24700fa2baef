"""Settings that decide what a detector reads; knows nothing of how it measures."""

from __future__ import annotations

from typing import Any, cast

from pymo_bluesky.devices.setting import RunSetting

__all__ = ["Averages", "BackgroundSwitch"]


class Averages(RunSetting):
    """How many measurements are averaged; a mean is of another dtype than one frame."""

    def changes_readings(self, value: Any) -> bool:
        """Whether the arrays have another dtype then."""
        detector: Any = self.parent
        return not detector.hardware_averaging and (value == 1) != (self.get() == 1)

    def put(self, value: Any, **kwargs: Any) -> None:
        """Take a new number; what was measured before tells no dtype any more."""
        before = self.get()
        super().put(value, **kwargs)
        if self.get() != before:
            for channel in cast(Any, self.parent).measured.values():
                channel.forget()


class BackgroundSwitch(RunSetting):
    """Whether each event holds a background; setting it to true measures one."""

    def changes_readings(self, value: Any) -> bool:
        """A new background has the shape of the one before."""
        return bool(value != self.get())

    def put(self, value: Any, *, force: bool = False, **kwargs: Any) -> None:
        """Take or drop the background, and wait for it."""
        if force:
            super().put(value, force=True, **kwargs)
        else:
            self.set(value).wait()

    def set(self, value: Any, *, timeout: float | None = None, **_: Any) -> Any:
        """Take or drop the background; the status is done when it is there."""
        self.check_value(value)
        return cast(Any, self.parent).take_background(bool(value))
