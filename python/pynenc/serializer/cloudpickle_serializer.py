"""Values as pickles that carry functions and classes by value."""

from __future__ import annotations

from typing import Any, ClassVar

from pynenc.serializer.pickle_serializer import PickleSerializer

__all__ = ["CloudpickleSerializer"]


class CloudpickleSerializer(PickleSerializer):
    """As :class:`~pynenc.serializer.pickle_serializer.PickleSerializer`, and also lambdas, local
    functions and classes of ``__main__``. Writer and reader need the same minor version of Python.
    """

    format_tag: ClassVar[bytes] = b"C"

    def _dumps(self, value: Any) -> bytes:
        import cloudpickle

        pickled: bytes = cloudpickle.dumps(value, protocol=5)
        return pickled
