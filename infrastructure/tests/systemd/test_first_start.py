"""From an empty machine to running services, and the same commands once more."""

from system import METASTORE, PAGESTORE, SCHEMA, UNITS


def test_the_first_start_makes_what_is_missing_and_ends_with_ready_services(first_system):
    first = first_system.first
    assert first["status"].returncode == 3, "everything is stopped"
    for made in ("role catgraft: made", "database catgraft: made", "settings of the pagestore: good"):
        assert made in first["init"].stderr
    assert f"from schema version 0 to {SCHEMA}:" in first["init"].stderr
    assert "there is nothing to do" in first["migrate"].stdout
    for unit in UNITS:
        assert f"{unit} is ready" in first["start"].stderr


def test_status_tells_units_versions_schema_and_health(system):
    code, status = system.status()
    assert (code, status["state"]) == (0, "ready")
    parts = {part["unit"]: part for part in status["parts"]}
    assert parts[METASTORE]["ready"] == {"catalog": "ok"}
    assert parts[PAGESTORE]["ready"] == {"objectstore": "ok", "metastore": "ok"}
    for part in parts.values():
        assert part["version"]["installed"] == part["version"]["running"] and part["version"]["running"]
        assert (part["active"], part["health"], part["why"]) == ("active", True, None)
    assert status["database"]["active"] == "active"
    assert status["catalog"]["schema"] == status["catalog"]["schema_wanted"] == SCHEMA
    text = system.command("status").stdout
    assert "CatGraft is ready" in text and "schema" in text
    assert "\x1b" not in text, "colours are for terminals"


def test_the_services_run_as_nobody_else_does(system):
    users = [
        system.machine.run("stat", "--format=%U", f"/proc/{pid}").stdout.strip() for pid, _ in system.processes().values()
    ]
    assert users == ["catgraft", "catgraft-pagestore"]


def test_init_migrate_and_start_change_nothing_the_second_time(system):
    before, journal = system.processes(), system.machine.property(METASTORE, "InvocationID")
    said = system.command("init").stderr
    assert "made" not in said.replace("made by", "") and said.count("is there") == 2, said
    assert "there is nothing to do" in system.command("migrate").stdout
    system.command("start")
    assert system.processes() == before
    assert system.machine.property(METASTORE, "InvocationID") == journal


def test_restart_starts_new_processes_and_stop_ends_them_well(system):
    before = system.processes()
    system.command("restart")
    after = system.processes()
    assert all(before[unit][0] != after[unit][0] for unit in UNITS)
    said = system.command("stop").stderr
    for unit in UNITS:
        assert f"{unit} is stopped" in said
        assert system.machine.property(unit, "Result") == "success"
    assert system.status()[0] == 3
    system.command("stop")
