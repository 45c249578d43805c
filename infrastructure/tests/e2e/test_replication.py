"""What is written in one replica is read in another one, row for row."""

ROWS_A_TABLE = 5_000
TABLES = 10
MIB = 1024 * 1024


def test_a_database_of_ten_tables_and_fifty_thousand_rows_is_read_row_for_row(deployment, replicas):
    alice, bob = replicas(deployment, "alice"), replicas(deployment, "bob")
    volume = alice.open()
    for table in range(TABLES):
        alice.script(
            f"CREATE TABLE t{table} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight REAL, payload BLOB)",
            f"""WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < {ROWS_A_TABLE})
                INSERT INTO t{table} SELECT id, 'name ' || id, id / 7.0, randomblob(id % 200) FROM row""",
            f"CREATE INDEX t{table}_name ON t{table} (name)",
        )
    bob.open(volume)
    bob.wait_pulled(alice.wait_pushed())
    for table in range(TABLES):
        everything = f"SELECT * FROM t{table} ORDER BY id"
        written, read = alice.digest(everything), bob.digest(everything)
        assert written[0] == ROWS_A_TABLE
        assert read == written, f"table t{table}"
    assert bob.query("PRAGMA integrity_check") == [["ok"]]


def test_two_replicas_that_write_in_turns_see_every_row_for_fifty_rounds(deployment, replicas):
    writers = [replicas(deployment, "alice"), replicas(deployment, "bob")]
    volume = writers[0].open()
    writers[0].query("CREATE TABLE rounds (round INTEGER PRIMARY KEY, writer TEXT, payload BLOB)")
    writers[1].open(volume)
    remote_lsn = writers[0].wait_pushed()
    for turn in range(50):
        writer = writers[(turn + 1) % 2]
        writer.wait_pulled(remote_lsn)
        assert writer.query("SELECT count(*) FROM rounds") == [[turn]]
        writer.query("INSERT INTO rounds VALUES (?, ?, randomblob(2000))", turn, writer.name)
        pushed = writer.wait_pushed()
        assert pushed == remote_lsn + 1, "one transaction is one commit"
        remote_lsn = pushed
    for replica in writers:
        replica.wait_pulled(remote_lsn)
    everything = "SELECT * FROM rounds ORDER BY round"
    first, second = (replica.digest(everything) for replica in writers)
    assert first == second
    assert first[0] == 50


def test_one_transaction_of_a_hundred_mebibytes_is_read_back_equal(deployment, replicas):
    alice, bob = replicas(deployment, "alice"), replicas(deployment, "bob")
    volume = alice.open()
    alice.script(
        "CREATE TABLE big (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)",
        """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 25600)
           INSERT INTO big SELECT id, randomblob(4096) FROM row""",
    )
    assert alice.query("SELECT sum(length(payload)) FROM big") == [[100 * MIB]]
    assert alice.wait_pushed(seconds=120) == 1, "the transaction is one commit"
    bob.open(volume)
    bob.wait_pulled(1)
    everything = "SELECT * FROM big ORDER BY id"
    assert bob.digest(everything) == alice.digest(everything)


def test_a_database_that_shrank_and_grew_again_is_read_equal(deployment, replicas):
    alice, bob = replicas(deployment, "alice"), replicas(deployment, "bob")
    volume = alice.open()
    alice.script("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)")
    fill = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 500)
              INSERT INTO t SELECT NULL, randomblob(4000) FROM row"""
    alice.script(fill)
    bob.open(volume)
    bob.wait_pulled(alice.wait_pushed())
    everything = "SELECT * FROM t ORDER BY id"
    assert bob.digest(everything) == alice.digest(everything)
    for statement in ("DELETE FROM t WHERE id > 20", "VACUUM", fill):
        alice.query(statement)
        bob.wait_pulled(alice.wait_pushed())
        assert bob.digest(everything) == alice.digest(everything), statement
        assert bob.query("PRAGMA integrity_check") == [["ok"]], statement
