# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests of channels: a channel that a process with the C ends shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.channels.c_ends import VARIANTS, CEnds, c_ends

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARED_SIZE_BYTES = 1 << 18


@pytest.fixture(params=VARIANTS)
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CEnds]:
    """Return the C ends on a channel of 256 KiB, plain and with sanitizers."""
    with c_ends(SHARED_SIZE_BYTES, request.param, tmp_path) as ends:
        yield ends
