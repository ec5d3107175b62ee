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


class ConfigWorkerProcesses(ConfigRunner):
    """What every runner with worker processes has.

    :cvar int max_tasks_per_child:
        A worker process ends after so many bodies, and another takes its place; 0 is never.
    :cvar int max_memory_per_child:
        A worker process that has more bytes of memory than that after a body ends, and another takes its place; 0 is
        never. A size such as ``512MiB`` is accepted. Needs ``/proc``, which Linux has.
    """

    max_tasks_per_child = ConfigField(0, minimum=0)
    max_memory_per_child = ConfigField(0, unit="bytes", minimum=0)


class ConfigPersistentProcessRunner(ConfigThreadRunner, ConfigWorkerProcesses):
    """What a runner of long-lived processes has; each of them has one slot.

    :cvar int num_processes:
        The number of processes, which is the number of slots; 0 is one a CPU.
    """

    num_processes = ConfigField(0, minimum=0)


class ConfigMultiThreadRunner(ConfigThreadRunner, ConfigWorkerProcesses):
    """What a runner of processes with threads has.

    :cvar int max_threads:
        The number of slots of each process; 0 is one a CPU.
    :cvar int min_processes:
        The least number of processes.
    :cvar int max_processes:
        The greatest number of processes; 0 is one a CPU.
    :cvar float idle_timeout_process_sec:
        A process beyond ``min_processes`` ends when it has had nothing to run for so long.
    :cvar bool enforce_max_processes:
        Always keep ``max_processes``, whatever there is to do.
    """

    max_threads = ConfigField(1, minimum=0)
    min_processes = ConfigField(1, minimum=1)
    max_processes = ConfigField(0, minimum=0)
    idle_timeout_process_sec = ConfigField(4.0, unit="seconds", minimum=0)
    enforce_max_processes = ConfigField(True)


class ConfigProcessRunner(ConfigWorkerProcesses):
    """What a runner of a process an invocation has.

    :cvar int num_processes:
        How many bodies run at the same time, those that wait for others not counted; 0 is one a CPU.
    :cvar int standby_processes:
        How many processes are started ahead, so that a body need not wait for one; -1 is as many as may run.
    :cvar int process_limit:
        The greatest number of processes, those that wait included. Where all of them would wait for work that nobody
        is left to run, the last to wait gets an error.
    """

    num_processes = ConfigField(0, minimum=0)
    standby_processes = ConfigField(-1, minimum=-1)
    process_limit = ConfigField(128, minimum=2)
