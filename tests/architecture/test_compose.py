"""docker-compose.yml and the image: the worker's own settings and times, pinned images, closed ports, nobody root."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.broker.pins import KAFKA_VERSION
from streams.cli.processes import STOP_WAIT_S
from streams.demo.topics import worker_environment
from streams.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
OWN_IMAGE = "segment-streams:"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def read(path: str) -> dict[str, Any]:
    """Return a compose file with every variable at its default."""
    text = VARIABLE.sub(lambda match: match[2], (ROOT / path).read_text())
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


COMPOSE = read("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OFFLINE: dict[str, dict[str, Any]] = read("deploy/docker/offline/compose.yml")["services"]
WORKERS = ("worker-1", "worker-2")


def seconds(text: str) -> float:
    """Return a duration of a compose file, which here is always in seconds."""
    return float(text.removesuffix("s"))


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_the_settings_of_the_demo(name: str) -> None:
    """They differ from the demo's worker only in where things are, in its name, and in writing Avro by the registry."""
    environment: dict[str, str] = SERVICES[name]["environment"]
    own = Settings.load(environment)
    demo = Settings.load(worker_environment(own.bootstrap, own.metrics_port))
    differing = {field for field in own.public() if getattr(own, field) != getattr(demo, field)}
    assert differing == {"instance_id", "schema_registry_url", "output_format"}
    assert own.instance_id == name


def test_every_variable_of_ours_is_a_setting() -> None:
    """Also those of the services that run once; an unknown one would stop their start."""
    for service in SERVICES.values():
        if service["image"].startswith(OWN_IMAGE):
            own = service["environment"]
            assert all(name.startswith(PREFIX) for name in own)
            Settings.load(own)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed_small_and_without_rights(name: str) -> None:
    """Ports on this machine only, a limit of memory, no capabilities, no way to more rights."""
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "mem_limit" in service
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("user", "1") not in ("0", "root")


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    """It names a version, and never the latest."""
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag)


def test_the_broker_is_the_one_that_is_tested() -> None:
    """The container's Kafka has the version of the embedded one, with which every test runs."""
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.parametrize("name", SERVICES)
def test_whom_others_wait_for_says_how_it_is(name: str) -> None:
    """A service waits for others' health or end only where that can be seen."""
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        checked = "healthcheck" in SERVICES[other] or other in WORKERS  # these have the image's own check
        assert checked or condition["condition"] == "service_completed_successfully"
        assert (
            not SERVICES[other].get("healthcheck", {}).get("disable") or "completed" in condition["condition"]
        )


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_time_to_stop_and_writes_only_to_tmp(name: str) -> None:
    """Compose kills later than the worker's own parent would; the file system is read-only."""
    service = SERVICES[name]
    assert seconds(service["stop_grace_period"]) > STOP_WAIT_S + 5
    assert service["read_only"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]


def test_prometheus_finds_both_workers_under_one_name() -> None:
    """The name `worker` stands for both: deploy/prometheus asks every address behind it."""
    assert all(SERVICES[name]["networks"]["default"]["aliases"] == ["worker"] for name in WORKERS)


def test_offline_nothing_but_images_is_swapped() -> None:
    """The override names other images or how the own one is built; what has no image is left out by a profile."""
    assert OFFLINE.keys() <= SERVICES.keys()
    for name, swapped in OFFLINE.items():
        (kind,) = swapped
        own = SERVICES[name]["image"].startswith(OWN_IMAGE)
        assert kind == ("build" if own else "profiles" if name == "grafana" else "image")
        if own:
            assert swapped["build"].keys() == {"network", "args"}
    assert OFFLINE.keys() == SERVICES.keys()


def test_the_image_is_of_this_version() -> None:
    """The label and the tag are the package's version."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert {s["image"] for s in SERVICES.values() if s["image"].startswith(OWN_IMAGE)} == {
        f"{OWN_IMAGE}{version}"
    }


def test_the_last_stage_of_the_image_is_nobody_roots() -> None:
    """It sets an unprivileged user by number, has a health check, and installs no compiler."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "gcc" not in last
    assert 'ENTRYPOINT ["streams"]\nCMD ["worker"]' in last


def test_what_the_image_is_made_of_is_not_ignored() -> None:
    """Everything that the Dockerfile copies from the checkout passes .dockerignore, and exists."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        copied.update(line.split()[:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
