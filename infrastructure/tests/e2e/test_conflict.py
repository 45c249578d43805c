"""Two replicas that write at once: one wins, the other one is told, and a reset mends it."""

CONFLICTS = ("RejectedCommit", "Conflict")


def test_a_lost_race_is_a_conflict_that_a_reset_mends(deployment, replicas):
    writers = [replicas(deployment, "alice"), replicas(deployment, "bob")]
    volume = writers[0].open()
    writers[0].query("CREATE TABLE t (id INTEGER PRIMARY KEY, writer TEXT)")
    writers[1].open(volume)
    writers[1].wait_pulled(writers[0].wait_pushed())
    # Fetches the pages that the writes below need.
    assert [writer.query("SELECT count(*) FROM t") for writer in writers] == [[[0]], [[0]]]

    # Nobody hears of the other one's write before both are made; then both pushes race.
    with deployment.paused():
        for writer in writers:
            writer.query("INSERT INTO t VALUES (1, ?)", writer.name)
    outcomes = {writer.wait_push_settled(CONFLICTS): writer for writer in writers}
    assert len(outcomes) == 2 and "Ok" in outcomes, f"one wins and one loses: {list(outcomes)}"
    winner = outcomes.pop("Ok")
    [loser] = outcomes.values()

    assert loser.query("SELECT writer FROM t") == [[loser.name]], "its own change is still there to look at"
    loser.reset()
    loser.wait_pulled(2)
    assert loser.status() == "Ok"
    assert loser.query("SELECT writer FROM t") == [[winner.name]]

    loser.query("INSERT INTO t VALUES (2, ?)", loser.name)
    winner.wait_pulled(loser.wait_pushed())
    assert winner.query("SELECT writer FROM t ORDER BY id") == [[winner.name], [loser.name]]
