"""Mutations of files: of their bytes, and of the values in JSON."""

from __future__ import annotations

import copy
import json
import math
import random
from typing import Any

TOKENS = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1",
    b"0",
    b"null",
    b"true",
    b"[",
    b"{",
    b'"',
    b"\\ud800",
    b"\n",
    b"\r",
    b",",
    b"=",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\x1b[2J",
    b"9" * 400,
    b"9" * 5000,
    b"[" * 20_000,
    b"=1+1",
    b"'",
    b"../",
    b"__import__",
    b"1" * 20,
    b"-0",
    b"0x1",
    b"\xef\xbb\xbf",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    10**9,
    2**31,
    2**63,
    10**18,
    10**30,
    10**400,
    -(10**18),
    0.5,
    -0.0,
    1e308,
    1e-308,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "x",
    "0",
    "-1",
    "nan",
    "x" * 10_000,
    "\x1b[31m",
    "=1+1",
    "../../x",
    "\ud800",
    "é",
    [],
    {},
    [[]],
    [0],
    [None],
    ["x"],
    {"": 0},
    {"x": {}},
    [1] * 1000,
    [10**9] * 3,
    [[10**6] * 4] * 3,
]


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """The content with a few bytes, pieces or tokens changed."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        length = rng.choice((1, 2, 8, 50, len(changed)))
        match rng.randrange(7):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << rng.randrange(8)
            case 1:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                del changed[at : at + length]
            case 3:
                del changed[at:]
            case 4:
                changed[at:at] = rng.choice(TOKENS)
            case 5:
                changed[at : at + rng.randrange(12)] = rng.choice(TOKENS)
            case _:
                changed[at:at] = changed[at : at + length]
    return bytes(changed)


def mutated_value(value: Any, rng: random.Random) -> Any:
    """A JSON value with a few of its parts replaced, removed, added or nested."""
    whole = [copy.deepcopy(value)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(whole))
        inside, key = rng.choice(places)
        match rng.randrange(7):
            case 0 | 1 | 2:
                inside[key] = copy.deepcopy(rng.choice(VALUES))
            case 3 if inside is not whole:
                del inside[key]
            case 4:
                other, name = rng.choice(places)
                inside[key] = copy.deepcopy(other[name])
            case 5 if isinstance(inside[key], dict):
                inside[key][rng.choice(("x", "", "out", "gen", "size", "=x"))] = copy.deepcopy(
                    rng.choice(VALUES)
                )
            case 5 if isinstance(inside[key], list):
                inside[key] = inside[key] * rng.choice((0, 2, 8))
            case _:
                for _ in range(rng.choice((1, 5, 60))):
                    inside[key] = [inside[key]]
    return whole[0]


def _places(value: Any) -> Any:
    """(container, key) of every part of a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in list(items)[:200]:
        yield value, key
        if isinstance(part, dict | list):
            yield from _places(part)


def mutated_json(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.02:
        deep = rng.choice((300, 900, 5000))
        return rng.choice((b"[" * deep + b"]" * deep, b'{"dataset":' * deep + b"1" + b"}" * deep))
    return json.dumps(mutated_value(json.loads(content), rng)).encode()


def mutated_tensors(content: bytes, rng: random.Random) -> bytes:
    """A safetensors file with other values in the JSON of its metadata, or in its header, and no digest."""
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    metadata = header["__metadata__"]
    metadata.pop("digest", None)
    nested = [key for key, text in metadata.items() if text[:1] in ("[", "{")]
    if rng.random() < 0.8 and nested:
        key = rng.choice(nested)
        value = json.loads(metadata[key])
        inner = [name for name, text in value.items() if isinstance(text, str) and text[:1] in ("[", "{")]
        if inner and rng.random() < 0.7:  # JSON in the JSON, as in a cycle's cost
            name = rng.choice(inner)
            value[name] = mutated_json(value[name].encode(), rng).decode()
        else:
            value = mutated_value(value, rng)
        metadata[key] = json.dumps(value)
    elif rng.random() < 0.5:
        metadata[rng.choice(list(metadata))] = rng.choice(("", "x", "[]", "{}", "1", "null"))
    else:
        header = mutated_value(header, rng)
    text = json.dumps(header).encode("utf-8", "replace")
    return len(text).to_bytes(8, "little") + text + body
