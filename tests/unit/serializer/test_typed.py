from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NewType, Protocol, TypedDict, TypeVar

import msgspec
import pytest

from pynenc.exceptions import SerializationError
from pynenc.serializer import JsonSerializer, Limits
from pynenc.serializer.round_trip import round_trip

JSON = JsonSerializer()
T = TypeVar("T")


class Color(enum.Enum):
    RED = 1
    GREEN = ("g", 2)


class Shade(enum.Enum):
    DARK = 1


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    FAST = "fast"


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: float = 0.0


@dataclass
class Tree:
    value: Any
    children: list[Tree] = field(default_factory=list)
    when: datetime | None = None


@dataclass
class Derived:
    radius: float
    count: ClassVar[int] = 0
    area: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise ValueError("negative radius")
        self.radius *= 2
        self.area = self.radius * 3
        self.hidden = "derived"


@dataclass
class Box(Generic[T]):
    content: T
    more: list[T]


class Pair(NamedTuple):
    left: int
    right: Point


class Struct(msgspec.Struct, frozen=True):
    a: int
    pair: Pair


class Cat(msgspec.Struct, tag=True):
    name: str


class Dog(msgspec.Struct, tag=True):
    name: str


@dataclass
class Other:
    x: int
    y: float


class Typed(TypedDict):
    point: Point
    plain: int


class Shape(Protocol):
    x: int


UserPoint = NewType("UserPoint", Point)
P = Point(1, 2.0)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (P, Point),
        (P, Point | None),
        (P, Annotated[Point, "note"]),
        (P, UserPoint),
        (P, int | Point | str),
        ([P], list[Point]),
        ((P, P), tuple[Point, ...]),
        ((1, P, Color.RED), tuple[int, Point, Color]),
        ([P], Sequence[Point]),
        ({P}, set[Point]),
        (frozenset({P}), frozenset[Point]),
        ({"a": P}, dict[str, Point]),
        ({"a": [P]}, Mapping[str, list[Point]]),
        ({P: P}, dict[Point, Point]),
        ({"point": P, "plain": 1}, Typed),
        (Tree(1, [Tree("a"), Tree((1, 2), when=datetime(2024, 1, 1, tzinfo=UTC))]), Tree),
        (Box(P, [P]), Box[Point]),
        (Pair(1, P), Pair),
        ([Pair(1, P)], list[Pair | None]),
        (Struct(1, Pair(2, P)), Struct),
        (Dog("rex"), Cat | Dog),
        (Color.RED, Color),
        (Color.GREEN, Color | None),
        (Color.RED, Literal[Color.RED, "x"]),
        (Level.LOW, Level),
        (Mode.FAST, Mode),
        (Flags.A | Flags.B, Flags),
        ({Mode.FAST: Level.LOW}, dict[Mode, Level]),
        ([1, "a", P], list[int | str | Point]),
    ],
    ids=str,
)
def test_a_typed_value_comes_back_as_the_annotation_declares(value, annotation):
    came = round_trip(value, JSON, annotation)
    assert came == value
    assert type(came) is type(value)
    assert repr(came) == repr(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (P, {"x": 1, "y": 2.0}),
        ([Color.RED], [1]),
        (Mode.FAST, "fast"),
        (Pair(1, P), (1, {"x": 1, "y": 2.0})),
        (Struct(1, Pair(2, P)), {"a": 1, "pair": (2, {"x": 1, "y": 2.0})}),
    ],
)
@pytest.mark.parametrize("annotation", [None, Any, object, T])
def test_without_an_annotation_it_comes_back_as_plain_data(value, plain, annotation):
    assert round_trip(value, JSON, annotation) == plain


@pytest.mark.parametrize("annotation", [dict, dict[str, Any], Mapping[str, Any], dict[str, Any] | None], ids=str)
def test_an_annotation_may_ask_for_the_plain_dict(annotation):
    assert round_trip(P, JSON, annotation) == {"x": 1, "y": 2.0}


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("text", int),
        (3, float),
        ((1, 2), list[int]),
        ([1], tuple[int]),
        ({"x": 1, "y": 0.5}, Point),
        (None, int),
        (1, Color),
    ],
)
def test_annotations_do_not_change_values_that_need_none(value, annotation):
    came = round_trip(value, JSON, annotation)
    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        (P, int, "annotation says int"),
        (P, Shape, "annotation says Shape"),
        (P, Tree, "annotation says Tree"),
        (P, Point | Other, "fits each of Point | Other"),
        (Color.RED, list, "annotation says list"),
        (Color.RED, Color | Shade, "member of each of Color | Shade"),
        (Color.GREEN, Shade, "is not a member of Shade"),
    ],
)
def test_a_value_that_the_annotation_cannot_hold_is_an_error_with_its_path(value, annotation, message):
    with pytest.raises(SerializationError) as caught:
        round_trip({"k": value}, JSON, dict[str, annotation], "args.p")
    assert caught.value.path == "args.p.k"
    assert message in caught.value.message


def test_a_set_of_records_needs_an_annotation():
    with pytest.raises(SerializationError, match="an annotation says which class to rebuild"):
        round_trip({P}, JSON)


def test_derived_attributes_are_there_and_sent_fields_win():
    sent = Derived(2.0)
    came = round_trip(sent, JSON, Derived)
    assert (came.radius, came.area, came.hidden) == (4.0, 12.0, "derived")
    assert came == sent


def test_the_checks_of_a_class_run_when_it_is_rebuilt():
    sent = Derived(1.0)
    sent.radius = -1.0
    with pytest.raises(SerializationError, match=r"Derived refuses its fields: ValueError: negative radius"):
        round_trip(sent, JSON, Derived)


@dataclass
class WithInitVar:
    a: int
    seed: InitVar[int]

    def __post_init__(self, seed: int) -> None:
        self.a += seed


@dataclass
class Rows(list):  # type: ignore[type-arg]
    name: str = ""


@pytest.mark.parametrize("value", [WithInitVar(1, 2), Rows("x")])
def test_records_that_hold_more_than_their_fields_are_refused_at_the_caller(value):
    with pytest.raises(SerializationError):
        JSON.encode(value)


def test_a_record_without_one_of_its_fields_is_refused_at_the_caller():
    broken = Tree(1)
    del broken.value
    with pytest.raises(SerializationError, match="lacks a field"):
        JSON.encode(broken)


def test_unresolvable_annotations_of_a_class_are_named():
    @dataclass
    class Local:
        x: Missing  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(SerializationError, match=r"annotations of .*Local cannot be resolved"):
        round_trip(Local(1), JSON, Local)


@dataclass
class Left:
    child: Left | Right | None


@dataclass
class Right:
    child: Left | Right | None


def test_ambiguous_classes_inside_one_another_do_not_explode():
    text = '{"$obj":{"child":' * 60 + "null" + "}}" * 60
    small = JsonSerializer(limits=Limits(max_items=1_000))
    with pytest.raises(SerializationError):
        small.decode(b"J" + text.encode(), Left | Right)


def test_data_cannot_choose_a_class_outside_the_annotation():
    for text in ('{"$obj":{"__class__":"os.system","x":1,"y":2}}', '{"$obj":{"x":1,"y":2,"type":"Tree"}}'):
        with pytest.raises(SerializationError, match="annotation says Point"):
            JSON.decode(b"J" + text.encode(), Point)


def test_pydantic_models_come_back_checked():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        size: int = pydantic.Field(alias="Size", gt=0)
        points: tuple[Point, ...] = ()

    class Open(pydantic.BaseModel, extra="allow"):
        a: int

    class Root(pydantic.RootModel[list[int]]):
        pass

    for value in (Model(Size=3, points=(P,)), Open(a=1, b=2), Root([1, 2])):
        assert round_trip([value], JSON, list[type(value)]) == [value]
    with pytest.raises(SerializationError, match="Model refuses its fields"):
        JSON.decode(b'J{"$obj":{"size":-1,"points":{"$tuple":[]}}}', Model)


def test_attrs_classes_come_back_checked():
    attrs = pytest.importorskip("attrs")

    @attrs.frozen
    class Account:
        _owner: str
        point: Point
        limit: int = attrs.field(default=1, validator=attrs.validators.gt(0))

    value = Account("me", P)
    came = round_trip(value, JSON, Account)
    assert came == value
    assert came.point == P
    with pytest.raises(SerializationError, match="Account refuses its fields"):
        JSON.decode(b'J{"$obj":{"_owner":"x","point":null,"limit":0}}', Account)
