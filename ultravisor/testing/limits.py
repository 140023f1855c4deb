# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a test waits.

Owns the defaults, in cycles: the same wherever a test runs, whatever else the host does.
"""

from __future__ import annotations

# A scenario is alone on its host: one that has not ended by then never will. Some seconds when
# it calls the monitor all the time.
SCENARIO_LIMIT_CYCLES = 20_000_000
# A host of several partitions may idle most of the time, which costs nothing.
EXPECTATION_LIMIT_CYCLES = 100_000_000
