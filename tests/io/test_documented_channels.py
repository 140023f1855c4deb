# SPDX-License-Identifier: GPL-2.0-or-later
"""The C that docs/io-channels.md shows is C: it is compiled against the guests' headers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.channels.c_ends import COMMON, ROOT, WARNINGS

if TYPE_CHECKING:
    from pathlib import Path

# What the reader has of his own.
BEGIN = """
#include "disk.h"
#include "event.h"
#include "internet.h"
#include "media.h"

static struct disk disk;
static struct network network;
static struct internet internet;
static int my_context;
static void my_notify(void *context, uint32_t path) { (void)context; (void)path; }
static void my_wait(void *context) { (void)context; }
static void my_move(void *context) { (void)context; internet_announce(&internet); }
static void my_frame(void *context, const uint8_t *frame, uint32_t size_bytes)
{
    (void)context;
    internet_receive(&internet, frame, size_bytes);
}

uint32_t example(volatile void *channel, uint64_t channel_size_bytes, uint64_t sector,
                 uint32_t sector_count, void *data);
uint32_t example(volatile void *channel, uint64_t channel_size_bytes, uint64_t sector,
                 uint32_t sector_count, void *data)
{
    uint32_t status = 0;
    (void)channel; (void)channel_size_bytes; (void)sector; (void)sector_count; (void)data;
    (void)disk; (void)network; (void)my_wait; (void)my_move; (void)my_frame;
"""
END = "    return status;\n}\n"
EXAMPLES = re.findall(
    r"^```c\n(.*?)^```", (ROOT / "docs" / "io-channels.md").read_text(), re.DOTALL | re.MULTILINE
)


def compiled(example: str, folder: Path) -> str:
    """Return what the compiler says of an example, at 64 bits, as strictly as of the guests."""
    source = folder / "example.c"
    source.write_text(BEGIN + example + END)
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(f"-std=c11 -ffreestanding -fsyntax-only {WARNINGS}"),
        *("-iquote", str(COMMON), "-iquote", str(ROOT / "monitor" / "abi")),
        *("-I", str(COMMON / "width_64"), str(source)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stderr if done.returncode else ""


def test_there_are_examples_of_disks_media_and_networks() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=["disk", "media", "network"])
def test_an_example_of_the_document_compiles(example: str, tmp_path: Path) -> None:
    assert compiled(example, tmp_path) == ""


def test_a_wrong_example_is_found(tmp_path: Path) -> None:
    assert "network_path_vanish" in compiled("network_path_vanish(&network, 0);\n", tmp_path)
