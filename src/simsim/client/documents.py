"""JSON documents as dataclasses, and back: times are aware, lists are tuples, and unknown fields are left out."""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Model = TypeVar("Model")
ETAG = "etag"


class Unset:
    """The type of UNSET, which stands for a field that is not sent. None is sent as null."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


def given(**values: object) -> dict[str, object]:
    """Return the values that were given, as JSON has them. Times must be aware."""
    return {name: encode(value) for name, value in values.items() if value is not UNSET}


def decode_model(model: Callable[..., Model], document: object, *, etag: str = "") -> Model:
    """Return the document as the dataclass `model`; raise ValueError if it does not fit."""
    title = getattr(model, "__name__", "")
    if not isinstance(document, Mapping):
        raise ValueError(f"{title} is no JSON object")  # noqa: TRY004 - one kind of error for the caller
    values: dict[str, object] = {}
    for name, (hint, is_required) in fields_of(model).items():
        if name == ETAG and name not in document:
            values[name] = etag
        elif name in document:
            values[name] = decode(document[name], hint, f"{title}.{name}")
        elif is_required:
            raise ValueError(f"{title}.{name} is missing")
    return model(**values)


@functools.cache
def fields_of(model: Any) -> dict[str, tuple[Any, bool]]:
    """Return the fields of a dataclass by name: their types, and whether a document must have them."""
    hints = get_type_hints(model)
    return {each.name: (hints[each.name], each.default is dataclasses.MISSING) for each in dataclasses.fields(model)}


def decode(value: Any, hint: Any, where: str) -> Any:
    """Return the value as its type says; raise ValueError, naming the place, if it does not fit."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        if value is None and type(None) in inside:
            return None
        (hint,) = [each for each in inside if each is not type(None)]
        return decode(value, hint, where)
    if origin is tuple:
        return tuple(decode(each, inside[0], where) for each in proven(value, list, where))
    if origin is Literal:
        # A newer server may know more words than this client.
        return proven(value, str, where)
    if origin is not None:
        return {key: decode(each, inside[1], where) for key, each in proven(value, Mapping, where).items()}
    return decode_simple(value, hint, where)


def decode_simple(value: Any, hint: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return decode_model(hint, value)  # type: ignore[arg-type]
    if hint is datetime:
        return datetime.fromisoformat(proven(value, str, where))
    if hint is Any or (hint is float and type(value) is int):
        return value
    # True is an int in Python, but not in JSON.
    return proven(value, hint, where) if hint is bool or not isinstance(value, bool) else proven(None, hint, where)


def proven(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} has an unexpected type")  # noqa: TRY004 - one kind of error for the caller
    return value


def document_of(value: Any) -> dict[str, Any]:
    """Return a dataclass of the client as the JSON document that the server sent, without its ETag."""
    return {
        each.name: encode(getattr(value, each.name)) for each in dataclasses.fields(value) if each.name != ETAG
    }  # fmt: skip


def encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {key: encode(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encode(each) for each in value]
    return document_of(value) if dataclasses.is_dataclass(value) else value
