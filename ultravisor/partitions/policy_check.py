# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks what lies between the records of a policy.

Owns the rules that no single type can say: unique names, zones and domains that exist, back-offs
that make sense, rules that could never decide. Called by policy_reader; opens nothing.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.errors import ConfigurationError
from ultravisor.machine.abi import COMMAND_LINE_LIMIT
from ultravisor.partitions.definitions import ZONE_DEFAULT
from ultravisor.partitions.media import MEDIUM_TABLES, medium_of, owners_of
from ultravisor.partitions.policy import ANY
from ultravisor.toml_lines import TomlLines, place

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ultravisor.partitions.definitions import Domain
    from ultravisor.partitions.policy import Policy, Rule

CHANNEL_STEP_KIB = 4
RULE_TABLES = ("admission", "placement", "restart", "priority")
NAMED_TABLES = ("zone", "domain", "channel")


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file of a policy: what it says and on which lines."""

    path: str
    lines: TomlLines
    policy: Policy


class _Checker:
    """The checks between records; refuses with the file and line of the record."""

    def __init__(self, policy: Policy, files: Sequence[PolicyFile]) -> None:
        self.policy = policy
        self.files = files
        self.zones = {ZONE_DEFAULT, *(zone.name for zone in policy.zone)}
        self.domains = {domain.name: domain for domain in policy.domain}

    def refuse(
        self, table: str, index: int, key: str, message: str, hint: str = ""
    ) -> ConfigurationError:
        """Return the refusal of a record, counted over all files."""
        inside = index
        for file in self.files:
            count = len(getattr(file.policy, table))
            if inside < count:
                where = place(file.path, file.lines.find(table, inside, key))
                return ConfigurationError(f"{where}: {table}[{inside}].{key}: {message}", hint)
            inside -= count
        raise AssertionError(f"{table}[{index}] is in no file")

    def check(self) -> None:
        for table in NAMED_TABLES:
            self.check_names(table)
        self.check_zones()
        self.check_domains()
        self.check_channels()
        self.check_media()
        self.check_restarts()
        self.check_quotas()
        for table in RULE_TABLES:
            self.check_order(table)

    def check_names(self, table: str) -> None:
        seen: set[str] = set()
        for index, row in enumerate(getattr(self.policy, table)):
            if row.name in seen:
                message = f"two records of {table} are named `{row.name}`"
                raise self.refuse(table, index, "name", message, "give each its own name")
            seen.add(row.name)

    def check_zones(self) -> None:
        guids: set[str] = set()
        for index, zone in enumerate(self.policy.zone):
            if zone.guid_text in guids:
                message = f"{zone.guid_text} is another zone's"
                raise self.refuse("zone", index, "guid", message, "give each its own, or none")
            guids.add(zone.guid_text)
            for name in zone.reaches:
                self.need("zone", index, "reaches", name, self.zones, "zone")

    def check_domains(self) -> None:
        owners: dict[str, str] = {}
        for index, domain in enumerate(self.policy.domain):
            self.need("domain", index, "zone", domain.zone, self.zones, "zone")
            if len(domain.command_line.encode()) >= COMMAND_LINE_LIMIT:
                message = f"longer than {COMMAND_LINE_LIMIT - 1} bytes"
                raise self.refuse("domain", index, "command_line", message)
            if "\0" in domain.command_line:
                raise self.refuse("domain", index, "command_line", "contains a zero byte")
            if domain.devices and domain.kind != "io":
                message = f"`{domain.name}` is of kind {domain.kind}"
                hint = 'only a domain with kind = "io" owns devices'
                raise self.refuse("domain", index, "devices", message, hint)
            for device in domain.devices:
                if device in owners:
                    message = f"device `{device}` is `{owners[device]}`'s already"
                    raise self.refuse("domain", index, "devices", message)
                owners[device] = domain.name
            self.check_ports(index, domain)

    def check_ports(self, index: int, domain: Domain) -> None:
        """Refuse a domain with both ports of a medium: it would fail with both."""
        seen: set[str] = set()
        for device in domain.devices:
            medium = medium_of(device)
            if medium in seen:
                message = f"`{domain.name}` would own two ports of `{medium}`"
                hint = "give them to two domains: one is there for the case that the other fails"
                raise self.refuse("domain", index, "devices", message, hint)
            seen.add(medium)

    def check_channels(self) -> None:
        for index, channel in enumerate(self.policy.channel):
            for key in ("server", "client"):
                self.need("channel", index, key, getattr(channel, key), self.domains, "domain")
            if channel.server == channel.client:
                message = f"both ends are `{channel.server}`"
                raise self.refuse("channel", index, "client", message, "name two domains")
            if channel.size_kib % CHANNEL_STEP_KIB:
                message = f"{channel.size_kib} is not a multiple of {CHANNEL_STEP_KIB}"
                raise self.refuse("channel", index, "size_kib", message)

    def check_media(self) -> None:
        clients: dict[str, str] = {}
        for table in MEDIUM_TABLES:
            for index, row in enumerate(getattr(self.policy, table)):
                self.need(table, index, "client", row.client, self.domains, "domain")
                if self.domains[row.client].kind == "io":
                    message = f"`{row.client}` is of kind io, which serves others"
                    raise self.refuse(table, index, "client", message, "name a guest")
                if row.device in clients:
                    message = f"`{row.device}` is `{clients[row.device]}`'s already"
                    raise self.refuse(table, index, "device", message, "a medium has one client")
                clients[row.device] = row.client
                if not owners_of(row.device, self.policy.domain):
                    message = f"no io domain owns a port of `{row.device}`"
                    hint = f'give one devices = ["{row.device}.0"]'
                    raise self.refuse(table, index, "device", message, hint)
                if row.size_kib % CHANNEL_STEP_KIB:
                    message = f"{row.size_kib} is not a multiple of {CHANNEL_STEP_KIB}"
                    raise self.refuse(table, index, "size_kib", message)

    def check_restarts(self) -> None:
        for index, rule in enumerate(self.policy.restart):
            if rule.back_off_maximum_cycles < rule.back_off_cycles:
                message = (
                    f"{rule.back_off_maximum_cycles} is below back_off_cycles, "
                    f"{rule.back_off_cycles}"
                )
                raise self.refuse("restart", index, "back_off_maximum_cycles", message)

    def check_quotas(self) -> None:
        seen: set[str] = set()
        for index, quota in enumerate(self.policy.quota):
            self.need("quota", index, "zone", quota.zone, self.zones, "zone")
            if quota.zone in seen:
                message = f"zone `{quota.zone}` has a quota already"
                raise self.refuse("quota", index, "zone", message)
            seen.add(quota.zone)

    def check_order(self, table: str) -> None:
        """Refuse a rule behind one that selects everything: it could never decide."""
        catch_all: int | None = None
        for index, rule in enumerate(getattr(self.policy, table)):
            if catch_all is not None:
                message = f"never decides: {table}[{catch_all}] before it selects every domain"
                raise self.refuse(table, index, "name", message, "move the general rule last")
            if selects_everything(rule):
                catch_all = index

    def need(
        self, table: str, index: int, key: str, name: str, known: Collection[str], noun: str
    ) -> None:
        if name in known:
            return
        close = difflib.get_close_matches(name, known, 1)
        names = ", ".join(sorted(known)) or "none"
        hint = f"did you mean `{close[0]}`?" if close else f"{noun}s: {names}"
        raise self.refuse(table, index, key, f"no {noun} is named `{name}`", hint)


def selects_everything(rule: Rule) -> bool:
    """Say whether a rule selects every domain."""
    return rule.name == ANY and rule.zone == ANY and not rule.kind


def check_policy(policy: Policy, files: Sequence[PolicyFile]) -> None:
    """Check what the types alone cannot say; raise ConfigurationError."""
    _Checker(policy, files).check()
