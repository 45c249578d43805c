"""Fixtures: one container for all tests, CatGraft started in it as an operator does, and replicas that talk to it."""

import fcntl
import os
import socket
import struct
from pathlib import Path

import pytest
from client import Replica
from machine import Machine
from system import System
from tree import Tree


@pytest.fixture(scope="session")
def machine():
    """The booted container, with everything in it and nothing started."""
    _loopback_up()
    work = Path(os.environ["CATGRAFT_SYSTEMD_WORK"])
    tree = Tree(work, os.environ["CATGRAFT_SYSTEMD_BASE"])
    try:
        tree.fill()
        machine = Machine(tree, work / "console.log")
        try:
            yield machine
        finally:
            machine.stop()
    finally:
        tree.remove()


@pytest.fixture(scope="session")
def first_system(machine):
    """CatGraft, set up and started by the commands; `first` holds what they said the first time."""
    return System(machine).set_up()


@pytest.fixture
def system(first_system):
    """CatGraft, which runs and is ready when a test begins."""
    first_system.start()
    return first_system


@pytest.fixture
def replicas(tmp_path):
    """Makes replicas: `replicas(system, "alice")`; ends them all afterwards."""
    started = []

    def make(system, name):
        started.append(Replica(tmp_path / "replicas" / name, system.metastore, system.pagestore, system.token(name)))
        return started[-1]

    yield make
    for replica in started:
        replica.stop()


def _loopback_up():
    """In a network of one's own, even the loopback device is down at first."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP and IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
