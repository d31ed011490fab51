"""Make the images of `deploy/docker/offline/compose.yml` where no image can be pulled.

Run it from the development environment: `.venv/bin/python deploy/docker/offline/images.py`. It needs a Docker engine,
Debian's `debootstrap`, the rights of root, and the registries of Debian, PyPI and Maven; it takes some minutes once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver

from streams.broker.jars import cache_dir, kafka_classpath, kafka_home

HERE = Path(__file__).parent
PREFIX = "segment-streams-offline"
TARGETS = ("python", "kafka", "registry", "prometheus", "alertmanager")
DEBIAN = "bookworm"
REGISTRY_VERSION = "2.6.13.Final"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def run(*command: str) -> None:
    """Run *command*, its output on stderr; end the program if it fails."""
    done = subprocess.run(command, stdout=sys.stderr, env=os.environ | {"DOCKER_BUILDKIT": "0"}, check=False)
    if done.returncode:
        sys.exit(
            f"error: {' '.join(command[:3])} ... ended with status {done.returncode}; its output says why"
        )


def has_image(name: str) -> bool:
    """Return whether the engine has the image *name*."""
    return not subprocess.run(
        ("docker", "image", "inspect", name), capture_output=True, check=False
    ).returncode


def make_debian(folder: Path) -> None:
    """Make a small Debian with this machine's certificates, for networks that have an authority of their own."""
    root = folder / "root"
    run("debootstrap", "--variant=minbase", "--include=ca-certificates", DEBIAN, str(root))
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    shutil.copyfile(CERTIFICATES, root / certificates.lstrip("/"))
    archive = folder / "root.tar"
    run("tar", "--directory", str(root), "--create", "--file", str(archive), ".")
    run("docker", "import", "--change", f"ENV PIP_CERT={certificates}", str(archive), f"{PREFIX}/debian")


def gather(context: Path) -> None:
    """Put what the targets copy into *context*: Kafka's jars, the registry, the start of Kafka."""
    jars = context / "kafka"
    jars.mkdir()
    for jar in kafka_classpath(kafka_home(cache_dir())):
        shutil.copy(jar, jars)
    maven = MavenContext(
        resolver=PythonResolver(),
        repo_cache=cache_dir() / "maven",
        remote_repos={"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories},
    )
    registry = maven.project("io.apicurio", "apicurio-registry-app").at_version(REGISTRY_VERSION)
    shutil.copy(
        registry.artifact(classifier="all", packaging="tar.gz").resolve(), context / "registry.tar.gz"
    )
    shutil.copy(HERE / "kafka.sh", context)


def main() -> None:
    """Make every image that the engine has not yet."""
    for tool in ("docker", "debootstrap"):
        if shutil.which(tool) is None:
            sys.exit(f"error: {tool} is missing\n  hint: apt-get install docker.io iptables debootstrap")
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}-") as name:
        folder = Path(name)
        if not has_image(f"{PREFIX}/debian"):
            make_debian(folder)
        context = folder / "context"
        context.mkdir()
        gather(context)
        for target in TARGETS:
            tag = f"{PREFIX}/{target}"
            print(f"making {tag}", file=sys.stderr)
            file = str(HERE / "Dockerfile")
            run("docker", "build", "--network=host", "-f", file, "--target", target, "-t", tag, str(context))


if __name__ == "__main__":
    main()
