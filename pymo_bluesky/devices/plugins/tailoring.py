"""Devices whose components are known only when the plugin runs; knows no plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ophyd import Device
from ophyd.device import create_device_from_components

__all__ = ["tailor"]


def tailor(device: Device, components: Mapping[str, Any], **attributes: Any) -> None:
    """Give `device` components of its own, before ``Device.__init__`` makes them.

    Parameters
    ----------
    device
        Just allocated. Its class becomes a subclass of what it was, of the same name.
    components
        By attribute name.
    **attributes
        Of the class.
    """
    # ophyd looks for components on the class, not on the instance.
    base = type(device)
    made = create_device_from_components(
        base.__name__, docstring=base.__doc__, base_class=base, **components
    )
    made.__module__ = base.__module__
    for name, value in attributes.items():
        setattr(made, name, value)
    device.__class__ = made
