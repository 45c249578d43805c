"""The module tells the operator's commands what they ask for, and nothing that none of them asks for: the keys of
operator.conf are the keys that the scripts read."""

import re

from . import common

SCRIPTS = common.ROOT / "infrastructure/scripts/operator"
CONF = "catgraft/operator.conf"
# Set by the commands themselves.
OWN = {"CATGRAFT_OPERATOR_CONF", "CATGRAFT_PROGRAM"}
PARTS = ["METASTORE", "PAGESTORE"]


def check(_options):
    asked = keys_asked_for()
    problems = []
    for host in common.host_names():
        told = set(re.findall(r"^(\w+)=", common.report(host)["etc"][CONF]["text"], re.M))
        problems += [f"{host}: {CONF} has no {key}, which the commands read" for key in sorted(asked - told)]
        problems += [f"{host}: {CONF} has {key}, which no command reads" for key in sorted(told - asked)]
    common.fail_on(problems)
    return f"the commands read {len(asked)} facts of a host"


def keys_asked_for():
    """The keys that stand in the scripts: whole, or as `fact PART NAME`."""
    text = "\n".join(path.read_text() for path in SCRIPTS.rglob("*") if path.is_file())
    whole = set(re.findall(r"\bCATGRAFT_[A-Z][A-Z0-9_]*[A-Z0-9]\b", text)) - OWN
    return whole | {f"CATGRAFT_{part}_{name}" for name in re.findall(r"\bfact \S+ ([A-Z_]+)\b", text) for part in PARTS}
