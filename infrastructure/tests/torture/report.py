"""What a run prints at its end."""

from collections import Counter


def table(result):
    """The result as lines for people."""
    native, bank, fsck = (Counter(result[part]) for part in ("native", "bank", "fsck"))
    lines = [
        ("run", f"{result['seconds']} s on {result['catalog']} and {result['store']}, seed {result['seed']}"),
        ("acknowledged", f"{native['acknowledged']} commits, {native['repeated']} of them twice at the same LSN; "
         f"{native['races_lost']} races lost, {native['unanswered']} attempts without an answer"),
        ("bank", f"{bank['transfers']} transfers in {bank['pushes']} pushes; the sum held {bank['sums']} times"),
        ("mishaps", f"{sum(result['mishaps'].values())} in {result['rounds']} rounds"),
        *((f"  {times} times", what) for what, times in result["mishaps"].items()),
        *((f"  {times} requests", f"of the store: {what}") for what, times in result["store_faults"].items()),
        *([("  no room", f"{result['writes_without_room']} lines of logs say so")] if not result["left_out"] else []),
        *(("  left out", f"{what}: this user or this kernel cannot mount small ones") for what in result["left_out"]),
        ("recovery", f"{result['recovery_max_seconds']} s at most from the end of a mishap to the next acknowledgement"),
        ("read", f"{native['reads']} times meanwhile; {native['damaged']} reads refused as damaged, "
         f"{native['denied']} requests because the store denied access, {native['late_polls']} polls before the news had come"),
        ("read back", f"{native['commits_read_back']} commits; {native['pages_compared']} pages compared in all"),
        ("fsck", f"{fsck['damaged']} missing, damaged or dangling in {fsck['commits']} commits, {fsck['segments']} segments "
         f"and {fsck['objects']} objects; {fsck['orphans']} orphans"),
        ("lost", "nothing" if result["lost"] == 0 else "see below"),
        ("wrong bytes", "none" if result["wrong_bytes"] == 0 else "see below"),
    ]  # fmt: skip
    return "\n".join(f"{name:<16}{what}" for name, what in lines)
