"""Values as pickles, for apps that choose it and sign."""

from __future__ import annotations

from typing import Any, ClassVar

from pynenc.exceptions import ConfigError, SerializationError
from pynenc.serializer.base_serializer import BaseSerializer
from pynenc.serializer.limits import Limits
from pynenc.serializer.signing import KeyRing

__all__ = ["PickleSerializer"]


class PickleSerializer(BaseSerializer):
    """Any object that :mod:`pickle` takes.

    Whoever can write a pickle can run code where it is read. So one is only read when its signature
    is proved, or when nothing outside this process can have written it.

    :param signing_key: as for :class:`~pynenc.serializer.base_serializer.BaseSerializer`.
    :param memory_only: nothing that this serializer reads comes from outside this process.
    :param limits: bounds on the size.
    :raises ConfigError: neither a signing key nor ``memory_only``.
    """

    format_tag: ClassVar[bytes] = b"P"

    def __init__(
        self,
        signing_key: bytes | str | KeyRing | None = None,
        *,
        memory_only: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if signing_key is None and not memory_only:
            raise ConfigError(
                f"{type(self).__name__} needs a signing key on an engine that other processes can write to: "
                "set one of at least 16 bytes, or use JsonSerializer"
            )
        super().__init__(signing_key, limits=limits)

    def serialize(self, obj: Any) -> bytes:
        """Pickle ``obj``, signed when there is a key.

        :raises SerializationError: it cannot be pickled.
        """
        return self.encode(obj)

    def deserialize(self, data: bytes) -> Any:
        """Read what :meth:`serialize` wrote, after its signature.

        :raises UntrustedPayloadError: the signature is missing or wrong.
        :raises SerializationError: the pickle cannot be read.
        """
        return self.decode(data)

    def _dumps(self, value: Any) -> bytes:
        import pickle

        return pickle.dumps(value, protocol=5)

    def _write(self, value: Any, path: str) -> bytes:
        try:
            return self._dumps(value)
        except Exception as error:
            reason = f"{type(value).__qualname__} cannot be pickled: {type(error).__name__}: {error}"
            raise SerializationError(path, reason) from error

    def _read(self, payload: memoryview, annotation: Any, path: str) -> Any:
        import pickle

        try:
            return pickle.loads(payload)
        except Exception as error:
            reason = f"the pickle cannot be read here: {type(error).__name__}: {error}"
            raise SerializationError(path, reason) from error
