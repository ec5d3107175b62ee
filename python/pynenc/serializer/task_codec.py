"""What the core asks of Python when a call or a result travels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pynenc._core import TaskWire
from pynenc.serializer.json_serializer import JsonSerializer
from pynenc.serializer.signing import KeyRing, SigningContext

if TYPE_CHECKING:
    from pynenc.ports import AppPort
    from pynenc.serializer.base_serializer import BaseSerializer, Buffer

__all__ = ["TaskCodec", "make_port_wire", "make_wire"]


class TaskCodec:
    """Values of one task to bytes and back, each without a signature, and signatures over whole payloads.

    :param serializer: The application's.
    :param app_id: The application.
    :param task_id: The task.
    :param hints: Gives the resolved annotations, by parameter name and ``return``; asked when they are first needed.
    :param blobs_from: From how many bytes on a value travels by its digest; ``None``: never.
    :param inline: Parameters whose values never do; ``"*"`` for all.
    """

    def __init__(
        self,
        serializer: BaseSerializer,
        app_id: str,
        task_id: str,
        hints: Callable[[], Mapping[str, Any]],
        *,
        blobs_from: int | None = None,
        inline: Sequence[str] = (),
    ) -> None:
        self._serializer = serializer
        # Why a body failed is readable whatever serializer the application has.
        self._errors = JsonSerializer()
        self._app_id = app_id
        self._task_id = task_id
        self._hints = hints
        self.blobs_from = blobs_from
        self.inline = tuple(inline)

    @property
    def signed(self) -> bool:
        """Whether there is a key: then everything is signed, and nothing without a signature is read."""
        return self._serializer.keys is not None

    @property
    def native(self) -> bool:
        """Whether the core may write scalars in a form of its own: it is as closed as that of plain JSON."""
        return type(self._serializer) is JsonSerializer and not self.signed

    def write(self, value: Any, path: str, /) -> tuple[bytes, Buffer]:
        """Write a value: what says how it is read, and the rest.

        :raises SerializationError: naming the path of what cannot be written.
        """
        head, body = self._serializer.write_parts(value, path)
        return bytes(head), body

    def read(self, data: bytes, of: str, path: str, /) -> Any:
        """Read a value, as the annotation of the parameter ``of`` says, or of ``return``.

        :raises SerializationError: when it is damaged, or not what the annotation can hold.
        """
        return self._serializer.read_parts(memoryview(data), self._hints().get(of), path)

    def read_apart(self, head: bytes, content: memoryview, of: str, path: str, /) -> Any:
        """Read a value whose pieces came apart; arrays are views of the second.

        :raises SerializationError: as :meth:`read`.
        """
        return self._serializer.read_apart(head, content, self._hints().get(of), path)

    def write_error(self, error: BaseException, /) -> bytes:
        """Write what travels of an exception. Never fails."""
        from pynenc.exceptions import SerializationError
        from pynenc.model.error_record import encode_error

        record = encode_error(error)
        try:
            return b"".join(self._errors.write_parts(record.to_data(), "error"))
        except SerializationError:  # what it carries beside its text is too much of something
            bare = record._replace(args=(record.message,), fields={}, cause=None, members=())
            return b"".join(self._errors.write_parts(bare.to_data(), "error"))

    def read_error(self, data: bytes, /) -> Exception:
        """Rebuild an exception.

        :raises SerializationError: when it is damaged.
        """
        from pynenc.model.error_record import ErrorRecord
        from pynenc.model.outcome import decode_error

        return decode_error(ErrorRecord.from_data(self._errors.read_parts(memoryview(data), None, "error")))

    def sign(self, body: bytes, invocation_id: str, purpose: str, /) -> bytes:
        """Make the signature that goes before a payload."""
        return self._ring.sign((body,), self._context(invocation_id, purpose))

    def verify(self, data: bytes, invocation_id: str, purpose: str, /) -> int:
        """Check the signature of a payload; where the payload begins behind it.

        :raises UntrustedPayloadError: when there is none, or it was made for something else.
        """
        return len(data) - len(self._ring.verify(memoryview(data), self._context(invocation_id, purpose)))

    @property
    def _ring(self) -> KeyRing:
        ring = self._serializer.keys
        if ring is None:
            raise RuntimeError("there is no signing key")
        return ring

    def _context(self, invocation_id: str, purpose: str) -> SigningContext:
        return SigningContext(self._app_id, invocation_id, self._task_id, purpose)


def make_wire(
    app: AppPort,
    task_id: str,
    parameters: Sequence[tuple[str, int, bool, object]] = (),
    hints: Callable[[], Mapping[str, Any]] = dict,
    inline: Sequence[str] = (),
) -> TaskWire:
    """Make what the calls and results of a task travel by.

    :param parameters: Of its function; without them only results can be read.
    :param hints: Gives the resolved annotations; without them values come back as plain data.
    :param inline: Parameters whose values are never stored apart from the call; ``"*"`` for all.
    """
    serializer: Any = app.serializer
    blobs_from = app.arg_cache.blobs_from
    codec = TaskCodec(serializer, app.app_id, task_id, hints, blobs_from=blobs_from, inline=inline)
    return TaskWire(codec, task_id, parameters)


def make_port_wire(app_id: str) -> TaskWire:
    """Make what values travel by that no task stands for: tools give them to the engine itself."""
    return TaskWire(TaskCodec(JsonSerializer(), app_id, "", dict), "", ())
