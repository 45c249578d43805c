"""Services may end and come back at any time: what was pushed stays, and clients go on by themselves."""

import pytest

EVERYTHING = "SELECT * FROM t ORDER BY id"
FILL = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 2000)
          INSERT INTO t SELECT NULL, randomblob(1000) FROM row"""


@pytest.mark.parametrize("kill", [False, True], ids=["asked to end", "killed"])
def test_what_was_pushed_before_a_restart_is_pulled_after_it(own_deployment, replicas, kill):
    alice, bob = replicas(own_deployment, "alice"), replicas(own_deployment, "bob")
    volume = alice.open()
    alice.script("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)", FILL)
    remote_lsn = alice.wait_pushed()
    own_deployment.restart(kill)
    bob.open(volume)
    bob.wait_pulled(remote_lsn)
    assert bob.digest(EVERYTHING) == alice.digest(EVERYTHING)

    alice.query(FILL)
    bob.wait_pulled(alice.wait_pushed())
    assert bob.digest(EVERYTHING) == alice.digest(EVERYTHING)
    assert bob.query("SELECT count(*) FROM t") == [[4000]]


def test_what_is_written_while_the_services_are_away_is_pushed_when_they_are_back(own_deployment, replicas):
    alice, bob = replicas(own_deployment, "alice"), replicas(own_deployment, "bob")
    volume = alice.open()
    alice.query("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)")
    bob.open(volume)
    bob.wait_pulled(alice.wait_pushed())
    with own_deployment.away():
        for _ in range(3):
            alice.query(FILL)
        alice.wait_for_sync_error("Connection refused")
        assert alice.status() == "Ok"
    remote_lsn = alice.wait_pushed()
    bob.wait_pulled(remote_lsn)
    assert bob.digest(EVERYTHING) == alice.digest(EVERYTHING)
    assert bob.query("SELECT count(*) FROM t") == [[6000]]
