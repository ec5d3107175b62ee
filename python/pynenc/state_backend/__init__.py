"""State backends: what became of invocations."""

from pynenc.model.records import InvocationHistory
from pynenc.state_backend.base_state_backend import BaseStateBackend
from pynenc.state_backend.mem_state_backend import MemStateBackend
from pynenc.state_backend.redis_state_backend import RedisStateBackend

__all__ = ["BaseStateBackend", "InvocationHistory", "MemStateBackend", "RedisStateBackend"]
