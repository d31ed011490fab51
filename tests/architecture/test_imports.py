"""The arrows between packages, as `pyproject.toml` draws them, and what the core may bring along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]

FOREIGN_TO_THE_CORE = (
    "faust",
    "mode",
    "asyncio",
    "aiokafka",
    "confluent_kafka",
    "logging",
    "prometheus_client",
)


def modules_after_importing(name: str) -> set[str]:
    """Import *name* in a fresh interpreter and return what is loaded then."""
    program = (
        f"import sys, pkgutil, importlib, {name} as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_contract_holds() -> None:
    """The layers hold, the core knows no I/O, and Faust stays where it belongs."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_the_core_brings_no_framework_along() -> None:
    """Importing every module of the core in a fresh interpreter loads no framework, loop, client or logging."""
    loaded = modules_after_importing("streams.segmentation")
    assert "streams.segmentation.timeline" in loaded
    assert [name for name in FOREIGN_TO_THE_CORE if name in loaded] == []


def test_help_is_printed_without_loading_faust() -> None:
    """`streams --help` comes at once: it imports no command's module."""
    program = (
        "import sys\nfrom streams.cli.main import main\nmain(['--help'], standalone_mode=False)\n"
        "assert 'faust' not in sys.modules and 'confluent_kafka' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
