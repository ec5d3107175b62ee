"""Settings of the runners."""

from __future__ import annotations

from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_field import ConfigField


class ConfigRunner(ConfigPynencBase):
    """What every runner has.

    :cvar int min_parallel_slots:
        The least number of bodies that a runner runs at the same time, whatever else is set.
    :cvar float grace_period_seconds:
        After a stop signal, how long running bodies may take to finish before their work is handed back.
    :cvar float invocation_wait_results_sleep_time_sec:
        Accepted, without effect: a wait is woken by its result, and never polls for it.
    :cvar float runner_loop_sleep_time_sec:
        Accepted, without effect: a runner is woken by work, and never polls for it.
    """

    min_parallel_slots = ConfigField(1, minimum=1)
    grace_period_seconds = ConfigField(25.0, unit="seconds", minimum=0)
    invocation_wait_results_sleep_time_sec = ConfigField(0.1, unit="seconds", minimum=0)
    runner_loop_sleep_time_sec = ConfigField(0.1, unit="seconds", minimum=0)


class ConfigThreadRunner(ConfigRunner):
    """What a runner of threads has.

    :cvar int min_threads:
        The least number of slots.
    :cvar int max_threads:
        The number of slots; 0 is one a CPU.
    :cvar int async_slots:
        How many ``async def`` bodies run at the same time, beside the slots.
    :cvar int final_invocation_cache_size:
        Accepted, without effect: no list of finished invocations is kept in the runner.
    """

    invocation_wait_results_sleep_time_sec = ConfigField(0.01, unit="seconds", minimum=0)
    runner_loop_sleep_time_sec = ConfigField(0.01, unit="seconds", minimum=0)
    min_threads = ConfigField(1, minimum=1)
    max_threads = ConfigField(0, minimum=0)
    async_slots = ConfigField(1_000, minimum=1)
    final_invocation_cache_size = ConfigField(10_000, minimum=0)
