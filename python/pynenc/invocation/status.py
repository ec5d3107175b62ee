"""Where an invocation stands."""

from pynenc.model.status import InvocationStatus

__all__ = ["InvocationStatus"]
