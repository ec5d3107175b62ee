"""Settings: every config class is loaded with the package, so that each source is checked against all of them."""

from __future__ import annotations

from pynenc.conf.config_arg_cache import ConfigArgCache
from pynenc.conf.config_base import ConfigField, ConfigPynencBase, PynencConfigWarning
from pynenc.conf.config_broker import ConfigBroker
from pynenc.conf.config_local import ConfigLocal
from pynenc.conf.config_orchestrator import ConfigOrchestrator
from pynenc.conf.config_pynenc import ArgumentPrintMode, ConfigPynenc
from pynenc.conf.config_redis import (
    ConfigArgCacheRedis,
    ConfigBrokerRedis,
    ConfigOrchestratorRedis,
    ConfigRedis,
    ConfigStateBackendRedis,
)
from pynenc.conf.config_runner import (
    ConfigMultiThreadRunner,
    ConfigPersistentProcessRunner,
    ConfigProcessRunner,
    ConfigRunner,
    ConfigThreadRunner,
    ConfigWorkerProcesses,
)
from pynenc.conf.config_state_backend import ConfigStateBackend
from pynenc.conf.config_task import ConcurrencyControlType, ConfigTask

__all__ = [
    "ArgumentPrintMode",
    "ConcurrencyControlType",
    "ConfigArgCache",
    "ConfigArgCacheRedis",
    "ConfigBroker",
    "ConfigBrokerRedis",
    "ConfigField",
    "ConfigLocal",
    "ConfigMultiThreadRunner",
    "ConfigOrchestrator",
    "ConfigOrchestratorRedis",
    "ConfigPersistentProcessRunner",
    "ConfigProcessRunner",
    "ConfigPynenc",
    "ConfigPynencBase",
    "ConfigRedis",
    "ConfigRunner",
    "ConfigStateBackend",
    "ConfigStateBackendRedis",
    "ConfigTask",
    "ConfigThreadRunner",
    "ConfigWorkerProcesses",
    "PynencConfigWarning",
]
