from __future__ import annotations

import errno
import json
import pickle
import subprocess
import sys
import types
from itertools import pairwise

import pytest

from pynenc.exceptions import (
    ConcurrencyRetryError,
    CycleDetectedError,
    InvocationNotFoundError,
    PynencError,
    RemoteTaskError,
    RetryError,
    SerializationError,
    WorkerLostError,
)
from pynenc.model.outcome import ErrorRecord, decode_error, encode_error
from pynenc.serializer import JsonSerializer

JSON = JsonSerializer()


def travel(error: BaseException) -> Exception:
    """Raise it, so that it has a traceback, and send it through the wire."""
    try:
        raise error
    except BaseException as caught:
        data = JSON.encode(encode_error(caught).to_data())
    return decode_error(ErrorRecord.from_data(JSON.decode(data)))


PLAIN = [
    ValueError(),
    ValueError("text"),
    ValueError("a", 1, (2, 3), {"k": [b"x", None]}, {4}),
    KeyError("missing"),
    KeyError((1, 2)),
    IndexError("i"),
    TypeError("t"),
    ZeroDivisionError("division by zero"),
    RuntimeError("é\ud800"),
    RecursionError("deep"),
    BufferError(),
    AssertionError("a"),
    StopIteration(5),
    StopAsyncIteration("x"),
    TimeoutError("late"),
    MemoryError(),
    UserWarning("w"),
    DeprecationWarning("d"),
    UnicodeDecodeError("utf-8", b"\xff\x00", 0, 1, "invalid start byte"),
    UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"),
    UnicodeTranslateError("é", 0, 1, "no"),
    OSError("only text"),
    OSError(errno.ENOENT, "No such file", "/tmp/x"),
    OSError(errno.EPERM, "no", "a", None, "b"),
    FileNotFoundError(errno.ENOENT, "No such file"),
    FileNotFoundError("only text"),
    ConnectionResetError(errno.ECONNRESET, "reset"),
    BlockingIOError(errno.EAGAIN, "wait", 7),
    ImportError("no", name="mod", path="/p"),
    ModuleNotFoundError("no", name="mod"),
    AttributeError("no x", name="x"),
    NameError("no y", name="y"),
    UnboundLocalError("no z"),
    SyntaxError("bad", ("f.py", 1, 2, "x =", 1, 3)),
    IndentationError("bad", ("f.py", 1, 2, "x =", 1, 3)),
    SyntaxError("only text"),
]
FIELDS = ("errno", "strerror", "filename", "filename2", "characters_written", "name", "path", "value", "msg", "lineno")
FIELDS += ("offset", "text", "end_lineno", "end_offset", "encoding", "object", "start", "end", "reason")


def fields_of(error):
    found = {}
    for name in FIELDS:
        try:
            found[name] = getattr(error, name)
        except AttributeError:
            continue
    return found


@pytest.mark.parametrize("error", PLAIN, ids=[f"{at}-{type(each).__name__}" for at, each in enumerate(PLAIN)])
def test_builtin_exceptions_come_back_with_their_own_fields(error):
    came = travel(error)
    assert type(came) is type(error)
    assert came.args == error.args
    assert str(came) == str(error)
    assert fields_of(came) == fields_of(error)


def test_the_remote_traceback_hangs_on_it_as_a_note():
    came = travel(ValueError("here"))
    assert came.__notes__[-1].startswith("Traceback where it happened:\nTraceback (most recent call last)")
    assert "raise error" in came.__notes__[-1]


def test_notes_travel_and_remote_ones_do_not_pile_up():
    error: BaseException = ValueError("x")
    error.add_note("mine")
    sizes = []
    for _ in range(6):
        error = travel(error)
        sizes.append(len(error.__notes__[-1]))
    assert error.__notes__[0] == "mine"
    assert len(error.__notes__) == 2
    assert max(b - a for a, b in pairwise(sizes)) < 2_000


class CustomError(Exception):
    def __init__(self, code: int, detail: str) -> None:
        raise_if_rebuilding()
        super().__init__(f"{code}: {detail}")
        self.code = code


rebuilding = False


def raise_if_rebuilding():
    if rebuilding:
        raise AssertionError("__init__ was called")


class CustomOsError(OSError):
    def __init__(self, number, text, extra):
        super().__init__(number, text)
        self.extra = extra


class PlainOsError(OSError):
    pass


class CustomKeyError(KeyError):
    pass


class CustomGroup(ExceptionGroup):
    pass


class CustomRetryError(RetryError):
    pass


class Outer:
    class InnerError(Exception):
        pass


def test_a_loaded_class_comes_back_without_its_init(monkeypatch):
    error = CustomError(7, "bad")
    monkeypatch.setitem(globals(), "rebuilding", True)
    came = travel(error)
    assert type(came) is CustomError
    assert came.args == ("7: bad",)
    assert str(came) == "7: bad"
    assert not hasattr(came, "code")


@pytest.mark.parametrize(
    "error",
    [
        CustomOsError(2, "no", "x"),
        PlainOsError(2, "no", "file"),
        CustomKeyError("k"),
        CustomRetryError("again"),
        Outer.InnerError(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_loaded_subclasses_keep_the_fields_of_their_builtin_base(error):
    came = travel(error)
    assert type(came) is type(error)
    assert came.args == error.args
    assert str(came) == str(error)
    assert fields_of(came) == fields_of(error)


@pytest.mark.parametrize(
    "error",
    [
        PynencError("x", 1),
        RetryError(),
        ConcurrencyRetryError("busy"),
        InvocationNotFoundError("id", "gone"),
        WorkerLostError("id", "killed"),
        CycleDetectedError(["a", "b"]),
        SerializationError("args.x", "no"),
        RemoteTaskError("m.E", "text", (1, "a"), "tb"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_pynenc_come_back(error):
    came = travel(error)
    assert type(came) is type(error)
    assert came.args == error.args
    assert {**vars(came), "__notes__": None} == {**vars(error), "__notes__": None}
    assert str(came) == str(error)


def test_a_class_that_is_not_loaded_comes_back_as_a_remote_error():
    record = ErrorRecord("some_package.not_loaded", "TheirError", (1, "a"), "their text", "their traceback")
    came = decode_error(record)
    assert type(came) is RemoteTaskError
    assert came.type_name == "some_package.not_loaded.TheirError"
    assert (came.message, came.remote_args, came.traceback_text) == ("their text", (1, "a"), "their traceback")
    assert "some_package" not in sys.modules


def test_a_local_class_comes_back_as_a_remote_error():
    class LocalError(Exception):
        pass

    came = travel(LocalError("x"))
    assert type(came) is RemoteTaskError
    assert came.type_name.endswith("<locals>.LocalError")
    assert came.remote_args == ("x",)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("b")], ids=repr)
def test_what_ends_a_worker_does_not_end_the_reader(error):
    came = travel(error)
    assert type(came) is RemoteTaskError
    assert came.type_name == f"builtins.{type(error).__name__}"
    assert came.remote_args == error.args


HOSTILE_NAMES = [
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "SystemExit"),
    ("builtins", "object"),
    ("sys", "modules"),
    ("os", "path.join"),
    ("os", ""),
    ("", ""),
    ("..", "x"),
    ("pynenc.exceptions", "_AboutInvocation.__init__"),
    ("pynenc.exceptions", "Any"),
    ("subprocess", "Popen"),
    (__name__, "Outer"),
    (__name__, "Outer.__class__"),
    (__name__, "CustomError.__init__"),
    (__name__, "CustomError.__mro__"),
]


@pytest.mark.parametrize(("module", "qualname"), HOSTILE_NAMES)
def test_names_of_anything_else_are_never_called(module, qualname):
    came = decode_error(ErrorRecord(module, qualname, ("echo hostile",), "m"))
    assert type(came) is RemoteTaskError


def test_looking_for_a_class_runs_no_code_of_a_module(monkeypatch):
    class Lazy(types.ModuleType):
        def __getattribute__(self, name):
            raise AssertionError(name)

    module = Lazy("lazy_module")
    plain = types.ModuleType("plain_module")
    plain.__dict__["__getattr__"] = lambda name: pytest.fail(name)
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    monkeypatch.setitem(sys.modules, "plain_module", plain)
    monkeypatch.setitem(sys.modules, "no_module", object())
    for name in ("lazy_module", "plain_module", "no_module"):
        assert type(decode_error(ErrorRecord(name, "E.F"))) is RemoteTaskError


class PickyNewError(Exception):
    def __new__(cls, *args):
        if args == ("bad",):
            raise RuntimeError("not this")
        if args == ("other",):
            return ValueError("another class")
        return super().__new__(cls, *args)


def test_a_class_that_cannot_be_made_comes_back_as_a_remote_error():
    for text in ("bad", "other"):
        assert type(decode_error(ErrorRecord(__name__, "PickyNewError", (text,), text))) is RemoteTaskError
    assert type(decode_error(ErrorRecord(__name__, "PickyNewError", ("fine",)))) is PickyNewError


@pytest.mark.parametrize(
    ("qualname", "args"),
    [
        ("UnicodeDecodeError", ("utf-8", "text", 0, 1, "r")),
        ("UnicodeDecodeError", ()),
        ("UnicodeEncodeError", (1, 2, 3, 4, 5)),
        ("SyntaxError", ("m", (1,))),
        ("ExceptionGroup", (1,)),
        ("ExceptionGroup", ("empty",)),
    ],
)
def test_wrong_args_of_a_builtin_come_back_as_a_remote_error(qualname, args):
    assert type(decode_error(ErrorRecord("builtins", qualname, args))) is RemoteTaskError


def test_groups_come_back_with_their_members():
    error = ExceptionGroup("all", [ValueError(1), ExceptionGroup("some", [KeyError("k")]), CustomKeyError("c")])
    error.add_note("n")
    came = travel(error)
    assert type(came) is ExceptionGroup
    assert came.message == "all"
    assert [type(each) for each in came.exceptions] == [ValueError, ExceptionGroup, CustomKeyError]
    assert came.exceptions[1].exceptions[0].args == ("k",)
    assert type(travel(CustomGroup("c", [ValueError()]))) is CustomGroup
    assert type(travel(BaseExceptionGroup("b", [SystemExit()]))) is RemoteTaskError


def test_a_large_group_says_what_was_left_out():
    came = travel(ExceptionGroup("many", [ValueError(n) for n in range(500)]))
    assert len(came.exceptions) == 128
    assert "372 more exceptions" in came.__notes__[0]


def test_causes_and_contexts_travel_three_deep():
    def chain(depth):
        try:
            if not depth:
                raise ValueError(depth)
            chain(depth - 1)
        except (ValueError, KeyError) as error:
            raise KeyError(depth) from error

    with pytest.raises(KeyError) as caught:
        chain(5)
    came = travel(caught.value)
    kinds = []
    error = came.__cause__ or came.__context__
    while error is not None:
        kinds.append(type(error))
        error = error.__cause__ or error.__context__
    assert kinds == [KeyError] * 3
    assert came.__suppress_context__


def test_from_none_stays_from_none():
    def body():
        try:
            raise ValueError("inner")
        except ValueError:
            raise KeyError("outer") from None

    with pytest.raises(KeyError) as caught:
        body()
    came = decode_error(encode_error(caught.value))
    assert came.__suppress_context__
    assert came.__cause__ is None
    assert came.__context__ is None


def test_a_circle_of_causes_ends():
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first
    assert type(decode_error(encode_error(first))) is ValueError


class UnprintableError(Exception):
    def __str__(self):
        raise SystemExit

    def __repr__(self):
        raise RuntimeError("no repr")


class Odd:
    def __repr__(self):
        raise ValueError("no")


def test_an_exception_that_cannot_be_printed_still_travels():
    came = travel(UnprintableError(Odd(), 1))
    assert type(came) is UnprintableError
    assert came.args == ("<unprintable Odd object>", 1)
    record = encode_error(UnprintableError())
    assert record.message == "<unprintable UnprintableError object>"


def test_odd_notes_are_left_out():
    error = ValueError()
    error.__notes__ = 5  # type: ignore[assignment]
    assert travel(error).__notes__[0].startswith("Traceback")
    error.__notes__ = [1, "text"]  # type: ignore[list-item]
    assert encode_error(error).notes == ("text",)


def test_sizes_are_bounded():
    loop: list[object] = []
    loop.append(loop)
    error = ValueError("x" * 10_000_000, [0] * 1_000_000, loop, b"y" * 5_000_000)
    error.add_note("n" * 1_000_000)
    data = JSON.encode(encode_error(error).to_data())
    assert len(data) < 1_000_000
    assert type(decode_error(ErrorRecord.from_data(JSON.decode(data)))) is ValueError


def test_args_are_copied_when_they_leave():
    part = [1]
    record = encode_error(ValueError(part))
    part.append(2)
    assert record.args == ([1],)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("args"),
        lambda data: data.update(extra=1),
        lambda data: data.update(module=1),
        lambda data: data.update(args="text"),
        lambda data: data.update(notes=[1]),
        lambda data: data.update(fields=[]),
        lambda data: data.update(fields={1: 2}),
        lambda data: data.update(cause={}),
        lambda data: data.update(members=5),
        lambda data: data.update(members=[None]),
        lambda data: data.update(members=[{}] * 129),
        lambda data: data.update(cause_explicit="yes"),
    ],
    ids=map(str, range(12)),
)
def test_a_damaged_record_is_refused(change):
    data = encode_error(ValueError("x")).to_data()
    change(data)
    with pytest.raises(SerializationError):
        ErrorRecord.from_data(data)


def test_a_record_is_plain_data():
    record = encode_error(ValueError("x"))
    assert pickle.loads(pickle.dumps(record)) == record
    assert ErrorRecord.from_data(record.to_data()) == record
    with pytest.raises(SerializationError):
        ErrorRecord.from_data(None)


def test_loading_it_imports_no_traceback_printer():
    code = "import sys, pynenc.model.outcome as _; print(sorted({'traceback', 'json', 'msgspec'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


IN_MAIN = """
import json, sys
from pynenc.model.outcome import ErrorRecord, decode_error, encode_error

class Broken(Exception):
    pass

if len(sys.argv) > 1:
    error = decode_error(ErrorRecord.from_data(json.loads(sys.argv[1])))
    assert type(error) is Broken, repr(error)
else:
    print(json.dumps(encode_error(Broken("by program")).to_data()))
"""


def test_an_error_of_the_program_itself_comes_back_as_its_own(tmp_path):
    """The program has the name `__main__`, and a worker that imports it knows it by its file's."""
    (tmp_path / "shop.py").write_text(IN_MAIN, "utf-8")
    as_program = [sys.executable, str(tmp_path / "shop.py")]
    as_module = [sys.executable, "-c", "import shop"]

    def run(command, *arguments):
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)

    for raised_in, read_in in ((as_program, as_program), (as_module, as_program), (as_program, as_module)):
        record = run(raised_in).stdout.strip()
        assert json.loads(record)["module"] == "shop"
        read = run(read_in, record)
        assert read.returncode == 0, read.stderr
