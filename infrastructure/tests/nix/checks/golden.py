"""What the hosts become is what `golden/` says, to the letter: units, files below /etc, configurations, firewall,
users, secrets, proxy, database, and where they are deployed to. A change of the module shows itself in these files."""

import difflib
import json
import shutil

from . import common

GOLDEN = common.HERE / "golden"
FACTS = ["firewall", "postgresql", "secrets", "sudo", "systemPackages", "users"]


def check(options):
    rendered = everything()
    if options.update:
        shutil.rmtree(GOLDEN, ignore_errors=True)
        for path, text in rendered.items():
            (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / path).write_text(text)
        return f"wrote {len(rendered)} files"
    committed = {str(path.relative_to(GOLDEN)): path.read_text() for path in GOLDEN.rglob("*") if path.is_file()}
    paths = sorted(rendered | committed)
    differences = (difference(path, committed.get(path, ""), rendered.get(path, "")) for path in paths)
    problems = [found for found in differences if found]
    if problems:
        problems.append("if this is what was meant: infrastructure/tests/nix/run --update")
    common.fail_on(problems)
    return f"{len(rendered)} files are as they were"


def everything():
    """Every text that is compared, by its path below `golden/`."""
    texts = {"deploy.json": pretty(common.value("deploy", common.ROOT))}
    for host in common.host_names():
        report = common.report(host)
        # Units of others are stand-ins here.
        texts |= {f"{host}/units/{name}": text for name, text in report["units"].items() if name.startswith("catgraft")}
        texts |= {f"{host}/etc/{name}": entry["text"] for name, entry in report["etc"].items() if entry["text"]}
        texts |= {f"{host}/Caddyfile": report["caddyfile"]} if report["caddyfile"] else {}
        texts |= {f"{host}/store/{short(path)}": text for path, text in report["files"].items()}
        texts[f"{host}/host.json"] = pretty({fact: report[fact] for fact in FACTS}).replace(str(common.ROOT), "")
    return texts


def short(path):
    """A store path without its store and hash."""
    return path.removeprefix("/nix/store/").partition("-")[2]


def pretty(value):
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def difference(path, committed, rendered):
    before, now = committed.splitlines(), rendered.splitlines()
    return "\n  ".join(difflib.unified_diff(before, now, f"golden/{path}", "now", lineterm="", n=1))
