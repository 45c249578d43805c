"""Fixtures: a deployment of every kind, with tokens and without, and replicas that talk to it."""

import pytest
from client import Replica
from deployments import DEPLOYMENTS

_KINDS = [(name, tokens) for name in DEPLOYMENTS for tokens in (False, True)]


def _parameters(kinds):
    # All tests of one deployment go to one worker, which starts it once.
    return [
        pytest.param(
            (name, tokens),
            id=f"{name}-{'tokens' if tokens else 'open'}",
            marks=pytest.mark.xdist_group(f"{name}-{tokens}"),
        )
        for name, tokens in kinds
    ]


def _run(folder, kind, quiet):
    name, with_tokens = kind
    deployment = DEPLOYMENTS[name](folder / "deployment", with_tokens)
    try:
        yield deployment.start()
        deployment.stop()
        # A test in which nothing goes wrong leaves nothing in the log that asks for a human.
        assert not quiet or deployment.complaints() == []
    finally:
        deployment.kill()


@pytest.fixture(scope="session", params=_parameters(_KINDS))
def deployment(request, tmp_path_factory):
    """A running deployment that the tests share and leave running."""
    yield from _run(tmp_path_factory.mktemp("shared"), request.param, quiet=True)


@pytest.fixture(params=_parameters(_KINDS))
def own_deployment(request, tmp_path):
    """A running deployment that the test may end and start again."""
    yield from _run(tmp_path, request.param, quiet=False)


@pytest.fixture(scope="session", params=_parameters([kind for kind in _KINDS if kind[1]]))
def guarded_deployment(request, tmp_path_factory):
    """A running deployment that asks for tokens."""
    yield from _run(tmp_path_factory.mktemp("guarded"), request.param, quiet=True)


@pytest.fixture
def replicas(tmp_path):
    """Makes replicas: `replicas(deployment, "alice")`; ends them all afterwards."""
    started = []

    def make(deployment, name, **settings):
        token = settings.get("token", deployment.token(name))
        started.append(Replica(tmp_path / "replicas" / name, deployment.metastore, deployment.pagestore, token))
        return started[-1]

    yield make
    for replica in started:
        replica.stop()
