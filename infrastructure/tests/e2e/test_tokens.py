"""Without a good token nothing is written, and the client says why."""

import urllib.error
import urllib.request

import pytest
from deployments import catgraft

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@pytest.mark.parametrize("case", ["no token", "no token at all like one", "a token of another key"])
def test_a_client_without_a_good_token_is_refused_and_writes_nothing(guarded_deployment, replicas, tmp_path, case):
    stranger = replicas(guarded_deployment, "stranger", token=_bad_token(case, tmp_path))
    volume = stranger.open()
    stranger.query("CREATE TABLE t (a)")
    stranger.wait_for_sync_error("Unauthorized")
    local, synced, remote = stranger.snapshot()
    assert (local, synced, remote) == (1, 0, 0), "the change is kept locally and not taken for pushed"

    assert _snapshot_status(guarded_deployment, volume, _bad_token(case, tmp_path)) == 401
    assert _snapshot_status(guarded_deployment, volume, guarded_deployment.token("alice")) == 404


def test_a_client_without_a_good_token_cannot_read_a_volume(guarded_deployment, replicas):
    alice, stranger = replicas(guarded_deployment, "alice"), replicas(guarded_deployment, "stranger", token=None)
    volume = alice.open()
    alice.query("CREATE TABLE secrets (a)")
    alice.wait_pushed()
    assert _snapshot_status(guarded_deployment, volume, guarded_deployment.token("alice")) == 200

    stranger.open(volume)
    stranger.wait_for_sync_error("Unauthorized")
    assert stranger.snapshot() == (0, 0, 0)
    assert stranger.query("SELECT count(*) FROM sqlite_schema") == [[0]]


def _bad_token(case, folder):
    if case == "no token":
        return None
    if case == "a token of another key":
        key_file = folder / "another.key"
        if not key_file.exists():
            key_file.write_text(catgraft("secret-key") + "\n")
        return catgraft("token", "--sk-file", key_file, "stranger")
    return "v4.local.AAAA"


def _snapshot_status(deployment, volume, token):
    """The HTTP status of `snapshot` for a volume."""
    number = 0
    for character in volume:
        number = number * 58 + _ALPHABET.index(character)
    request = urllib.request.Request(
        f"{deployment.metastore}/metastore/v1/snapshot",
        # SnapshotRequest with field 1: the sixteen bytes of the volume's id.
        data=b"\x0a\x10" + number.to_bytes(16, "big"),
        headers={"Content-Type": "application/x-protobuf", **({"Authorization": f"Bearer {token}"} if token else {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
