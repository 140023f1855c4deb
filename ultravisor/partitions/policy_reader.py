# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads policies from TOML.

Owns how several files become one policy: the records of each table, file after file, in the order
in which they stand. Every refusal names file, line and key. Called by the command and by whoever
starts operations; decides nothing.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from ultravisor.errors import ConfigurationError, NotFoundError
from ultravisor.partitions.definitions import (
    ChannelDefinition,
    DiskDefinition,
    Domain,
    NetworkDefinition,
    Zone,
)
from ultravisor.partitions.policy import (
    AdmissionRule,
    PlacedPolicy,
    PlacementRule,
    Policy,
    PriorityRule,
    Quota,
    RestartRule,
)
from ultravisor.partitions.policy_check import PolicyFile, check_policy
from ultravisor.toml_lines import TomlLines, place
from ultravisor.toml_refusals import syntax_error, validation_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HINT = "docs/policies.md has every key and examples"
TABLE_FIELDS: dict[str, tuple[str, ...]] = {
    "": Policy.__struct_encode_fields__,
    "zone": Zone.__struct_encode_fields__,
    "domain": Domain.__struct_encode_fields__,
    "channel": ChannelDefinition.__struct_encode_fields__,
    "disk": DiskDefinition.__struct_encode_fields__,
    "network": NetworkDefinition.__struct_encode_fields__,
    "admission": AdmissionRule.__struct_encode_fields__,
    "placement": PlacementRule.__struct_encode_fields__,
    "restart": RestartRule.__struct_encode_fields__,
    "priority": PriorityRule.__struct_encode_fields__,
    "quota": Quota.__struct_encode_fields__,
}


def load_policy(paths: Sequence[Path]) -> PlacedPolicy:
    """Read and check the files of a policy; raise ConfigurationError or NotFoundError."""
    return parse_policy([(_read(path), str(path)) for path in paths])


def parse_policy(texts: Sequence[tuple[str, str]]) -> PlacedPolicy:
    """Read and check texts, each with what errors call it."""
    files = [_parse(text, path) for text, path in texts]
    tables: dict[str, tuple[Any, ...]] = {
        table: tuple(row for file in files for row in getattr(file.policy, table))
        for table in TABLE_FIELDS
        if table
    }
    places = {
        table: tuple(
            place(file.path, file.lines.find(table, index, None))
            for file in files
            for index in range(len(getattr(file.policy, table)))
        )
        for table in tables
    }
    whole = PlacedPolicy(policy=Policy(**tables), places=places)
    check_policy(whole.policy, files)
    return whole


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", "give the path of a policy") from None
    except UnicodeDecodeError as failure:
        message = f"{path}: offset {failure.start:#x}: not UTF-8 text"
        raise ConfigurationError(message, "a policy is a TOML file") from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}") from None


def _parse(text: str, path: str) -> PolicyFile:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise syntax_error(path, str(failure), HINT) from None
    lines = TomlLines(text)
    try:
        policy = msgspec.convert(data, Policy)
    except msgspec.ValidationError as failure:
        raise validation_error(path, lines, str(failure), TABLE_FIELDS) from None
    return PolicyFile(path, lines, policy)
