"""The pytest plugin: fixtures `upstream`, `upstream_factory`, `provider`, `no_network`, and their markers.

    @pytest.mark.upstream_fault("rate_limit", retry_after_s=0, times=1)
    def test_a_rate_limit_is_retried(provider): ...

Loaded by its entry point in every run of pytest where penstock is installed, so it imports nothing until a fixture is
used. With `penstock_no_network = true` in the configuration the guard is up for every test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from penstock.testing.network_guard import NetworkGuard
    from penstock.testing.provider import Provider
    from penstock.testing.scripted import Scripted
    from penstock.testing.upstream import Upstream

MARKERS = (
    "upstream_fault(fault, *, times=None, attempt=None, for_s=None, **options): what goes wrong with the answers of "
    "the `upstream` and `provider` fixtures: a fault of penstock.testing.faults, or its name and options",
    "no_network(allow=()): fail this test when it reaches beyond loopback",
    "allow_network: not under the guard of penstock_no_network",
)
LIMITS = ("times", "attempt", "for_s")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("penstock_no_network", "fail tests that reach beyond loopback", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)


def pytest_itemcollected(item: pytest.Item) -> None:
    names: list[str] | None = getattr(item, "fixturenames", None)
    if names is None or "no_network" in names:
        return
    is_marked = item.get_closest_marker("no_network") is not None
    is_exempt = item.get_closest_marker("allow_network") is not None
    if is_marked or (item.config.getini("penstock_no_network") and not is_exempt):
        names.insert(0, "no_network")


@pytest.fixture
def upstream_factory() -> Iterator[Callable[..., Upstream]]:
    """Makes upstreams, arguments as of penstock.testing.Upstream; all are closed at the end of the test."""
    from penstock.testing.upstream import Upstream

    with ExitStack() as stack:
        yield lambda *rules, **options: stack.enter_context(Upstream(*rules, **options))


@pytest.fixture
def upstream(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    """A scripted upstream without a script yet: `upstream.script(on(...).answer(...))`."""
    from penstock.testing.upstream import Upstream

    with Upstream() as made:
        _lay_faults(made, request)
        yield made


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A scripted LLM provider, and clients for it: `provider.openai()`, `provider.anthropic()`."""
    from penstock.testing.provider import Provider

    with Provider() as made:
        _lay_faults(made, request)
        yield made


@pytest.fixture
def no_network(request: pytest.FixtureRequest) -> Iterator[NetworkGuard]:
    """Fails the test when it reaches beyond loopback."""
    from penstock.testing.network_guard import NetworkGuard

    marker = request.node.get_closest_marker("no_network")
    allow = marker.kwargs.get("allow", ()) if marker is not None else ()
    guard = NetworkGuard(allow=(allow,) if isinstance(allow, str) else allow)
    guard.start()
    yield guard
    guard.stop()
    if guard.attempts:
        pytest.fail(guard.story(), pytrace=False)


def _lay_faults(peer: Scripted, request: pytest.FixtureRequest) -> None:
    """Of the markers, the outermost (module, class) first."""
    from penstock.testing.errors import ScriptError

    for marker in reversed(list(request.node.iter_markers("upstream_fault"))):
        limits = {name: marker.kwargs[name] for name in LIMITS if name in marker.kwargs}
        options = {name: value for name, value in marker.kwargs.items() if name not in LIMITS}
        try:
            peer.fault(*_faults(marker.args, options), **limits)
        except ScriptError as err:
            pytest.fail(f"upstream_fault: {err}", pytrace=False)


def _faults(args: tuple[Any, ...], options: dict[str, Any]) -> list[Any]:
    from penstock.testing.errors import ScriptError
    from penstock.testing.faults import fault_of

    if args and isinstance(args[0], str):
        return [fault_of(args[0], *args[1:], **options)]
    if options:
        raise ScriptError(f"{', '.join(options)}: options go with the name of a fault")
    if not args:
        raise ScriptError("which one? Give a fault, or its name")
    return list(args)
