# SPDX-License-Identifier: GPL-2.0-or-later
"""What all tests share: reproducible properties, and an environment without surprises.

Owns settings only; fixtures live beside the tests that use them.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

# The same examples in every run: a failure here is a failure everywhere.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")

STEERING_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what would change the form of outputs."""
    for name in STEERING_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
