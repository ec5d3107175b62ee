"""Settings of an argument cache."""

from __future__ import annotations

from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_field import ConfigField


class ConfigArgCache(ConfigPynencBase):
    """Which arguments are stored once and then sent by reference.

    :cvar int min_size_to_cache:
        An argument whose encoded form has at least so many bytes is cached; 0 caches every one. Over a server, one of
        up to 16 KiB travels with its call until the process meets it again, unless it is one of ``common_args``.
    :cvar int local_cache_size:
        How many arguments each process keeps at hand; the least recently used goes first.
    """

    min_size_to_cache = ConfigField(1_024, minimum=0)
    local_cache_size = ConfigField(1_024, minimum=0)
