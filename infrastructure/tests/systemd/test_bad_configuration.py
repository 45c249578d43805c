"""A service that cannot be ready does not say that it is, and catgraft-status says why."""

from contextlib import contextmanager

from processes import wait_until
from system import METASTORE, PAGESTORE


@contextmanager
def overridden(system, unit, text):
    """The unit with these lines on top, and as it was afterwards."""
    drop_in = f"/run/systemd/system/{unit}.d/test.conf"
    system.command("stop")
    system.machine.write(drop_in, f"[Service]\n{text}\n")
    system.machine.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        system.machine.run("rm", drop_in)
        system.machine.run("systemctl", "daemon-reload")
        system.command("stop")


def test_a_bad_setting_is_said_by_start_and_status_and_is_not_tried_again(system):
    with overridden(system, PAGESTORE, "Environment=PAGESTORE_CACHE__SPACE_LIMIT=much"):
        started = system.command("start", check=False)
        assert started.returncode == 1
        assert "PAGESTORE_CACHE__SPACE_LIMIT" in started.stderr and "much" in started.stderr
        code, status = system.status()
        assert (code, status["state"]) == (1, "not ready")
        part = next(part for part in status["parts"] if part["unit"] == PAGESTORE)
        assert (part["active"], part["is_ready"], part["restarts"]) == ("failed", False, 0)
        assert "PAGESTORE_CACHE__SPACE_LIMIT" in part["why"]
        assert "PAGESTORE_CACHE__SPACE_LIMIT" in system.command("status", check=False).stdout
    system.start()
    assert system.status()[0] == 0


def test_a_pagestore_whose_metastore_is_away_is_not_ready_and_says_so(system):
    system.command("stop")
    starting = system.machine.begin("catgraft-start", "pagestore")
    try:
        wait_until(
            lambda: "metastore" in system.machine.property(PAGESTORE, "StatusText"), "the pagestore to say what it lacks"
        )
        assert system.machine.property(PAGESTORE, "ActiveState") == "activating"
        part = system.part(PAGESTORE)
        assert part["is_ready"] is False and "metastore: unavailable" in part["why"]
        system.command("start", "metastore")
        said, _ = starting.communicate(timeout=60)
        assert starting.returncode == 0
        assert "waits: " in said and f"{PAGESTORE} is ready" in said, said
    finally:
        starting.kill()
        starting.wait()


def test_a_metastore_without_its_database_is_not_ready_and_says_so(system):
    system.machine.run("systemctl", "kill", "--signal=STOP", "postgresql@15-main.service")
    try:
        wait_until(lambda: "catalog" in (system.part(METASTORE)["why"] or ""), "status to miss the catalog", 30)
        assert system.status()[0] == 1
    finally:
        system.machine.run("systemctl", "kill", "--signal=CONT", "postgresql@15-main.service")
    wait_until(lambda: system.status()[0] == 0, "everything to be ready again", 30)
