"""What is right is taken: the configurations in `right/`. What is wrong is refused, by the sentence that its file in
`wrong/` names and by no other: most when it is evaluated, by an assertion or by the module system, and the settings by
the daemon itself, as when a system is built."""

import json

from . import common, settings

WRONG = common.HERE / "wrong"
RIGHT = common.HERE / "right"
GOOD = RIGHT / "one-host.nix"


def check(options):
    right = sorted(RIGHT.glob("*.nix"))
    results = common.each(lambda file: refusal(f"[ {common.path(file)} ]", options.programs), right)
    common.fail_on([f"right/{file.name}: {reason}" for file, refused in zip(right, results) for reason in refused])
    files = sorted(WRONG.glob("*.nix"))
    expected = sentences()
    modules = [f"[ {common.path(GOOD)} (import {common.path(file)}).change ]" for file in files]
    results = common.each(lambda list: refusal(list, options.programs), modules)
    problems = []
    for file, refused in zip(files, results):
        sentence = expected[file.stem]
        if not refused:
            problems.append(f"wrong/{file.name}: not refused; it should be, by {sentence!r}")
        elif len(refused) > 1 or sentence not in refused[0]:
            problems.append(f"wrong/{file.name}: refused by {refused}, but it should be by {sentence!r}")
    common.fail_on(problems)
    return f"{len(right)} right configurations are taken; {len(files)} wrong ones are refused, each by its sentence"


def refusal(modules, programs):
    """Every reason why the configuration of these modules is refused."""
    code, out, err = common.nixh("modules", common.ROOT, modules)
    if code:
        return [common.last_error(err)]
    report = json.loads(out)
    problems = report["failedAssertions"] + report["warnings"] + list(map(str, report["danglingUnits"]))
    problems += [f"The option `{name}' does not exist" for name in report["undeclared"]]
    return problems or settings.refused(report, programs)


def sentences():
    """The sentence of each file, by its name."""
    names = " ".join(f'"{file.stem}" = (import {common.path(file)}).sentence;' for file in WRONG.glob("*.nix"))
    return common.nix_value(f"{{ {names} }}")
