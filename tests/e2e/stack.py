"""The compose file as the end-to-end test runs it: a project and ports of its own, its state, its end."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from streams.broker.ports import LOOPBACK, free_ports

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = "segment-streams-e2e"
OFFLINE_IMAGES: Final = ("debian", "python", "kafka", "registry", "prometheus", "alertmanager")
MOUNTED: Final = ("prometheus/prometheus.yml", "prometheus/rules", "alertmanager/alertmanager.yml")
PORTS: Final = ("KAFKA", "REGISTRY", "WORKER_1", "WORKER_2", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")
LOG_LINES: Final = "25"

T = TypeVar("T")


class Trouble(Exception):
    """The stack is not as it should be, or cannot be run here."""


class Stack:
    """One run of the compose file.

    Attributes:
        ports: by the name in the compose file's variable, `KAFKA` for `KAFKA_PORT`; all on 127.0.0.1.
        only_online: services that nothing offline stands in for.
    """

    def __init__(self, *, offline: bool) -> None:
        """Choose free ports; nothing is started.

        Args:
            offline: swap the images that cannot be pulled for those that deploy/docker/offline/images.py makes.
        """
        self._offline = offline
        self.only_online = () if offline else ("grafana",)
        self._began_s = time.monotonic()
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._environment = os.environ | {f"{name}_PORT": str(port) for name, port in self.ports.items()}
        # The real orders alone, at once: this is about the way of an event, not about the year.
        self._environment |= {"BROWSING": "0", "RATE": "0"}
        self._compose: list[str] = []

    def seconds(self) -> float:
        """Return how long it has run."""
        return time.monotonic() - self._began_s

    def say(self, text: str) -> None:
        """Print a line of progress."""
        print(f"[{self.seconds():6.1f} s] {text}", flush=True)

    # ---- compose ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Find compose, the engine and what is mounted.

        Raises:
            Trouble: something is missing; says what to do.
        """
        if shutil.which("docker") is None or self._fails("docker", "version"):
            raise Trouble(
                "no Docker engine answers\n  hint: start one, or name it in DOCKER_HOST; `docker version` says more"
            )
        commands = (("docker", "compose"), ("docker-compose",))
        command = next((one for one in commands if not self._fails(*one, "version")), None)
        if command is None:
            raise Trouble(
                "compose is missing\n  hint: install Docker's compose plugin, or docker-compose 1.29"
            )
        missing = [name for name in MOUNTED if not (ROOT / "deploy" / name).exists()]
        if missing:
            raise Trouble(f"not in this checkout: {', '.join(f'deploy/{name}' for name in missing)}")
        files = ["-f", "docker-compose.yml"]
        if self._offline:
            if any(
                self._fails("docker", "image", "inspect", f"{PROJECT[:-4]}-offline/{n}")
                for n in OFFLINE_IMAGES
            ):
                raise Trouble(
                    "the images for --offline are not there\n"
                    "  hint: .venv/bin/python deploy/docker/offline/images.py makes them"
                )
            files += ["-f", "deploy/docker/offline/compose.yml"]
        self._compose = [*command, "-p", PROJECT, *files]

    def command_line(self, *arguments: str) -> str:
        """Return a compose command for a person to type."""
        return shlex.join([*self._compose, *arguments])

    def compose(self, *arguments: str, limit_s: float = 600) -> str:
        """Run compose; return what it prints.

        Raises:
            Trouble: it fails; its output is told.
        """
        try:
            done = self._run(*self._compose, *arguments, limit_s=limit_s)
        except subprocess.TimeoutExpired:
            raise Trouble(f"`{self.command_line(*arguments)}` has not ended after {limit_s:.0f} s") from None
        if done.returncode:
            raise Trouble(f"`{self.command_line(*arguments)}` failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of the container of *service*.

        Raises:
            Trouble: it has none.
        """
        container = self.compose("ps", "--all", "-q", service).strip()
        if not container:
            raise Trouble(f"the service {service} has no container")
        known: list[dict[str, Any]] = json.loads(self._run("docker", "inspect", container).stdout)
        return known[0]

    def logs(self) -> str:
        """Return the end of every service's log, or why there is none."""
        try:
            return self.compose("logs", "--no-color", "--tail", LOG_LINES)
        except Trouble as trouble:
            return str(trouble)

    def down(self) -> None:
        """End and remove everything that was started."""
        self.say("taking it down")
        try:
            self.compose("down", "--volumes", "--timeout", "60")
        except Trouble as trouble:
            print(f"error: {trouble}")

    def _run(self, *command: str, limit_s: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def _fails(self, *command: str) -> bool:
        try:
            return self._run(*command, limit_s=30).returncode != 0
        except (OSError, subprocess.TimeoutExpired):
            return True

    # ---- asking and waiting -----------------------------------------------------------------------------------

    def get(self, service: str, path: str) -> str:
        """Return the page *path* of the *service* whose port has that name; empty while it does not answer."""
        address = f"http://{LOOPBACK}:{self.ports[service]}{path}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return ""

    def until(self, what: str, found: Callable[[], T], *, limit_s: float) -> T:
        """Ask *found* until it returns something, and return that.

        Raises:
            Trouble: it has not after *limit_s* seconds; *what* says what was waited for.
        """
        until_s = time.monotonic() + limit_s
        while not (answer := found()):
            if time.monotonic() > until_s:
                raise Trouble(f"not within {limit_s:.0f} s: {what}")
            time.sleep(0.2)
        return answer
