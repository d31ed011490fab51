"""How the settings of the schema registry become options of its client, and that no secret is shown on the way."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from streams.codecs.registry_options import registry_options
from streams.errors import SettingsError
from streams.settings import Settings

SECRET = "tops3cret"


def settings(**chosen: Any) -> Settings:
    """Return settings with a registry; names without their prefix."""
    url = chosen.pop("url", "https://registry:8081")
    return Settings.load(
        {}, **{f"schema_registry_{name}": value for name, value in {"url": url, **chosen}.items()}
    )


def test_an_address_alone() -> None:
    """Always with a time-out: a client without one was seen to hang."""
    assert registry_options(settings()) == {
        "url": "https://registry:8081", "timeout": 2.0, "max.retries": 1, "retries.wait.ms": 100,
    }  # fmt: skip


def test_basic_authentication(tmp_path: Path) -> None:
    """The password stands in its variable or in a file, with or without a line's end."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")

    for chosen in ({"password": SECRET}, {"password_file": str(file)}):
        assert registry_options(settings(user="us", **chosen))["basic.auth.user.info"] == f"us:{SECRET}"


def test_a_token(tmp_path: Path) -> None:
    """From its variable or a file."""
    file = tmp_path / "token"
    file.write_text(SECRET)

    for chosen in ({"token": SECRET}, {"token_file": str(file)}):
        assert registry_options(settings(**chosen))["bearer.auth.token"] == SECRET


def test_credentials_in_the_address_are_taken_out_of_it() -> None:
    """The client's HTTP library would log them with every request."""
    options = registry_options(settings(url=f"https://us:{SECRET}%40@one:1/a,http://two:2"))

    assert options["url"] == "https://one:1/a,http://two:2"
    assert options["basic.auth.user.info"] == f"us:{SECRET}@"


def test_the_http_library_says_nothing() -> None:
    """It logs addresses, and for debugging the headers with the credentials."""
    registry_options(settings())

    assert not any(
        logging.getLogger(name).isEnabledFor(logging.INFO) for name in ("httpx2", "httpcore2.http11")
    )


def test_tls(tmp_path: Path) -> None:
    """Authorities, our certificate, its key."""
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    for file in files.values():
        file.touch()
    options = registry_options(settings(**{f"{name}_file": str(file) for name, file in files.items()}))

    assert {name: value for name, value in options.items() if name.startswith("ssl.")} == {
        f"ssl.{name}.location": str(file) for name, file in files.items()
    }


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"user": "us"}, "belong together"), ({"password": SECRET}, "belong together"),
        ({"user": "us", "password": SECRET, "token": SECRET}, "stand twice"),
        ({"url": f"https://us:{SECRET}@one:1", "token": SECRET}, "stand twice"),
        ({"user": "us", "password": SECRET, "password_file": "x"}, "schema_registry_password stands twice"),
        ({"url": f"registry:{SECRET}@one"}, "is no address"), ({"token_file": "/none/such"}, "No such file"),
        ({"ca_file": "/none/such"}, "schema_registry_ca_file: /none/such"), ({"key_file": "x"}, "needs a certificate"),
        ({"timeout_ms": 2_500}, "too long for patience_ms"),
    ],
)  # fmt: skip
def test_what_is_refused(chosen: dict[str, Any], words: str) -> None:
    """What contradicts, what is missing, what cannot be read; and the error holds no secret."""
    with pytest.raises(SettingsError, match=words) as told:
        registry_options(settings(**chosen))
    assert SECRET not in f"{told.value}{told.value!r}"


def test_an_empty_file_is_no_secret(tmp_path: Path) -> None:
    """A secret that was not mounted yet must not become an empty password."""
    file = tmp_path / "token"
    file.touch()

    with pytest.raises(SettingsError, match="is empty"):
        registry_options(settings(token_file=str(file)))


def test_the_settings_show_no_secret() -> None:
    """Neither printed nor in a list of settings; an empty one is shown as empty."""
    chosen = settings(url=f"https://us:{SECRET}@one:1", password=SECRET, token=SECRET)

    assert SECRET not in repr(chosen) + str(chosen.public())
    assert chosen.public()["schema_registry_password"] == "***"
    assert settings().public()["schema_registry_password"] == ""
