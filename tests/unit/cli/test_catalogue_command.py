"""``streams catalogue`` from the outside: check, list, show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import main


def catalogue(*arguments: str) -> Result:
    """Run ``streams catalogue`` with *arguments*."""
    return CliRunner().invoke(main, ("catalogue", *arguments), env={"COLUMNS": "200"})


def test_check_counts_what_it_read() -> None:
    """The built-in definitions are all good."""
    result = catalogue("check")

    assert result.exit_code == 0
    assert "segments" in result.stdout
    assert "all good" in result.stdout


def test_check_tells_every_mistake(tmp_path: Path) -> None:
    """With file, line, column, the line with a caret and a hint; the exit code is 1."""
    (tmp_path / "a.yaml").write_text(
        'segments:\n  - {id: a.b, label: "A, 1d, x", exclude: b, when: {did: Cart Veiwed, within: 1d}}\n'
    )
    result = catalogue("check", "--catalogue", str(tmp_path))

    assert result.exit_code == 1
    assert "a.yaml:2:43: error: unknown segment 'b'" in result.stdout
    assert "a.yaml:2:58: error: unknown event or fact 'Cart Veiwed'" in result.stdout
    assert f"\n{' ' * 65}^\n  hint: did you mean 'Cart Viewed'?" in result.stdout
    assert "1 segment, 6 facts: 2 errors, 0 warnings" in result.stdout


def test_list_says_what_a_segment_waits_for() -> None:
    """Dwell, grace and the sources of the gate."""
    result = catalogue("list")
    (row,) = (text for text in result.stdout.splitlines() if "checkout.abandon" in text)

    assert "30m" in row
    assert "15m" in row
    assert "behaviour, orders" in row


def test_list_as_json_says_everything() -> None:
    """--json: segments and groups with what accompanies them."""
    found = json.loads(catalogue("list", "--json").stdout)
    vip = next(one for one in found["segments"] if one["id"] == "value.vip")

    assert (vip["entity"], vip["group"], vip["rank"], vip["channels"]) == ("customer", "VALUE", 10, [])
    assert [g["kind"] for g in found["groups"] if g["name"] == "LIFECYCLE"] == ["partition"]


def test_show_tells_the_clauses() -> None:
    """One line a clause, in words."""
    result = catalogue("show", "checkout.abandon")

    assert "did Checkout Started within 2h" in result.stdout
    assert "did not Order Completed since Checkout Started" in result.stdout
    assert "not in post_purchase.24h" in result.stdout


@pytest.mark.parametrize("name", ["value.vip", "lifecycle.other", "cart.abandon"])
def test_show_code_prints_the_functions_of_one_segment(name: str) -> None:
    """--code: the generated Python of that segment and no other."""
    result = catalogue("show", name, "--code")
    functions = [text for text in result.stdout.splitlines() if text.startswith("def ")]

    assert functions
    assert all(name.replace(".", "_") in text for text in functions)


def test_show_all_code_is_the_module() -> None:
    """--code without a name: everything, as it runs."""
    result = catalogue("show", "--code")

    compile(result.stdout, "plan", "exec")


def test_show_of_an_unknown_segment_names_the_nearest() -> None:
    """A misspelled id is a mistake with a hint."""
    result = catalogue("show", "checkout.abandn")

    assert result.exit_code not in (0, 1)
    assert "did you mean 'checkout.abandon'" in result.stderr


@pytest.mark.parametrize("option", [(), ("--scenarios",)])
def test_schema_is_printed_as_json(option: tuple[str, ...]) -> None:
    """A JSON Schema that an editor can read, with the names that are known."""
    schema = json.loads(catalogue("schema", *option).stdout)

    assert "json-schema.org" in schema["$schema"]
    assert "value.vip" in json.dumps(schema)


def test_show_graph_prints_a_picture() -> None:
    """--graph: Mermaid, to be pasted where it is drawn."""
    result = catalogue("show", "checkout.abandon", "--graph")

    assert result.stdout.startswith("stateDiagram-v2")


def test_show_wants_one_view() -> None:
    """--code and --graph together are a mistake."""
    assert catalogue("show", "checkout.abandon", "--graph", "--code").exit_code not in (0, 1)
