"""Orchestrators: calls in, statuses out."""

from pynenc.orchestrator.base_orchestrator import BaseBlockingControl, BaseCycleControl, BaseOrchestrator
from pynenc.orchestrator.mem_orchestrator import MemOrchestrator

__all__ = ["BaseBlockingControl", "BaseCycleControl", "BaseOrchestrator", "MemOrchestrator"]
