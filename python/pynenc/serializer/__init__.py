"""Values to bytes and back."""

from pynenc.serializer.base_serializer import BaseSerializer, ReservedKeys
from pynenc.serializer.cloudpickle_serializer import CloudpickleSerializer
from pynenc.serializer.json_serializer import JsonSerializer
from pynenc.serializer.limits import Limits
from pynenc.serializer.pickle_serializer import PickleSerializer
from pynenc.serializer.signing import KeyRing, SigningContext

__all__ = [
    "BaseSerializer",
    "CloudpickleSerializer",
    "JsonSerializer",
    "KeyRing",
    "Limits",
    "PickleSerializer",
    "ReservedKeys",
    "SigningContext",
]
