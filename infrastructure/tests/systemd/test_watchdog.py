"""A service that hangs is restarted by systemd's watchdog. Takes as long as the units' WatchdogSec."""

from processes import wait_until
from system import UNITS


def test_a_service_that_hangs_is_restarted(system):
    before = system.processes()
    system.machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", *UNITS)
    for unit in UNITS:
        wait_until(
            lambda: system.processes()[unit][1] != before[unit][1], f"the watchdog to restart {unit}", 90, every=0.5
        )
        system.wait_ready(unit)
        assert any("Watchdog timeout" in line["MESSAGE"] for line in system.journal(f"UNIT={unit}"))
    assert system.status()[0] == 0
