"""Orchestrators: calls in, statuses out."""

from pynenc.orchestrator.base_orchestrator import BaseBlockingControl, BaseCycleControl, BaseOrchestrator
from pynenc.orchestrator.mem_orchestrator import MemOrchestrator
from pynenc.orchestrator.redis_orchestrator import RedisOrchestrator

__all__ = ["BaseBlockingControl", "BaseCycleControl", "BaseOrchestrator", "MemOrchestrator", "RedisOrchestrator"]
