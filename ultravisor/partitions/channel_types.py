# SPDX-License-Identifier: GPL-2.0-or-later
"""What the channels between the programs are for: a GUID each, as the database keeps it.

Owns the GUIDs alone. All of them have the layout of a command channel; the control message that
introduces a channel says which it is.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ultravisor.machine.abi import GUID_COMMAND, GUID_CONTROL

TYPE_COMMAND: Final = GUID_COMMAND
"""To the ultravisor: transactions. Client: command; boot, until command takes over."""
TYPE_CONTROL: Final = GUID_CONTROL
"""From the ultravisor to each partition: what it has."""
TYPE_OPERATIONS: Final = UUID("a4c1f7d2-93be-4d0c-8b5e-1f60c2a7e951")
"""From operations to command: policies and domains; back: what became of them."""
TYPE_LOADER: Final = UUID("d7b0e63c-52f8-4a19-9c34-70e5b1d82fa6")
"""From command to boot: images into memory."""
