"""Values with named fields: dataclasses, attrs classes, msgspec structs and pydantic models; and enums.

Taken apart into plain fields when written, and rebuilt as the class that the reader's own annotation declares.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, get_args

from pynenc.serializer.annotations import Hint, class_of, is_literal

__all__ = ["RecordKind", "enum_classes", "fields_of", "record_kind"]

_OWN_CONTENT = (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, BaseException, type)


class RecordKind(NamedTuple):
    """How values of one class are taken apart and put together.

    :param names: the fields, in order.
    :param tag: name and value of the field that tells a tagged struct from its siblings.
    :param open: whether a value may have more fields than these.
    :param build: makes a value from its fields; raises what the class raises on bad ones.
    """

    names: tuple[str, ...]
    tag: tuple[str, Any] | None
    open: bool
    build: Callable[[dict[str, Any]], Any]

    def fits(self, keys: set[str], tag_of: Callable[[str], Any]) -> bool:
        """Whether a value with these keys can be of this class."""
        expected = set(self.names)
        if self.tag is not None:
            expected.add(self.tag[0])
            if self.tag[0] not in keys or tag_of(self.tag[0]) != self.tag[1]:
                return False
        return keys == expected or (self.open and keys > expected)


def record_kind(kind: type) -> RecordKind | None:
    """How to handle the values of a class; ``None`` when it is not a record.

    :raises TypeError: it is one, of a form that is not carried.
    """
    if hasattr(kind, "__dataclass_fields__"):
        return _dataclass_kind(kind)
    if hasattr(kind, "__struct_fields__"):
        return _struct_kind(kind)
    if hasattr(kind, "__attrs_attrs__"):
        return _attrs_kind(kind)
    if hasattr(kind, "__pydantic_validator__") and hasattr(kind, "model_fields"):
        return _pydantic_kind(kind)
    return None


def fields_of(value: Any, kind: RecordKind) -> dict[str, Any]:
    """Fields of a record of that kind, by name.

    :raises AttributeError: a field was deleted.
    """
    fields = {name: getattr(value, name) for name in kind.names}
    if kind.open:
        fields.update(value.__pydantic_extra__ or {})
    if kind.tag is not None:
        fields[kind.tag[0]] = kind.tag[1]
    return fields


def enum_classes(hint: Hint) -> list[type[Enum]]:
    """The enums that an annotation allows."""
    found: dict[type[Enum], None] = {}
    for alternative in hint:
        kinds = [class_of(alternative)]
        if is_literal(alternative):
            kinds = [type(choice) for choice in get_args(alternative)]
        found.update((kind, None) for kind in kinds if kind is not None and issubclass(kind, Enum))
    return list(found)


def _refuse_own_content(kind: type) -> None:
    if issubclass(kind, _OWN_CONTENT):
        raise TypeError(f"{kind.__qualname__} holds more than its fields: it also is a built-in type")


def _restorer(kind: type, names: tuple[str, ...], finish: Callable[[Any], None]) -> Callable[[dict[str, Any]], Any]:
    """Build without ``__init__``: fields, then the class's own finishing step, then the fields once more.

    The step may check, or derive attributes that are not fields; it may not change what was sent.
    """

    def build(fields: dict[str, Any]) -> Any:
        value: Any = object.__new__(kind)
        for name in names:
            object.__setattr__(value, name, fields[name])
        finish(value)
        for name in names:
            object.__setattr__(value, name, fields[name])
        return value

    return build


def _nothing(value: Any) -> None:
    """The finishing step of a class that has none."""


def _dataclass_kind(kind: Any) -> RecordKind:
    _refuse_own_content(kind)
    declared = kind.__dataclass_fields__.values()
    names = tuple(field.name for field in declared if field._field_type.name == "_FIELD")
    after = getattr(kind, "__post_init__", None)
    if after is not None and any(field._field_type.name == "_FIELD_INITVAR" for field in declared):
        raise TypeError(f"{kind.__qualname__} has an InitVar, which no value of it keeps")
    return RecordKind(names, None, False, _restorer(kind, names, after or _nothing))


def _attrs_kind(kind: Any) -> RecordKind:
    _refuse_own_content(kind)
    declared = kind.__attrs_attrs__
    after = getattr(kind, "__attrs_post_init__", _nothing)

    def finish(value: Any) -> None:
        for field in declared:
            if field.validator is not None:
                field.validator(value, field, getattr(value, field.name))
        after(value)

    names = tuple(field.name for field in declared)
    return RecordKind(names, None, False, _restorer(kind, names, finish))


def _struct_kind(kind: Any) -> RecordKind:
    _refuse_own_content(kind)
    names: tuple[str, ...] = kind.__struct_fields__
    settings = kind.__struct_config__
    tag = None if settings.tag is None or settings.tag_field in names else (settings.tag_field, settings.tag)

    def build(fields: dict[str, Any]) -> Any:
        from msgspec.structs import force_setattr

        value = kind(**{name: fields[name] for name in names})
        for name in names:
            force_setattr(value, name, fields[name])
        return value

    return RecordKind(names, tag, False, build)


def _pydantic_kind(kind: Any) -> RecordKind:
    _refuse_own_content(kind)
    declared = kind.model_fields
    names = tuple(declared)
    keys = {name: _input_name(kind, name, field) for name, field in declared.items()}

    def build(fields: dict[str, Any]) -> Any:
        if getattr(kind, "__pydantic_root_model__", False):
            value: Any = kind.model_validate(fields["root"])
        else:
            value = kind.model_validate({keys.get(name, name): part for name, part in fields.items()})
        value.__dict__.update({name: fields[name] for name in names})
        return value

    return RecordKind(names, None, kind.model_config.get("extra") == "allow", build)


def _input_name(kind: Any, name: str, field: Any) -> str:
    """The key under which a pydantic model takes a field."""
    if kind.model_config.get("validate_by_alias") is False:
        return name
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    choices = getattr(alias, "choices", None)
    if choices:
        alias = choices[0]
    if alias is None or isinstance(alias, str):
        return alias or name
    raise TypeError(f"{kind.__qualname__}.{name} is read from a path inside another field, which is not carried")
