"""CatGraft in the container, through the operator's commands."""

import json
import pathlib

from processes import wait_until

METASTORE, PAGESTORE = "catgraft-metastore.service", "catgraft-pagestore.service"
UNITS = (METASTORE, PAGESTORE)
# The schema that this tree's programs want: its newest migration.
SCHEMA = len(list((pathlib.Path(__file__).parents[3] / "migrations/postgres").glob("*.sql")))


class System:
    """What an operator sees and does."""

    metastore, pagestore = "http://127.0.0.1:3001", "http://127.0.0.1:3000"

    def __init__(self, machine):
        self.machine = machine
        self.first = {}

    def set_up(self):
        """The way from an empty machine, which has nothing but its key, to running services."""
        self.machine.run("systemctl", "start", "catgraft-key.service")
        for name in ("status", "init", "migrate", "start"):
            self.first[name] = self.command(name, check=name != "status")
        return self

    def command(self, name, *arguments, check=True, **options):
        """Runs `catgraft-NAME`."""
        return self.machine.run(f"catgraft-{name}", *arguments, check=check, **options)

    def start(self):
        """Starts what does not run."""
        return self.command("start", quiet=True)

    def status(self):
        """(exit code, what catgraft-status says)."""
        done = self.command("status", "--json", check=False)
        return done.returncode, json.loads(done.stdout)

    def part(self, unit):
        """What catgraft-status says of one unit."""
        return next(part for part in self.status()[1]["parts"] if part["unit"] == unit)

    def token(self, subject):
        """A token for a client."""
        return self.command("token", subject, quiet=True).stdout.strip()

    def processes(self):
        """The main process of each unit and how often systemd restarted it."""
        return {unit: [self.machine.property(unit, name) for name in ("MainPID", "NRestarts")] for unit in UNITS}

    def wait_ready(self, unit, seconds=60):
        """Waits until systemd has a unit for ready."""
        wait_until(
            lambda: self.machine.property(unit, "ActiveState") == "active",
            lambda: f"{unit} to be ready: {self.machine.run('systemctl', 'status', unit, check=False).stdout}",
            seconds,
            every=0.2,
        )

    def journal(self, *matches):
        """Lines of the journal, as objects."""
        done = self.machine.run("journalctl", "--quiet", "--no-pager", "--output=json", *matches, quiet=True)
        return [json.loads(line) for line in done.stdout.splitlines()]
