"""Settings of a broker."""

from __future__ import annotations

from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_field import ConfigField


class ConfigBroker(ConfigPynencBase):
    """How work is queued.

    :cvar float queue_timeout_sec:
        Accepted, without effect: workers are woken when there is work, and never poll for it.
    """

    queue_timeout_sec = ConfigField(0.1, unit="seconds", minimum=0)
