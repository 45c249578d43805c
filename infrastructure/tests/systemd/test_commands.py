"""What holds for every command: help, refusals, completion, and that secrets stay where they are."""

import json

import pytest

COMMANDS = ("backup", "init", "logs", "migrate", "restart", "restore", "start", "status", "stop", "token")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_and_refuses_what_it_does_not_know(system, name):
    helped = system.command(name, "--help")
    assert helped.stdout.startswith(f"Usage: catgraft-{name}") and "--help" in helped.stdout
    refused = system.command(name, "--nonsense", check=False)
    assert refused.returncode == 2
    assert "--nonsense" in refused.stderr and f"catgraft-{name} --help" in refused.stderr


@pytest.mark.parametrize("name", ("backup", "init", "migrate", "start", "stop", "token"))
def test_a_command_that_changes_something_asks_for_root(system, name):
    arguments = ["nobody"] if name == "token" else []
    refused = system.machine.run("runuser", "-u", "nobody", "--", f"catgraft-{name}", *arguments, check=False)
    assert refused.returncode == 1 and "only root may do this" in refused.stderr


def test_status_is_for_everybody(system):
    done = system.machine.run("runuser", "-u", "nobody", "--", "catgraft-status", "--json")
    status = json.loads(done.stdout)
    assert (status["state"], status["catalog"]) == ("ready", None)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("catgraft-status --", {"--json", "--help"}),
        ("catgraft-logs p", {"pagestore"}),
        ("catgraft-logs --level e", {"error"}),
        ("catgraft-token --r", {"--role"}),
        ("catgraft-start ", {"metastore", "pagestore", "--help"}),
    ],
)
def test_arguments_are_completed(system, line, wanted):
    words = line.split(" ")
    script = f"""
        . /usr/share/bash-completion/bash_completion
        _completion_loader {words[0]}
        COMP_WORDS=({" ".join(repr(word) for word in words)}) COMP_CWORD={len(words) - 1} COMP_LINE='{line}' COMP_POINT={len(line)}
        $(complete -p {words[0]} | sed 's/.*-F \\([^ ]*\\) .*/\\1/') {words[0]} {words[-1]!r} {words[-2]!r}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = system.machine.run("bash", "-c", script)
    assert set(done.stdout.split()) == wanted


def test_a_token_is_made_and_checked_without_the_key_being_seen(system):
    token = system.command("token", "--expires", "1h", "carol", quiet=True).stdout.strip()
    assert token.startswith("v4.local.")
    assert "carol" in system.command("token", "--check", stdin=token).stdout
    refused = system.command("token", "--check", stdin="v4.local.AAAA", check=False)
    assert refused.returncode == 1 and "not valid" in refused.stderr
    assert system.command("token", "--check", token, check=False).returncode == 2, "a token is no argument"


def test_the_key_is_in_no_output_no_log_and_no_unit(system):
    machine = system.machine
    key = machine.run("cat", "/var/lib/catgraft-key/auth-key", quiet=True).stdout.strip()
    machine.outputs.pop()
    assert len(key) == 64
    assert not any(key in output for output in machine.outputs)
    journal = machine.run("journalctl", "--quiet", "--no-pager", "--output=json", quiet=True).stdout
    assert key not in journal
    for place in ("/etc/catgraft", "/etc/systemd", "/run/systemd/transient", "/nix/store"):
        found = machine.run("grep", "--recursive", "--files-with-matches", "--fixed-strings", key, place, check=False, quiet=True)
        assert found.stdout == ""


def test_admin_work_is_not_done_as_root(system):
    owners = system.machine.run("bash", "-c", "catgraft-backup >&2; stat --format=%U /var/lib/catgraft-backup/backups/*/catalog.dump")
    assert set(owners.stdout.split()) == {"catgraft-pagestore"}
