"""Settings of an orchestrator."""

from __future__ import annotations

from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_field import ConfigField


class ConfigOrchestrator(ConfigPynencBase):
    """How calls that depend on each other are treated.

    :cvar bool cycle_control:
        Waiting for a call equal to one in the chain of waiting ancestors is an error, too. A circle of invocations
        that wait for each other always is.
    :cvar bool blocking_control:
        Accepted, without effect: invocations that others wait for are always run before the rest.
    :cvar float auto_final_invocation_purge_hours:
        Accepted, without effect: ``keep_results_seconds`` says how long finished invocations are kept.
    """

    cycle_control = ConfigField(True)
    blocking_control = ConfigField(True)
    auto_final_invocation_purge_hours = ConfigField(24.0, unit="hours", minimum=0)
