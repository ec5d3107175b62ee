"""From settings to components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from pynenc._core import Runtime
from pynenc.context import current, pipeline
from pynenc.engine.registry import BEYOND_PROCESS, load_component, load_engine, stays_in_process
from pynenc.exceptions import ConfigError
from pynenc.runner.runtime_host import RuntimeHost

if TYPE_CHECKING:
    from pynenc.arg_cache.base_arg_cache import BaseArgCache
    from pynenc.broker.base_broker import BaseBroker
    from pynenc.orchestrator.base_orchestrator import BaseOrchestrator
    from pynenc.ports import AppPort, RunnerHostPort
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.serializer.base_serializer import BaseSerializer
    from pynenc.state_backend.base_state_backend import BaseStateBackend


def make_runtime(app: RunnerHostPort) -> Runtime:
    """Make the engine and what runs on it; later changes of settings reach it."""
    from pynenc.invocation.dist_invocation import DistributedInvocation, ReusedInvocation
    from pynenc.runner.worker.import_guard import refuse_while_importing

    refuse_while_importing()
    engine = load_engine(app.conf.engine)(app)
    runtime = Runtime(
        engine,
        invocation_type=DistributedInvocation,
        reused_type=ReusedInvocation,
        current=current,
        pipeline=pipeline,
        host=RuntimeHost(app),
    )
    _configure(app, runtime)
    known = ref(app)

    def changed(_field: str) -> None:
        owner = known()
        if owner is not None:
            _configure(owner, runtime)
        runtime.invalidate()

    app.conf.on_change(changed)
    app.orchestrator.conf.on_change(changed)
    return runtime


def _configure(app: RunnerHostPort, runtime: Runtime) -> None:
    conf = app.conf
    runtime.configure(
        inline_waits=conf.inline_waits,
        cycle_control=app.orchestrator.conf.cycle_control,
        auto_runner=conf.auto_runner and stays_in_process(conf.engine),
    )


def make_orchestrator(app: AppPort) -> BaseOrchestrator:
    """Make what ``orchestrator_cls`` names."""
    from pynenc.orchestrator.base_orchestrator import BaseOrchestrator

    made: BaseOrchestrator = _made(app, "orchestrator_cls", BaseOrchestrator)
    return made


def make_broker(app: AppPort) -> BaseBroker:
    """Make what ``broker_cls`` names."""
    from pynenc.broker.base_broker import BaseBroker

    made: BaseBroker = _made(app, "broker_cls", BaseBroker)
    return made


def make_state_backend(app: AppPort) -> BaseStateBackend:
    """Make what ``state_backend_cls`` names."""
    from pynenc.state_backend.base_state_backend import BaseStateBackend

    made: BaseStateBackend = _made(app, "state_backend_cls", BaseStateBackend)
    return made


def make_arg_cache(app: AppPort) -> BaseArgCache:
    """Make what ``arg_cache_cls`` names."""
    from pynenc.arg_cache.base_arg_cache import BaseArgCache

    made: BaseArgCache = _made(app, "arg_cache_cls", BaseArgCache)
    return made


def make_serializer(app: AppPort) -> BaseSerializer:
    """Make what ``serializer_cls`` names.

    :raises ConfigError: when it needs a signing key on this engine, and there is none.
    """
    from pynenc.serializer.base_serializer import BaseSerializer
    from pynenc.serializer.pickle_serializer import PickleSerializer

    conf = app.conf
    chosen = load_component("serializer_cls", conf.serializer_cls, BaseSerializer)
    key = conf.signing_key or None
    if issubclass(chosen, PickleSerializer):
        return chosen(key, memory_only=stays_in_process(conf.engine))
    made: BaseSerializer = chosen(key)
    return made


def make_runner(app: RunnerHostPort) -> BaseRunner:
    """Make what ``runner_cls`` names.

    :raises ConfigError: when it runs bodies in other processes and the engine lives in this one.
    """
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.runner.dummy_runner import DummyRunner

    conf = app.conf
    chosen = load_component("runner_cls", conf.runner_cls, BaseRunner)
    idle = issubclass(chosen, DummyRunner)
    if not idle and stays_in_process(conf.engine) and not chosen.mem_compatible():
        raise ConfigError(
            f"runner_cls is {conf.runner_cls!r}, which runs in other processes, and engine {conf.engine!r} "
            f"lives in this one; accepted: ThreadRunner, DummyRunner; or else {BEYOND_PROCESS}"
        )
    made: BaseRunner = chosen(app)
    return made


def _made(app: AppPort, setting: str, base: type[Any]) -> Any:
    conf = app.conf
    chosen = load_component(setting, getattr(conf, setting), base)
    if getattr(chosen, "in_process", None) not in {None, stays_in_process(conf.engine)}:
        raise ConfigError(
            f"{setting} is {chosen.__name__!r} from {conf.source_of(setting)}, which belongs to another engine than "
            f"{conf.engine!r} from {conf.source_of('engine')}: set only engine, and the rest follows"
        )
    return chosen(app)
