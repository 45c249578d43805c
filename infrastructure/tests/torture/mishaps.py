"""What goes wrong in a run: one mishap happens to one victim, lasts, and is mended.

Everything is drawn from the generator that is handed in, so a seed names a sequence of mishaps; where in the work of a
service each of them strikes is the machine's choice.
"""

import os
import signal
from dataclasses import dataclass, field
from typing import Callable

from disks import can_mount

# Faults of the store that strike single requests. `slow` takes milliseconds.
_REQUEST_FAULTS = [
    "internal_error",
    "slow_down",
    "timeout_before",
    "timeout_after",
    "cut_request",
    "cut_answer",
    "truncate",
    "flip_bit",
    {"slow": 300},
]
# Slower than a pagestore waits for, and for the keys of one partition only: so many of the folders that the store has.
_SLOW_PART = {"slow": 2000}
_FOLDERS = [f"segments/{letter}" for letter in "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"]
_FOLDERS_OF_PART = 12
# What must be well before something else can become ready, lower first.
_THAW, _STORE, _POSTGRES, _METASTORE, _PAGESTORE = range(5)


@dataclass
class Mishap:
    """One thing that goes wrong."""

    victim: str
    what: str
    begin: Callable[[], None]
    mend: Callable[[], None] = field(default=lambda: None)
    order: int = _THAW

    def __str__(self):
        return f"{self.victim} {self.what}"


def draw(house, rng):
    """One to three mishaps of different victims that happen at the same time."""
    victims = [_service(service, order) for service, order in _services(house)]
    if house.postgres:
        victims.append(_postgres(house.postgres, rng))
    victims += [_disk(disk) for disk in filter(None, [house.catalog, house.objects]) if can_mount()]
    if house.store:
        # Twice: requests that fail are the most common thing that a store does wrong.
        victims += [_store(house.store), _requests(house.store, rng)]
    chosen = rng.sample(victims, rng.choice([1, 1, 2, 3]))
    return [rng.choice(mishaps) for mishaps in chosen]


def _services(house):
    return [(service, _METASTORE) for service in house.metastores] + [
        (service, _PAGESTORE) for service in house.pagestores
    ]


def _service(service, order):
    def ended_well():
        service.wait_ended()
        service.start()

    return [
        Mishap(service.name, "killed", service.kill, service.start, order),
        Mishap(service.name, "terminated", service.terminate, ended_well, order),
        _frozen(service),
    ]


def _frozen(process):
    def send(number):
        return lambda: process.child.send_signal(number)

    return Mishap(process.name, "stopped and continued", send(signal.SIGSTOP), send(signal.SIGCONT), _THAW)


def _disk(disk):
    return [Mishap(disk.name, "full", disk.fill, disk.free, _STORE)]


def _postgres(cluster, rng):
    def started():
        cluster.wait_ended()
        cluster.start()

    # Drawn here, so that how many there are changes nothing of what is drawn next.
    place = rng.random()

    def kill_backend():
        backends = cluster.backends()
        try:
            os.kill(backends[int(place * len(backends))], signal.SIGKILL)
        except ProcessLookupError:
            pass  # It ended by itself meanwhile.

    def end_connections():
        cluster.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def room_given():
        cluster.disk.free()
        # It ends by itself where it had no room for its log.
        cluster.start()

    name = cluster.name
    mishaps = [
        Mishap(name, "killed", lambda: cluster.send(signal.SIGKILL), started, _POSTGRES),
        Mishap(name, "stopped immediately", lambda: cluster.send(signal.SIGQUIT), started, _POSTGRES),
        Mishap(name, "restarted", lambda: cluster.send(signal.SIGINT), started, _POSTGRES),
        # The postmaster starts it again by itself, and all others with it.
        Mishap(name, "process killed", kill_backend, cluster.start, _POSTGRES),
        Mishap(name, "connections ended", end_connections),
        Mishap(
            name,
            "stopped and continued",
            lambda: cluster.signal_all(signal.SIGSTOP),
            lambda: cluster.signal_all(signal.SIGCONT),
        ),
    ]
    if can_mount():
        mishaps.append(Mishap(name, "on a full disk", cluster.disk.fill, room_given, _POSTGRES))
    return mishaps


def _store(store):
    def switched(name, what):
        return Mishap(store.name, what, lambda: store.switch(name, True), lambda: store.switch(name, False), _STORE)

    return [
        switched("frozen", "frozen"),
        switched("bucket_gone", "without its bucket"),
        switched("credentials_revoked", "with other credentials"),
        switched("list_stale", "with an old list"),
        _frozen(store),
    ]


def _requests(store, rng):
    fault, chance = rng.choice([*_REQUEST_FAULTS, _SLOW_PART]), rng.choice([0.1, 0.5, 1.0])
    name = fault if isinstance(fault, str) else next(iter(fault))
    rules, ids = [{"fault": fault, "chance": chance}], []
    if fault is _SLOW_PART:
        name, folders = "slow for some keys", rng.sample(_FOLDERS, _FOLDERS_OF_PART)
        rules = [{"fault": fault, "key": folder} for folder in folders]

    def begin():
        ids.extend(store.command_of("POST", "/faults", rule)["id"] for rule in rules)

    def mend():
        while ids:
            store.command_of("DELETE", f"/faults/{ids.pop()}")

    return [Mishap(f"{store.name}'s requests", name, begin, mend, _STORE)]
