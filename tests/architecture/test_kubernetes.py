"""The Kubernetes manifests: settings that exist, the worker's own ports, checks and times, and nobody's root."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.cli.processes import STOP_WAIT_S
from streams.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("development", "production", "autoscaled")
FOREIGN = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor"}
"""Kinds that come with an operator: no schema of Kubernetes knows them."""

FILES = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def base(kind: str) -> dict[str, Any]:
    """Return the base's object of *kind*."""
    found = [
        one for path in FILES if path.parent.name == "base" for one in documents(path) if one["kind"] == kind
    ]
    assert len(found) == 1
    return found[0]


def settings_of(*folders: str) -> dict[str, str]:
    """Return the settings of these folders, later ones over earlier ones."""
    found: dict[str, str] = {}
    for folder in folders:
        lines = (FOLDER / folder / "settings.env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        found |= {name: value for name, _, value in pairs}
    return found


@pytest.fixture
def pod() -> dict[str, Any]:
    """The specification of a worker's pod."""
    spec: dict[str, Any] = base("StatefulSet")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def worker(pod: dict[str, Any]) -> dict[str, Any]:
    """The one container of a pod."""
    (container,) = pod["containers"]
    assert isinstance(container, dict)
    return container


@pytest.fixture
def built(program: Callable[[str, str], str]) -> Callable[[str], str]:
    """A function that builds an overlay as kubectl does."""
    kubectl = program("kubectl", "kubernetes-client")

    def build(overlay: str) -> str:
        done = subprocess.run(
            [kubectl, "kustomize", FOLDER / "overlays" / overlay], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return build


@pytest.mark.parametrize(
    "folders", [("base",), ("base", "overlays/development"), ("base", "overlays/production")]
)
def test_the_settings_are_the_workers(folders: tuple[str, ...]) -> None:
    """Every variable is a setting, every value is allowed, and none contradicts another."""
    settings = Settings.load(settings_of(*folders))
    assert settings.metrics_host == "0.0.0.0"
    assert settings.metrics_port == Settings.load({}).metrics_port


def test_every_variable_that_a_manifest_names_is_a_setting(worker: dict[str, Any]) -> None:
    """Also those that come from the pod's name and from secrets."""
    (secret, _) = documents(FOLDER / "overlays" / "production" / "secret.example.yaml")
    named = {entry["name"] for entry in worker["env"]} | set(secret["stringData"])
    assert "STREAMS_INSTANCE_ID" in named
    assert all(name.startswith(PREFIX) for name in named)
    Settings.load(dict.fromkeys(named, "x"))


def test_a_pod_is_the_same_member_after_a_restart(worker: dict[str, Any]) -> None:
    """The instance is the pod's name, and the membership is static."""
    (instance,) = (entry for entry in worker["env"] if entry["name"] == "STREAMS_INSTANCE_ID")
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert Settings.load(settings_of("base")).static_membership


def test_the_ports_are_the_workers(worker: dict[str, Any]) -> None:
    """The container, the Service and the network's rule speak of the port of the metrics."""
    port = Settings.load(settings_of("base")).metrics_port
    assert worker["ports"] == [{"name": "metrics", "containerPort": port}]
    assert base("Service")["spec"]["ports"] == [{"name": "metrics", "port": port, "targetPort": "metrics"}]
    (ingress,) = base("NetworkPolicy")["spec"]["ingress"]
    assert ingress["ports"] == [{"port": "metrics", "protocol": "TCP"}]


def test_the_probes_ask_the_pages_that_there_are(worker: dict[str, Any]) -> None:
    """Liveness is /livez, readiness /readyz, at the port of the metrics."""
    asked = {name: worker[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {get["port"] for get in asked.values()} == {"metrics"}
    assert {name: get["path"] for name, get in asked.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }


def test_a_worker_has_time_to_stop(pod: dict[str, Any]) -> None:
    """Kubernetes kills later than the worker's own parent would."""
    assert pod["terminationGracePeriodSeconds"] > STOP_WAIT_S + 5


def test_a_restarted_pod_is_back_within_its_session() -> None:
    """The session outlasts an ordinary restart: a start of some seconds and the restore of a small state."""
    assert Settings.load(settings_of("base")).session_timeout_ms >= 30_000


def test_kubernetes_adds_no_variables_of_its_own(pod: dict[str, Any]) -> None:
    """A Service called streams would become STREAMS_SERVICE_HOST, an unknown setting that stops the start."""
    assert pod["enableServiceLinks"] is False


def test_nothing_is_roots_and_nothing_is_written_but_tmp(pod: dict[str, Any], worker: dict[str, Any]) -> None:
    """What the restricted level of pod security asks, a read-only file system, no token."""
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 10_001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert worker["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert base("ServiceAccount")["automountServiceAccountToken"] is False
    writable = {mount["mountPath"] for mount in worker["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp"}


def test_what_selects_pods_selects_the_workers() -> None:
    """The Service, the budget, the network's rule and the spread choose by the label that the pods carry."""
    spec = base("StatefulSet")["spec"]
    label = {"app.kubernetes.io/name": "segment-streams"}
    assert spec["template"]["metadata"]["labels"] == spec["selector"]["matchLabels"] == label
    assert spec["serviceName"] == base("Service")["metadata"]["name"]
    assert base("Service")["spec"]["selector"] == label
    assert base("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == label
    assert base("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == label
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == label


def test_the_autoscaler_watches_the_workers_group() -> None:
    """The consumer group is the application's id, the topic one of its inputs, the account the worker's own."""
    scaled, login = documents(FOLDER / "overlays" / "autoscaled" / "scaledobject.yaml")
    settings = Settings.load(settings_of("base", "overlays/production"))
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"]["consumerGroup"] == settings.application_id
    assert trigger["metadata"]["topic"] in settings.input_topics
    assert trigger["metadata"]["bootstrapServers"] == settings.bootstrap
    secrets = documents(FOLDER / "overlays" / "production" / "secret.example.yaml")
    there = {(secret["metadata"]["name"], key) for secret in secrets for key in secret["stringData"]}
    assert {(entry["name"], entry["key"]) for entry in login["spec"]["secretTargetRef"]} <= there


def test_no_secret_is_part_of_an_overlay() -> None:
    """A Secret with a value in it is an example that no kustomization names."""
    for kustomization in FOLDER.rglob("kustomization.yaml"):
        assert "secret" not in kustomization.read_text().casefold()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_builds_and_is_valid(
    overlay: str, built: Callable[[str], str], program: Callable[[str, str], str], tmp_path: Path
) -> None:
    """Kubectl builds it, and every object of it fits the schema of its kind, with no field too many."""
    validate = program("kubernetes-validate", "pipx; pipx install kubernetes-validate")
    objects = [one for one in yaml.safe_load_all(built(overlay)) if one["kind"] not in FOREIGN]
    assert {"Namespace", "StatefulSet", "NetworkPolicy"} <= {one["kind"] for one in objects}
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    done = subprocess.run(
        [validate, "--strict", "--no-warn", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("overlay", ["production", "autoscaled"])
def test_an_overlay_has_nothing_critical(
    overlay: str, built: Callable[[str], str], program: Callable[[str, str], str]
) -> None:
    """kube-score finds nothing critical. A limit of processor time is left out on purpose: it would only slow a restore."""
    score = program("kube-score", "golang; go install github.com/zegl/kube-score/cmd/kube-score@latest")
    done = subprocess.run(
        [score, "score", "--ignore-container-cpu-limit", "-"],
        input=built(overlay),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
