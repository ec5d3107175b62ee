"""Argument caches: large arguments, kept once."""

from pynenc.arg_cache.base_arg_cache import BaseArgCache
from pynenc.arg_cache.disabled_arg_cache import DisabledArgCache
from pynenc.arg_cache.mem_arg_cache import MemArgCache
from pynenc.arg_cache.redis_arg_cache import RedisArgCache

__all__ = ["BaseArgCache", "DisabledArgCache", "MemArgCache", "RedisArgCache"]
