"""Services that are killed while clients push are back by themselves, and nothing that was acknowledged is lost."""

import pytest
from processes import wait_until
from system import METASTORE, PAGESTORE

EVERYTHING = "SELECT * FROM t ORDER BY id"
FILL = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 3000)
          INSERT INTO t SELECT NULL, randomblob(4000) FROM row"""


@pytest.mark.parametrize("units", [[PAGESTORE], [METASTORE], [PAGESTORE, METASTORE]], ids=lambda units: "+".join(units))
def test_a_service_that_is_killed_during_pushes_is_back_and_nothing_is_lost(system, replicas, units):
    alice, bob = replicas(system, "alice"), replicas(system, "bob")
    volume = alice.open()
    alice.query("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)")
    acknowledged = alice.wait_pushed()
    for _ in range(3):
        before = system.processes()
        alice.query(FILL)
        system.machine.run("systemctl", "kill", "--signal=KILL", *units)
        for unit in units:
            restarts = int(before[unit][1])
            wait_until(lambda: int(system.processes()[unit][1]) > restarts, f"{unit} to be restarted", 30, every=0.2)
            system.wait_ready(unit)
        pushed = alice.wait_pushed(60)
        assert pushed > acknowledged
        acknowledged = pushed
    assert alice.status() == "Ok"
    bob.open(volume)
    bob.wait_pulled(acknowledged)
    assert bob.digest(EVERYTHING) == alice.digest(EVERYTHING)
    assert bob.query("SELECT count(*) FROM t") == [[9000]]
    assert bob.query("PRAGMA integrity_check") == [["ok"]]
