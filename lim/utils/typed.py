"""A block of settings from YAML or the command line as a typed object, each mistake as one line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError

T = TypeVar("T")
WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}


def convert(values: Any, kind: type[T], where: str = "", prefix: str = "", hint: str = "") -> T:
    """`values` as the dataclass `kind`. Numbers become text where text is wanted.

    Raises InputError for an unknown key (with the nearest) or a missing one, after `where`, and for a value that the
    field's type does not allow; `prefix` stands before each key, `hint` ends the line of a key that is like none.
    """
    where = f"{where}: " if where else ""
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise InputError(f"{where}{prefix.rstrip('.') or 'it'} is not a block of keys and values")
    hints = get_type_hints(kind, include_extras=True)
    fields = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            near = did_you_mean(f"{prefix}{key}", [f"{prefix}{name}" for name in fields])
            raise InputError(f"{where}{prefix}{key}: unknown key{near or hint}")
    for name, item in fields.items():
        if name not in values and item.default is item.default_factory is dataclasses.MISSING:
            raise InputError(f"{where}{prefix}{name} is not set")
    given = {k: str(v) if _is_text(hints[k]) and type(v) in (int, float) else v for k, v in values.items()}
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise InputError(_in_words(str(error), given, prefix, hints)) from None


def _is_text(hint: Any) -> bool:
    return hint is str or (str in get_args(hint) and get_origin(hint) in (Union, UnionType))


def _in_words(text: str, values: Mapping[str, Any], prefix: str, hints: Mapping[str, Any]) -> str:
    """msgspec's message with the key, the value given, and what is allowed."""
    message, _, place = text.partition(" - at `")
    of_key = place.startswith("key` in `")  # of a block below: the path is the block's
    path = place.removeprefix("key` in `").removeprefix("$.").rstrip("`")
    key, *steps = re.split(r"\]?[.\[]", path.rstrip("]").replace("...", "*"))
    if message.startswith("Invalid enum value"):
        given, allowed = message.removeprefix("Invalid enum value ").strip("'"), _allowed(hints[key], steps, of_key)
        message = f"use {' or '.join(allowed)}"
        if of_key:
            message = f"'{given}' is no key of it: {message}{did_you_mean(given, allowed)}"
    elif of_key:
        message = f"{message} as a key"
    message = re.sub(r"`([^`]*)`", lambda m: " or ".join(WORDS.get(w, w) for w in m[1].split(" | ")), message)
    message = message.replace("Expected ", "expected ").replace(", got", ", not")
    message = message.replace(" >= ", " of at least ").replace(" <= ", " of at most ").replace(" > ", " above ")
    message = message.replace("expected a list", f"expected a list ({prefix}{key}=[…])")
    value = values[key] if isinstance(values[key], str) else repr(values[key])
    return f"{prefix}{key}={value:.60}: {message}" + (f" (in {path})" if path != key else "")


def _allowed(hint: Any, steps: Sequence[str], of_key: bool) -> list[str]:
    """The literals that a type has at a place: `*` is a block's value, a number an item; `of_key`: a block's key."""
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    parts = get_args(hint)
    if get_origin(hint) is dict and (steps or of_key):
        return _allowed(parts[1], steps[1:], of_key) if steps else _allowed(parts[0], [], False)
    inside = steps[1:] if get_origin(hint) in (list, tuple) else steps
    return [value for part in parts for value in _allowed(part, inside, of_key)]
