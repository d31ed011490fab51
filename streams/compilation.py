"""Compiles the hot path to C, from the same source: the modules below and, with them, the code generated for a plan.

Without it the package is pure Python, works everywhere, and does the same. It needs a C compiler and mypyc (of the package
`mypy`). The result is a folder with a copy of the package in which these modules are extension modules, to be put in front
on ``PYTHONPATH``. Only the standard library is imported here: `setup.py` reads `hot_files` before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

HOT = {
    "segmentation": (
        "chunks deadlines deciding doors filters groups journals machines partition profiles residence settling "
        "stances stimuli timeline transitions waking walking watermarks"
    ),
    "codecs": "customer_events envelopes times transitions",
    "runtime": "processor",
}
"""Package → the modules that mypyc compiles. What msgspec reads by type stays out: mypyc keeps no annotations."""

PLANS_PACKAGE = "streams_plans"
"""Where generated plans are looked for (`streams.catalogue.ahead`)."""

DONE = "COMPILED"
"""The file in a compiled folder that says what it was compiled from."""

_BUILD = """
import sys
from setuptools import setup
from mypyc.build import mypycify
options = ["--config-file=", "--ignore-missing-imports", "--namespace-packages", "--explicit-package-bases"]
setup(
    name="compiled",
    ext_modules=mypycify([*options, *sys.argv[1:]], opt_level="3", debug_level="0"),
    script_args=["-q", "build_ext", "--inplace"],
)
"""


class CompilationError(Exception):
    """It could not be compiled; the message says why, and the end of the compiler's own words."""


def hot_files() -> list[str]:
    """Return the paths of the modules that are compiled, from the folder that holds the package."""
    return [f"streams/{package}/{name}.py" for package, names in HOT.items() for name in names.split()]


def obstacle() -> str:
    """Return why nothing can be compiled here; empty when it can."""
    if find_spec("mypyc") is None:
        return "mypyc is not installed: pip install mypy setuptools"
    if find_spec("setuptools") is None:
        return "setuptools is not installed"
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    return ""


def fingerprint(plans: Iterable[str]) -> str:
    """Return what a compilation depends on, as hex digits: the sources, the *plans* by hash, and this Python."""
    found = hashlib.sha256(f"{sys.version}\n{sys.platform}\n{sysconfig.get_platform()}\n".encode())
    root = _package().parent
    for path in (*hot_files(), "streams/compilation.py"):
        found.update((root / path).read_bytes())
    for plan in sorted(plans):
        found.update(plan.encode())
    return found.hexdigest()


def is_compiled(folder: Path, plans: Mapping[str, str]) -> bool:
    """Return whether *folder* holds what `compile_into` would make of the present sources and *plans*."""
    done = folder / DONE
    return done.exists() and done.read_text() == fingerprint(plans)


def compile_into(folder: Path, plans: Mapping[str, str]) -> None:
    """Make *folder*: the package with its hot path compiled, together with *plans*.

    Args:
        folder: put there when it is complete; what was there before is replaced.
        plans: module name (`streams.catalogue.ahead.module_name`) → generated source.

    Raises:
        CompilationError: there is no compiler, or it refused.
    """
    if reason := obstacle():
        raise CompilationError(reason)
    new = folder.with_name(f"{folder.name}.new-{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _copy_package(new)
        (new / PLANS_PACKAGE).mkdir()
        (new / PLANS_PACKAGE / "__init__.py").write_text('"""Plans compiled ahead."""\n')
        for name, source in plans.items():
            (new / PLANS_PACKAGE / f"{name}.py").write_text(source)
        _build(new, [*hot_files(), *(f"{PLANS_PACKAGE}/{name}.py" for name in plans)])
        (new / DONE).write_text(fingerprint(plans))
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def environment_with(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* in which Python takes the package from *folder*."""
    path = environment.get("PYTHONPATH")
    return {
        **environment,
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": f"{folder}{os.pathsep}{path}" if path else str(folder),
    }


def _package() -> Path:
    return Path(__file__).resolve().parent


def _copy_package(into: Path) -> None:
    leave = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    shutil.copytree(_package(), into / "streams", ignore=leave)
    if not (into / "streams" / "schemas").exists():  # in a checkout they lie beside the package
        shutil.copytree(_package().parent / "schemas", into / "streams" / "schemas", ignore=leave)


def _build(folder: Path, modules: list[str]) -> None:
    command = [sys.executable, "-c", _BUILD, *modules]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(  # noqa: S603 - our own script, our own files
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        said = "\n".join((ran.stdout + ran.stderr).strip().splitlines()[-12:])
        raise CompilationError(f"mypyc or the C compiler refused:\n{said}")
    shutil.rmtree(folder / "build", ignore_errors=True)
