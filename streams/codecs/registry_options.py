"""From the settings to the options of the schema registry's client: address, credentials, TLS, patience.

Secrets pass through here: nothing in this module logs, prints or puts into an error the value of an option.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from streams.errors import SettingsError
from streams.settings import PREFIX, Settings

ATTEMPTS = 2
"""Each question is asked twice at most."""

PAUSE_MS = 100
"""Between the two."""


def registry_options(settings: Settings) -> dict[str, Any]:
    """Return the client's options.

    Raises:
        SettingsError: credentials are incomplete or stand twice, a file cannot be read, or the timeout is too long.
    """
    timeout_ms = settings.schema_registry_timeout_ms
    if ATTEMPTS * timeout_ms + PAUSE_MS >= settings.patience_ms:
        raise SettingsError(
            f"schema_registry_timeout_ms ({timeout_ms}) is too long for patience_ms ({settings.patience_ms})",
            hint=f"the registry is asked {ATTEMPTS} times: less than {(settings.patience_ms - PAUSE_MS) // ATTEMPTS}",
        )
    for chatty in (
        "httpx2",
        "httpcore2",
    ):  # they log each request's address, and for debugging its headers too
        logging.getLogger(chatty).setLevel(logging.WARNING)
    urls, credentials = _without_credentials(settings.schema_registry_url)
    return {
        "url": urls,
        "timeout": timeout_ms / 1_000,
        "max.retries": ATTEMPTS - 1,
        "retries.wait.ms": PAUSE_MS,
        **_login(settings, credentials),
        **_tls(settings),
    }


def _without_credentials(address: str) -> tuple[str, str]:
    """Take ``user:password@`` out of the addresses: they are shown in logs and errors."""
    urls, credentials = [], ""
    for part in address.split(","):
        url = urlsplit(part.strip())
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise SettingsError(
                "schema_registry_url is no address",
                hint=f"write {PREFIX}SCHEMA_REGISTRY_URL=https://registry:8081",
            )
        if url.username is not None:
            credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
        urls.append(urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2])))
    return ",".join(urls), credentials


def _login(settings: Settings, credentials: str) -> dict[str, Any]:
    password = _secret("password", settings.schema_registry_password, settings.schema_registry_password_file)
    token = _secret("token", settings.schema_registry_token, settings.schema_registry_token_file)
    user = settings.schema_registry_user
    if sum(map(bool, (user, token, credentials))) > 1:
        raise SettingsError(
            "the schema registry's credentials stand twice",
            hint=f"give either {PREFIX}SCHEMA_REGISTRY_USER, or ..._TOKEN, or user:password@ in the address",
        )
    if bool(user) != bool(password):
        raise SettingsError(
            "schema_registry_user and its password belong together",
            hint=f"give both, {PREFIX}SCHEMA_REGISTRY_USER and ..._PASSWORD or ..._PASSWORD_FILE",
        )
    if token:
        return {
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": token,
            "bearer.auth.logical.cluster": "",
        }
    basic = credentials or (f"{user}:{password}" if user else "")
    return {"basic.auth.user.info": basic} if basic else {}


def _secret(name: str, value: str, file: str) -> str:
    """Return the secret, from its variable or its file."""
    if value and file:
        raise SettingsError(
            f"schema_registry_{name} stands twice", hint="give either the variable, or the one with _FILE"
        )
    if not file:
        return value
    found = _readable(f"schema_registry_{name}_file", file).read_text(encoding="utf-8").strip()
    if not found:
        raise SettingsError(f"schema_registry_{name}_file: {file} is empty", hint="put the secret into it")
    return found


def _tls(settings: Settings) -> dict[str, str]:
    files = {
        "ssl.ca.location": ("schema_registry_ca_file", settings.schema_registry_ca_file),
        "ssl.certificate.location": (
            "schema_registry_certificate_file", settings.schema_registry_certificate_file,
        ),
        "ssl.key.location": ("schema_registry_key_file", settings.schema_registry_key_file),
    }  # fmt: skip
    if settings.schema_registry_key_file and not settings.schema_registry_certificate_file:
        raise SettingsError(
            "schema_registry_key_file needs a certificate",
            hint=f"name it in {PREFIX}SCHEMA_REGISTRY_CERTIFICATE_FILE",
        )
    return {option: str(_readable(name, file)) for option, (name, file) in files.items() if file}


def _readable(name: str, file: str) -> Path:
    path = Path(file)
    try:
        if not path.is_dir():
            path.open("rb").close()
    except OSError as error:
        raise SettingsError(
            f"{name}: {file}: {error.strerror}", hint="name a file that can be read"
        ) from None
    return path
