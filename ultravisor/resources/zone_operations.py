# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations on zones, quotas and domains: the frame in which partitions live.

Owns the tables `zone`, `quota` and `domain`. Called inside a commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.resources.errors import InvalidError, StateError
from ultravisor.resources.invariants import COUNTED
from ultravisor.resources.lookups import require, require_partition
from ultravisor.resources.records import (
    Domain,
    Quota,
    QuotaResource,
    QuotaScope,
    Zone,
)

if TYPE_CHECKING:
    from ultravisor.resources.store import Store


def create_zone(store: Store, name: str, guid: str) -> None:
    """Make a zone; its GUID stands in the headers of its channels."""
    if store.get(Zone, name) is not None:
        raise InvalidError(f"table zone, key `{name}`: there is one", "name-once")
    store.insert(Zone(name, guid, 0))


def destroy_zone(store: Store, name: str) -> None:
    """Let a zone go that nothing is in, with its quotas."""
    zone = require(store, Zone, name)
    for table in ("partition", "channel", "domain"):
        user = store.value(f"SELECT 1 FROM {table} WHERE zone = ? LIMIT 1", name)
        if user is not None:
            raise StateError(f"table zone, key `{name}`: it has a {table}", "zone-in-use")
    drop_quotas(store, QuotaScope.ZONE, name)
    store.delete(zone)


def set_quota(store: Store, scope: str, subject: str, resource: str, amount: int) -> None:
    """Bound what a zone, a partition or the machine uses; below what is used is refused."""
    if scope == QuotaScope.ZONE:
        require(store, Zone, subject)
    elif scope == QuotaScope.PARTITION:
        if not subject.isdecimal():
            raise InvalidError(f"table quota: `{subject}` is no partition's number")
        store.touch(require_partition(store, int(subject)))
    present = store.get(Quota, scope, subject, resource)
    if present is not None:
        store.update(present, amount=amount)
        return
    wanted = Quota(QuotaScope(scope), subject, QuotaResource(resource), amount, 0, 0)
    added = store.insert(wanted)
    counted = f"SELECT counted FROM ({COUNTED}) WHERE scope = ? AND subject = ? AND resource = ?"
    store.update(added, used=store.value(counted, scope, subject, resource))


def drop_quota(store: Store, scope: str, subject: str, resource: str) -> None:
    """Let a quota go."""
    if scope == QuotaScope.MACHINE:
        raise InvalidError("table quota: the machine's own limits stay", "machine-limit")
    store.delete(require(store, Quota, scope, subject, resource))


def drop_quotas(store: Store, scope: QuotaScope, subject: str) -> None:
    """Let all quotas of a zone or partition go."""
    for quota in store.select(Quota, "scope = ? AND subject = ?", scope, subject):
        store.delete(quota)


def set_domain(store: Store, name: str, definition: str, zone: str | None = None) -> None:
    """Keep a definition of partitions, new or changed."""
    if zone is not None:
        require(store, Zone, zone)
    present = store.get(Domain, name)
    if present is None:
        store.insert(Domain(name, zone, definition, 0))
    else:
        store.update(present, definition=definition, zone=zone)


def drop_domain(store: Store, name: str) -> None:
    """Let a domain go that no partition is of."""
    domain = require(store, Domain, name)
    user = store.value("SELECT number FROM partition WHERE domain = ? LIMIT 1", name)
    if user is not None:
        raise StateError(f"table domain, key `{name}`: partition {user} is of it", "domain-in-use")
    store.delete(domain)
