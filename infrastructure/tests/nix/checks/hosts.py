"""All that the flake offers evaluates: hosts and the machines of the VM tests without a failed assertion, a warning,
an option that does not exist or a unit that nobody defines; packages, images, checks, shells and apps with all that
they are made of; deployments that wait long enough."""

import re

from . import common

KINDS = ["failedAssertions", "warnings", "undeclared", "danglingUnits"]
DAEMONS = ["catgraft-metastore.service", "catgraft-pagestore.service"]
SECONDS = {"": 1, "s": 1, "min": 60, "h": 3600}


def check(_options):
    common.each(common.report, common.host_names())
    problems = [p for host in common.host_names() for p in problems_of(host, common.report(host))]
    tests = common.value("tests", common.ROOT)
    for name, test in tests.items():
        problems += syntax(name, test["testScript"])
        for node, report in test["nodes"].items():
            problems += problems_of(f"VM test {name}, {node}", report)
    summary = common.value("summary", common.ROOT)
    problems += deploys()
    common.fail_on(problems)
    found = {"hosts": common.host_names(), "VM tests": tests, "packages": summary["packages"]}
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in found.items())


def problems_of(where, report):
    return [f"{where}: {kind}: {problem}" for kind in KINDS for problem in report[kind]]


def syntax(name, script):
    try:
        compile(script, f"VM test {name}", "exec")
        return []
    except SyntaxError as error:
        return [f"VM test {name}: line {error.lineno}: {error.msg}"]


def deploys():
    """A deploy that gives up while a unit still starts would roll back what is well."""
    problems = []
    for host, node in common.value("deploy", common.ROOT).items():
        units = common.report(host)["units"]
        # The pagestore starts after the metastore.
        starts = sum(start_seconds(units[name]) for name in DAEMONS if name in units)
        waits = node["activationTimeout"]
        if waits <= starts:
            problems.append(f"deploy {host}: activationTimeout is {waits} s, but its units may take {starts} s")
        if not (node["autoRollback"] and node["magicRollback"]):
            problems.append(f"deploy {host}: a deploy that fails is not rolled back")
    return problems


def start_seconds(unit):
    number, scale = re.search(r"^TimeoutStartSec=(\d+)(\w*)$", unit, re.M).groups()
    return int(number) * SECONDS[scale]
