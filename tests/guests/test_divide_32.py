# SPDX-License-Identifier: GPL-2.0-or-later
"""The division of 64-bit numbers that 32-bit guests bring along, against Python's.

The same file compiles for any width, so that it is tested here as code of this process.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

SOURCE = Path(__file__).resolve().parents[2] / "guest_kernels" / "common" / "divide_32.c"
LIMIT = 1 << 64
HALF = 1 << 63

# Near powers of two and near the ends, where quotients are one too large or too small.
edges = st.builds(
    lambda shift, near: ((1 << shift) + near) % LIMIT, st.integers(0, 64), st.integers(-3, 3)
)
numbers = st.one_of(st.integers(0, LIMIT - 1), st.integers(0, 1 << 32), edges)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("divide") / "divide.so"
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    # Its own functions, not those of the same name that a compiler's library may have loaded.
    options = ["-O2", "-shared", "-fPIC", "-Wl,-Bsymbolic", "-o", str(target), str(SOURCE)]
    subprocess.run([*compiler, *options], check=True, timeout=60)
    return ctypes.CDLL(str(target))


def function(library: ctypes.CDLL, name: str, kind: type[Any]) -> Any:
    found = getattr(library, name)
    found.restype = kind
    found.argtypes = [kind, kind]
    return found


@given(numbers, numbers)
@example(LIMIT - 1, (1 << 32) + 1)
@example(LIMIT - 1, HALF)
@example(HALF, HALF)
def test_unsigned(library: ctypes.CDLL, dividend: int, divisor: int) -> None:
    divisor = divisor or 1
    quotient = function(library, "__udivdi3", ctypes.c_uint64)(dividend, divisor)
    remainder = function(library, "__umoddi3", ctypes.c_uint64)(dividend, divisor)
    assert (quotient, remainder) == divmod(dividend, divisor)


@given(numbers, numbers)
def test_both_at_once(library: ctypes.CDLL, dividend: int, divisor: int) -> None:
    divisor = divisor or 1
    remainder = ctypes.c_uint64()
    both = function(library, "__udivmoddi4", ctypes.c_uint64)
    both.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64)]
    quotient = both(dividend, divisor, ctypes.byref(remainder))
    assert (quotient, remainder.value) == divmod(dividend, divisor)


@given(numbers, numbers)
def test_signed_division_goes_towards_zero(
    library: ctypes.CDLL, dividend: int, divisor: int
) -> None:
    dividend, divisor = dividend - HALF, (divisor - HALF) or 1
    quotient = function(library, "__divdi3", ctypes.c_int64)(dividend, divisor)
    remainder = function(library, "__moddi3", ctypes.c_int64)(dividend, divisor)
    expected = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
    # The lowest number by -1 has no quotient in 64 bits.
    assert quotient == (-HALF if expected == HALF else expected)
    assert remainder == dividend - expected * divisor
