"""Settings of a state backend."""

from __future__ import annotations

from pynenc.conf.config_base import ConfigPynencBase


class ConfigStateBackend(ConfigPynencBase):
    """How invocations are stored; there is nothing to set for all state backends alike."""
