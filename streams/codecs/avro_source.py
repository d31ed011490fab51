"""Avro schemas → Python functions: our own records are written and read by code that was made for them.

A general Avro library walks the schema for every value of every record. Here the schema is walked once, and what is left
is one expression that writes a record, and one function that reads it, each at least twice as fast as fastavro, measured
on a transition and on an event. Schemas that need more than this knows (references to names, fixed, enumerations; for
writing, unions other than "null or something") are refused with `Unsupported`: then fastavro does it.

The reader trusts no byte: lengths and counts are checked, numbers are at most 64 bits, and it raises EOFError or
IndexError where the bytes end too soon, ValueError where they make no sense. Items of arrays take a byte at least, so no
count can be larger than what is left.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

Writer = Callable[[dict[str, Any]], bytes]
"""Fields → body of a record."""

Reader = Callable[[bytes, int], tuple[Any, int]]
"""(bytes, where the body begins) → (value, where it ends)."""


class Unsupported(Exception):
    """The schema needs more than this module knows."""


def _varint(unsigned: int) -> bytes:
    out = bytearray()
    while unsigned > 0x7F:
        out.append(unsigned & 0x7F | 0x80)
        unsigned >>= 7
    out.append(unsigned)
    return bytes(out)


_TWO_BYTES: Final = 1 << 14
_SHORT = [_varint(number) for number in range(_TWO_BYTES)]
_LOW = [bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(_TWO_BYTES)]
_TAILS_KEPT: Final = 65_536
_tails: dict[int, bytes] = {}


def _long(number: int) -> bytes:
    """Return a whole number. Times differ in their low bits only: the bytes of their high bits are kept."""
    unsigned = number << 1 if number >= 0 else (-number << 1) - 1
    if unsigned < _TWO_BYTES:
        return _SHORT[unsigned]
    high = unsigned >> 14
    tail = _tails.get(high)
    if tail is None:
        if unsigned >> 64:
            raise ValueError(f"{number} has more than 64 bits")
        if len(_tails) >= _TAILS_KEPT:
            _tails.clear()
        tail = _tails[high] = _varint(high)
    return _LOW[unsigned & (_TWO_BYTES - 1)] + tail


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _long(len(encoded)) + encoded


def _rest_of_varint(buffer: bytes, first: int, place: int) -> tuple[int, int]:
    """Return (unsigned number, place behind it), *first* being its first byte, which says that more follow."""
    number, shift = first & 0x7F, 7
    while True:
        byte = buffer[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
    if number >> 64:
        raise ValueError("a number of more than 64 bits")
    return number, place


_NAMES: dict[str, Any] = {
    "long": _long, "text": _text, "more": _rest_of_varint,
    "pack_double": struct.Struct("<d").pack, "unpack_double": struct.Struct("<d").unpack_from,
}  # fmt: skip


def compiled_writer(schema: Any) -> Writer:
    """Return the function that writes a record of *schema*; raises `Unsupported`."""
    source = f"lambda fields: {_writing(schema, 'fields', count())}"
    return eval(source, dict(_NAMES))  # type: ignore[no-any-return]  # noqa: S307 - made of a checked schema


def compiled_reader(schema: Any) -> Reader:
    """Return the function that reads a record of *schema*; raises `Unsupported`."""
    lines = [
        "def read(buffer, place):",
        "    size = len(buffer)",
        *_reading(schema, "result", "    ", count()),
    ]
    names = dict(_NAMES)
    exec("\n".join([*lines, "    return result, place"]), names)  # noqa: S102 - made of a checked schema
    return names["read"]  # type: ignore[no-any-return]


def _writing(schema: Any, value: str, numbers: Iterator[int]) -> str:
    """Return the expression that gives the bytes of the expression *value*."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    simple = {
        "null": 'b""',
        "boolean": f'(b"\\1" if {value} else b"\\0")',
        "int": f"long({value})",
        "long": f"long({value})",
        "double": f"pack_double({value})",
        "string": f"text({value})",
    }
    if isinstance(kind, str) and kind in simple:
        return simple[kind]
    if isinstance(schema, list) and len(schema) == 2 and schema[0] == "null":
        return f'(b"\\0" if {value} is None else b"\\2" + {_writing(schema[1], value, numbers)})'
    if kind == "record":
        fields = [_writing(one["type"], f"{value}[{one['name']!r}]", numbers) for one in schema["fields"]]
        return f'b"".join(({", ".join(fields)},))'
    if kind == "array":
        item = f"item{next(numbers)}"
        items = f'b"".join([{_writing(schema["items"], item, numbers)} for {item} in {value}])'
        return f'(long(len({value})) + {items} + b"\\0" if {value} else b"\\0")'
    if kind == "map":
        key, item = (f"{name}{next(numbers)}" for name in ("key", "item"))
        entry = f"text({key}) + {_writing(schema['values'], item, numbers)}"
        entries = f'b"".join([{entry} for {key}, {item} in {value}.items()])'
        return f'(long(len({value})) + {entries} + b"\\0" if {value} else b"\\0")'
    raise Unsupported(str(schema)[:80])


def _reading(schema: Any, target: str, indent: str, numbers: Iterator[int]) -> list[str]:
    """Return the lines that read a value at ``place`` into *target*."""
    if isinstance(schema, list):
        return _reading_union(schema, target, indent, numbers)
    kind = schema["type"] if isinstance(schema, dict) else schema
    number = ["byte = buffer[place]", "place += 1", "if byte > 127: byte, place = more(buffer, byte, place)"]
    if kind == "null":
        lines = [f"{target} = None"]
    elif kind == "boolean":
        lines = [f"{target} = buffer[place] != 0", "place += 1"]
    elif kind in ("int", "long"):
        lines = [*number, f"{target} = (byte >> 1) ^ -(byte & 1)"]
    elif kind == "double":
        lines = [
            "if place + 8 > size: raise EOFError",
            f"{target} = unpack_double(buffer, place)[0]",
            "place += 8",
        ]
    elif kind == "string":
        lines = [
            *number,
            "if byte & 1: raise ValueError('a negative length')",
            "end = place + (byte >> 1)",
            "if end > size: raise EOFError",
            f"{target} = buffer[place:end].decode()",
            "place = end",
        ]
    elif kind == "record":
        return _reading_record(schema, target, indent, numbers)
    elif kind in ("array", "map") and schema.get("items") != "null":
        return _reading_blocks(schema, target, indent, numbers)
    else:
        raise Unsupported(str(schema)[:80])
    return [indent + line for line in lines]


def _reading_record(schema: Any, target: str, indent: str, numbers: Iterator[int]) -> list[str]:
    lines, entries = [], []
    for field in schema["fields"]:
        name = f"value{next(numbers)}"
        lines += _reading(field["type"], name, indent, numbers)
        entries.append(f"{field['name']!r}: {name}")
    return [*lines, f"{indent}{target} = {{{', '.join(entries)}}}"]


def _reading_union(branches: list[Any], target: str, indent: str, numbers: Iterator[int]) -> list[str]:
    branch = f"branch{next(numbers)}"
    lines = [f"{indent}{branch} = buffer[place]", f"{indent}place += 1"]
    for index, one in sorted(
        enumerate(branches), key=lambda pair: pair[1] != "string"
    ):  # text is the most frequent
        keyword = "if" if len(lines) == 2 else "elif"
        lines.append(f"{indent}{keyword} {branch} == {index << 1}:")
        lines += _reading(one, target, indent + " ", numbers)
    return [*lines, f"{indent}else: raise ValueError('no such branch')"]


def _reading_blocks(schema: Any, target: str, indent: str, numbers: Iterator[int]) -> list[str]:
    left, key, value = (f"{name}{next(numbers)}" for name in ("left", "key", "item"))
    deeper = indent + "  "
    count_lines = _reading("long", left, indent, numbers)
    if schema["type"] == "map":
        items = [
            *_reading("string", key, deeper, numbers),
            *_reading(schema["values"], value, deeper, numbers),
            f"{deeper}{target}[{key}] = {value}",
        ]
    else:
        items = [*_reading(schema["items"], value, deeper, numbers), f"{deeper}{target}.append({value})"]
    return [
        f"{indent}{target} = {'{}' if schema['type'] == 'map' else '[]'}",
        *count_lines,
        f"{indent}while {left}:",
        f"{indent} if {left} < 0:",
        f"{indent}  {left} = -{left}",
        *_reading("long", "skipped", deeper, numbers),
        f"{indent} if {left} > size: raise EOFError",
        f"{indent} for _ in range({left}):",
        *items,
        *[" " + line for line in count_lines],
    ]
