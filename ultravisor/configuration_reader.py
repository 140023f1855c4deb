# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a configuration from TOML.

Owns the form of what is wrong in a file: every refusal names the file, the line where
it can be told, and the key. Called by ultravisor.resolution and by whoever has TOML.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import msgspec

from ultravisor.configuration import (
    Configuration,
    DeviceConfiguration,
    HostConfiguration,
    InputConfiguration,
    LinkConfiguration,
    PartitionConfiguration,
    SlotConfiguration,
)
from ultravisor.configuration_check import check_configuration
from ultravisor.errors import ConfigurationError, NotFoundError
from ultravisor.toml_lines import TomlLines
from ultravisor.toml_refusals import syntax_error, validation_error

if TYPE_CHECKING:
    from pathlib import Path


def load_configuration(path: Path) -> Configuration:
    """Read and check a TOML file; image paths become absolute where a file is there.

    Those of devices' files always do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", "give the path of a configuration") from None
    except UnicodeDecodeError as failure:
        message = f"{path}: offset {failure.start:#x}: not UTF-8 text"
        raise ConfigurationError(message, "a configuration is a TOML file") from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}") from None
    return parse_configuration(text, str(path), path.parent)


def parse_configuration(text: str, path: str, directory: Path | None = None) -> Configuration:
    """Read and check TOML text; `path` is what errors call it."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        hint = "see examples/ for configurations that work"
        raise syntax_error(path, str(failure), hint) from None
    lines = TomlLines(text)
    try:
        configuration = msgspec.convert(data, Configuration)
    except msgspec.ValidationError as failure:
        raise validation_error(path, lines, str(failure), TABLE_FIELDS) from None
    if directory is not None:
        configuration = _with_absolute_images(configuration, directory)
        configuration = _with_absolute_files(configuration, directory)
    check_configuration(configuration, path, lines)
    return configuration


def _with_absolute_images(configuration: Configuration, directory: Path) -> Configuration:
    partitions = tuple(
        msgspec.structs.replace(row, image=str((directory / row.image).resolve()))
        if (directory / row.image).is_file()
        else row
        for row in configuration.partition
    )
    return msgspec.structs.replace(configuration, partition=partitions)


def _with_absolute_files(configuration: Configuration, directory: Path) -> Configuration:
    devices = tuple(
        msgspec.structs.replace(
            row,
            file=None if row.file is None else str((directory / row.file).absolute()),
            pcap=None if row.pcap is None else str((directory / row.pcap).absolute()),
        )
        for row in configuration.device
    )
    return msgspec.structs.replace(configuration, device=devices)


TABLE_FIELDS: dict[str, tuple[str, ...]] = {
    "": Configuration.__struct_encode_fields__,
    "host": HostConfiguration.__struct_encode_fields__,
    "partition": PartitionConfiguration.__struct_encode_fields__,
    "slot": SlotConfiguration.__struct_encode_fields__,
    "link": LinkConfiguration.__struct_encode_fields__,
    "input": InputConfiguration.__struct_encode_fields__,
    "device": DeviceConfiguration.__struct_encode_fields__,
}
