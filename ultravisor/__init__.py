# SPDX-License-Identifier: GPL-2.0-or-later
"""Ultravisor: an x86 para-virtualization emulator.

Owns the version and the names that users of the library need first. They are imported
when they are used, so that `ultravisor --help` imports nothing else.

    from ultravisor import Host, resolve

    with Host(resolve(["hello"])) as host:
        print(host.run().partition("hello").console)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ultravisor.configuration import Configuration as Configuration
    from ultravisor.configuration_reader import load_configuration as load_configuration
    from ultravisor.configuration_reader import parse_configuration as parse_configuration
    from ultravisor.host import Host as Host
    from ultravisor.resolution import resolve as resolve
    from ultravisor.supervised_host import SupervisedHost as SupervisedHost

__version__ = "0.1.0"

_PLACES = {
    "Configuration": "ultravisor.configuration",
    "Host": "ultravisor.host",
    "SupervisedHost": "ultravisor.supervised_host",
    "load_configuration": "ultravisor.configuration_reader",
    "parse_configuration": "ultravisor.configuration_reader",
    "resolve": "ultravisor.resolution",
}


def __getattr__(name: str) -> Any:
    """Import a name of the library when it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
