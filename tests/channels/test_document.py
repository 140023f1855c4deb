# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/channels.md shows works: its Python is run, its C is compiled."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.compiler import compile_text, include_options

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/channels.md").read_text(encoding="utf-8")
C_FRAME = """
#include "control.h"
extern uint32_t my_device_created(void *context, const struct control_bus_device *device);
void guest(struct control_client *whole, void *channel, uint64_t channel_size_bytes, int context);
#define control (*whole)
#define my_context context
"""


def blocks(language: str) -> list[str]:
    """Return the page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_page_runs() -> None:
    found = blocks("python")
    assert len(found) == 2
    exec("\n".join(found), {})  # noqa: S102


def complaints(text: str) -> str:
    """Return what the compiler says of a guest's code."""
    folders = ["guest_kernels/common", "guest_kernels/common/width_64", "monitor/abi"]
    options = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fsyntax-only"]
    return compile_text(text, [*options, *include_options(folders)])


def test_the_c_of_a_control_channel_compiles() -> None:
    block = blocks("c")[0]
    operations, _, body = block.partition("\n\n")
    head = C_FRAME.strip().splitlines()
    prototype = head[2].rstrip(";")
    lines = [*head, operations, prototype, "{", body, "}"]
    assert complaints("\n".join(lines) + "\n") == ""


def test_the_c_of_a_guests_channels_compiles() -> None:
    (block,) = blocks("c")[1:]
    assert complaints(f'#include "channel_map.h"\n#include "control.h"\n{block}') == ""
