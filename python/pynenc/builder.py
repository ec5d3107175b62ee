"""An application, built setting by setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pynenc.app import Pynenc
from pynenc.exceptions import ConfigError

if TYPE_CHECKING:
    from pynenc.conf.config_pynenc import ArgumentPrintMode
    from pynenc.conf.config_task import ConcurrencyControlType

_LEVELS = ("debug", "info", "warning", "error", "critical")
_SERIALIZERS = {"json": "JsonSerializer", "pickle": "PickleSerializer", "cloudpickle": "CloudpickleSerializer"}
_ARG_CACHES = {"memory": "MemArgCache", "disabled": "DisabledArgCache"}
_PROCESS_RUNNERS = {"MultiThreadRunner", "PersistentProcessRunner", "ProcessRunner"}


class _Settings:
    """Settings gathered so far."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def custom_config(self, **settings: Any) -> Self:
        """Set any settings by their names; wrong ones are refused when the application reads them."""
        self._values.update(settings)
        return self


class _RunnerSettings(_Settings):
    """What runs the bodies."""

    def thread_runner(self, min_threads: int = 1, max_threads: int = 0) -> Self:
        """Run bodies in threads of this process.

        :param min_threads: The least number of slots.
        :param max_threads: The number of slots; 0 is one a processor.
        """
        return self.custom_config(runner_cls="ThreadRunner", min_threads=min_threads, max_threads=max_threads)

    def dummy_runner(self) -> Self:
        """Run nothing here."""
        return self.custom_config(runner_cls="DummyRunner")

    def process_runner(self, num_processes: int = 0) -> Self:
        """Run each body in a process of its own.

        :param num_processes: How many at once; 0 is one a processor.
        """
        return self.custom_config(runner_cls="ProcessRunner", num_processes=num_processes)

    def multi_thread_runner(
        self,
        min_threads: int = 1,
        max_threads: int = 1,
        enforce_max_processes: bool = False,
        min_processes: int = 1,
        max_processes: int = 0,
    ) -> Self:
        """Run bodies in threads of several processes.

        :param min_threads: The least number of slots of a process.
        :param max_threads: The number of slots of a process; 0 is one a processor.
        :param enforce_max_processes: Always keep the greatest number of processes, instead of as many as there is
            work for.
        :param min_processes: The least number of processes.
        :param max_processes: The greatest number of processes; 0 is one a processor.
        """
        return self.custom_config(
            runner_cls="MultiThreadRunner",
            min_threads=min_threads,
            max_threads=max_threads,
            enforce_max_processes=enforce_max_processes,
            min_processes=min_processes,
            max_processes=max_processes,
        )

    def persistent_process_runner(self, num_processes: int = 0) -> Self:
        """Run bodies in long-lived processes, one at a time in each.

        :param num_processes: How many; 0 is one a processor.
        """
        return self.custom_config(runner_cls="PersistentProcessRunner", num_processes=num_processes)

    def recycling(self, max_tasks_per_child: int = 0, max_memory_per_child: int | str = 0) -> Self:
        """Have worker processes end, and others take their place.

        :param max_tasks_per_child: After so many bodies; 0 is never.
        :param max_memory_per_child: With more bytes of memory than that, or a size such as ``512MiB``; 0 is never.
        """
        return self.custom_config(max_tasks_per_child=max_tasks_per_child, max_memory_per_child=max_memory_per_child)

    def runner_tuning(
        self,
        runner_loop_sleep_time_sec: float = 0.01,
        invocation_wait_results_sleep_time_sec: float = 0.01,
        min_parallel_slots: int = 1,
    ) -> Self:
        """Set how many bodies run at least. The sleeps are accepted, without effect: nothing polls."""
        return self.custom_config(
            runner_loop_sleep_time_sec=runner_loop_sleep_time_sec,
            invocation_wait_results_sleep_time_sec=invocation_wait_results_sleep_time_sec,
            min_parallel_slots=min_parallel_slots,
        )

    def dev_mode(self, force_sync_tasks: bool = True) -> Self:
        """Run each body in the thread that first asks for its result, without engine and runner."""
        return self.custom_config(dev_mode_force_sync_tasks=force_sync_tasks)


class _PrintSettings(_Settings):
    """What is logged."""

    def logging_level(self, level: str) -> Self:
        """Set the least level that is logged: debug, info, warning, error or critical, in any case.

        :raises ValueError: on another one.
        """
        if level.lower() not in _LEVELS:
            raise ValueError(f"logging level {level!r}; accepted: {', '.join(_LEVELS)}")
        return self.custom_config(logging_level=level.lower())

    def argument_print_mode(self, mode: ArgumentPrintMode | str, truncate_length: int = 32) -> Self:
        """Set how much of the arguments is printed.

        :param mode: full, keys, truncated or hidden.
        :param truncate_length: How many characters of a value ``truncated`` prints.
        :raises ValueError: on another mode, or a length that is not positive.
        """
        from pynenc.conf.config_pynenc import ArgumentPrintMode

        chosen = _member(ArgumentPrintMode, mode, "argument_print_mode")
        if chosen is ArgumentPrintMode.TRUNCATED:
            if truncate_length <= 0:
                raise ValueError(f"truncate_length is {truncate_length}; accepted: 1 or more")
            self.custom_config(truncate_arguments_length=truncate_length)
        return self.custom_config(print_arguments=chosen is not ArgumentPrintMode.HIDDEN, argument_print_mode=chosen)

    def hide_arguments(self) -> Self:
        """Print nothing of the arguments."""
        return self.argument_print_mode("hidden")

    def show_argument_keys(self) -> Self:
        """Print the names of the arguments."""
        return self.argument_print_mode("keys")

    def show_full_arguments(self) -> Self:
        """Print names and values."""
        return self.argument_print_mode("full")

    def show_truncated_arguments(self, truncate_length: int = 32) -> Self:
        """Print names, and values cut to so many characters."""
        return self.argument_print_mode("truncated", truncate_length)


class PynencBuilder(_RunnerSettings, _PrintSettings):
    """Gathers settings; :meth:`build` makes the application. Each method but that one gives the builder."""

    def app_id(self, app_id: str) -> Self:
        """Name the application."""
        return self.custom_config(app_id=app_id)

    def memory(self) -> Self:
        """Keep work in this process."""
        return self.custom_config(engine="memory")

    def local(self, local_dir: str | None = None, keep: bool = False) -> Self:
        """Keep work in a private server that all processes of this machine share, and that is started when needed.

        :param local_dir: Directory above the data directories of applications; this user's own by default.
        :param keep: Leave the server running when no process uses it any more.
        """
        if local_dir is not None:
            self.custom_config(local_dir=local_dir)
        return self.custom_config(engine="local", local_keep=keep)

    def redis(self, url: str | None = None, db: int | None = None) -> Self:
        """Keep work on a Redis or Valkey server, which many machines share.

        :param url: Its address; else the settings say it.
        :param db: Which of its databases, instead of the one in the address.
        """
        if url is not None:
            self.custom_config(redis_url=f"{url}/{db}" if db else url)
        elif db is not None:
            self.custom_config(redis_db=db)
        return self.custom_config(engine="redis")

    def arg_cache(
        self,
        mode: str,
        min_size_to_cache: int = 1024,
        local_cache_size: int = 1024,
    ) -> Self:
        """Choose where large arguments are kept.

        :param mode: memory or disabled.
        :param min_size_to_cache: In bytes of the encoded argument.
        :param local_cache_size: How many of them.
        :raises ValueError: on another mode.
        """
        if mode not in _ARG_CACHES:
            raise ValueError(f"arg_cache mode {mode!r}; accepted: {', '.join(_ARG_CACHES)}")
        return self.custom_config(
            arg_cache_cls=_ARG_CACHES[mode], min_size_to_cache=min_size_to_cache, local_cache_size=local_cache_size
        )

    def task_control(
        self, cycle_control: bool = False, blocking_control: bool = False, queue_timeout_sec: float = 0.1
    ) -> Self:
        """Set how calls that depend on each other are treated; without arguments both controls are off."""
        return self.custom_config(
            cycle_control=cycle_control, blocking_control=blocking_control, queue_timeout_sec=queue_timeout_sec
        )

    def serializer(self, name: str) -> Self:
        """Choose the serializer: json, pickle or cloudpickle, or the name of a class.

        :raises ValueError: when it is none of them and does not end in ``Serializer``.
        """
        chosen = _SERIALIZERS.get(name.lower(), name)
        if not chosen.endswith("Serializer"):
            accepted = ", ".join(_SERIALIZERS)
            raise ValueError(f"serializer {name!r}; accepted: {accepted}, or a name ending in Serializer")
        return self.custom_config(serializer_cls=chosen)

    def concurrency_control(
        self,
        running_concurrency: ConcurrencyControlType | str | None = None,
        registration_concurrency: ConcurrencyControlType | str | None = None,
    ) -> Self:
        """Set the rules of tasks that set none: disabled, task, arguments or keys, in any case.

        :raises ValueError: on another one.
        """
        from pynenc.conf.config_task import ConcurrencyControlType

        rules = {"running_concurrency": running_concurrency, "registration_concurrency": registration_concurrency}
        for name, mode in rules.items():
            if mode is not None:
                self.custom_config(**{name: _member(ConcurrencyControlType, mode, name)})
        return self

    def max_pending_seconds(self, seconds: float) -> Self:
        """Accepted, without effect: leases bound how long a claim may stay unstarted."""
        return self.custom_config(max_pending_seconds=seconds)

    def build(self) -> Pynenc:
        """Make the application. The builder may go on; what it does later does not reach it.

        :raises ConfigError: when a runner is chosen whose processes could not reach the memory engine.
        """
        runner = self._values.get("runner_cls", "ThreadRunner")
        if runner in _PROCESS_RUNNERS and self._values.get("engine", "memory") == "memory":
            raise ConfigError(
                f"runner_cls is {runner!r}, which runs in other processes, and work of the memory engine lives in this "
                "one; accepted: ThreadRunner, DummyRunner, or another engine"
            )
        return Pynenc(config_values=dict(self._values))


def _member(kind: Any, value: Any, setting: str) -> Any:
    try:
        return kind(str(value).lower())
    except ValueError:
        accepted = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{setting} is {value!r}; accepted: {accepted}") from None
