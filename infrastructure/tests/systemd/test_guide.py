"""The commands of the infrastructure guide that a single machine can run do what the guide says."""

from tree import ROOT

GUIDE = (ROOT / "infrastructure/README.md").read_text()
# The container's root has no sudo, and needs none.
PREAMBLE = 'set -euo pipefail\nsudo() { "$@"; }\n'


def _block(beginning):
    """The shell commands of the guide's block that begins so."""
    [block] = [block for block in GUIDE.split("```sh\n")[1:] if block.startswith(beginning)]
    return block.split("```")[0]


def _run(system, commands):
    return system.machine.run("bash", "-c", PREAMBLE + commands)


def test_other_programs_run_in_the_sandboxes_as_the_guide_shows(system, replicas):
    alice = replicas(system, "alice")
    volume = alice.open()
    alice.query("CREATE TABLE t (a)")
    alice.wait_pushed()
    block = _block("sandbox() {")
    said = _run(system, block).stdout
    assert volume in said and "objects" in said
    function = block.split("sandbox metastore")[0]
    shown = _run(system, function + _inline('sandbox pagestore "$CATGRAFT_PAGESTORE_BINARY"'))
    assert 'type = "fs"' in shown.stdout and 'key_file = "$CREDENTIALS_DIRECTORY/auth-key"' in shown.stdout


def _inline(beginning):
    """The command that stands in the text, in backticks, and begins so."""
    return beginning + GUIDE.split("`" + beginning)[1].split("`")[0]


def test_a_unit_tells_what_it_runs(system):
    said = _run(system, _block("systemctl cat catgraft-pagestore")).stdout
    for wanted in ("[Service]", "ExecStart={", "CREDENTIALS_DIRECTORY=", 'type = "fs"', "catgraft-backup"):
        assert wanted in said, wanted


def test_the_journal_is_asked_as_the_guide_shows(system):
    block = _block("catgraft-status   ").replace(" --follow", "")
    said = _run(system, block).stdout
    assert "CatGraft is ready" in said and "pagestore listens" in said
