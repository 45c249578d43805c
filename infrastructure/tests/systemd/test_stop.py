"""catgraft-stop lets what was accepted come to its end, and what was acknowledged is there after the next start."""

import http.client
import time

from processes import wait_until
from system import PAGESTORE, UNITS

EVERYTHING = "SELECT * FROM t ORDER BY id"
FILL = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 5000)
          INSERT INTO t SELECT NULL, randomblob(4000) FROM row"""
PAGES, PAGE_BYTES = 2000, 4096


def _varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def _field(number, content):
    """A field of bytes, as protobuf writes it."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _write_pages(vid):
    """The bytes of a WritePagesRequest: field 1 the volume, field 2 its pages (1 the index, 2 the bytes)."""
    pages = (b"\x08" + _varint(index) + _field(2, bytes([index % 256]) * PAGE_BYTES) for index in range(1, PAGES + 1))
    return _field(1, vid) + b"".join(_field(2, page) for page in pages)


def test_a_push_that_is_half_sent_when_stop_comes_is_answered(system):
    # A volume's id: its prefix, the milliseconds since 1970, random bits.
    body = _write_pages(b"\x80" + int(time.time() * 1000).to_bytes(6, "big") + bytes(range(9)))
    connection = http.client.HTTPConnection("127.0.0.1", 3000, timeout=60)
    connection.putrequest("POST", "/pagestore/v1/write_pages")
    connection.putheader("Content-Type", "application/x-protobuf")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Authorization", f"Bearer {system.token('half')}")
    connection.putheader("X-Request-Id", "half-sent")
    connection.endheaders()
    connection.send(body[: len(body) // 2])
    stopping = system.machine.begin("catgraft-stop")
    wait_until(lambda: system.machine.property(PAGESTORE, "ActiveState") == "deactivating", "the pagestore to stop")
    connection.send(body[len(body) // 2 :])
    answer = connection.getresponse()
    segments = answer.read()
    assert answer.status == 200 and segments, segments
    connection.close()
    said, _ = stopping.communicate(timeout=60)
    assert stopping.returncode == 0, said
    assert [system.machine.property(unit, "Result") for unit in UNITS] == ["success", "success"]
    [line] = system.journal("--unit=catgraft-pagestore", "REQUEST_ID=half-sent")
    assert line["MESSAGE"].startswith("write_pages: 200")


def test_what_a_client_pushes_while_it_is_stopped_is_there_after_the_next_start(system, replicas):
    alice, bob = replicas(system, "alice"), replicas(system, "bob")
    volume = alice.open()
    alice.script("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)", FILL)
    alice.wait_pushed()
    alice.query(FILL)
    system.command("stop")
    for unit in UNITS:
        assert system.machine.property(unit, "Result") == "success"
    system.start()
    bob.open(volume)
    bob.wait_pulled(alice.wait_pushed(60))
    assert alice.status() == "Ok"
    assert bob.digest(EVERYTHING) == alice.digest(EVERYTHING)
    assert bob.query("SELECT count(*) FROM t") == [[10_000]]
