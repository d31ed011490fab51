"""What all tests share: the Hypothesis profiles, one real Kafka and one real schema registry for the whole session."""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from streams.broker import KafkaCluster
from streams.broker.jars import cache_dir
from streams.broker.registry import RegistryServer, registry_home
from streams.cli.stopping import REQUESTS_TO_STOP
from streams.errors import OperationError
from streams.testing.kafka import BOOTSTRAP_VARIABLE, docker_answers, kafka_container, unique_name

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The address of a real Kafka: the one the environment names, else one in Docker, else the embedded one."""
    with ExitStack() as stack:
        bootstrap = os.environ.get(BOOTSTRAP_VARIABLE)
        if not bootstrap and docker_answers():
            try:
                bootstrap = stack.enter_context(kafka_container())
            except OperationError as error:
                warnings.warn(f"{error}\nThe embedded Kafka is used instead.", stacklevel=1)
        yield bootstrap or stack.enter_context(KafkaCluster()).bootstrap


@pytest.fixture(scope="session")
def schema_registry() -> Iterator[RegistryServer]:
    """A real schema registry; where it cannot be had, the tests that need it are left out, and say why."""
    try:
        registry_home(cache_dir())
    except OperationError as error:
        pytest.skip(f"a schema registry is not installed, nor to be had: {error.message}")
    with RegistryServer() as registry:
        yield registry


@pytest.fixture
def topic_name() -> Callable[[str], str]:
    """A function that makes a unique name out of a prefix; for groups and transactional ids as well."""
    return unique_name


@pytest.fixture
def program() -> Callable[[str, str], str]:
    """A function that finds an installed program; where it is not installed, the test is skipped and says what to install.

    A fresh machine has Python and make, and `make test` passes there: this is the one place that skips.
    """

    def found(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")
        return path

    return found


@pytest.fixture(autouse=True)
def _hearing() -> Iterator[None]:
    """Hear every request to stop after a test as before it: a command that tidies up at its end goes on ignoring them."""
    before = {request: signal.getsignal(request) for request in REQUESTS_TO_STOP}
    yield
    for request, handler in before.items():
        signal.signal(request, handler)
