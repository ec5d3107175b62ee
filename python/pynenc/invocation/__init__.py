"""Invocations and groups of them."""

from pynenc.invocation.base_invocation import BaseInvocation, BaseInvocationGroup
from pynenc.invocation.conc_invocation import ConcurrentInvocation, ConcurrentInvocationGroup
from pynenc.invocation.dist_invocation import DistributedInvocation, ReusedInvocation
from pynenc.invocation.group import DistributedInvocationGroup
from pynenc.invocation.status import InvocationStatus

__all__ = [
    "BaseInvocation",
    "BaseInvocationGroup",
    "ConcurrentInvocation",
    "ConcurrentInvocationGroup",
    "DistributedInvocation",
    "DistributedInvocationGroup",
    "InvocationStatus",
    "ReusedInvocation",
]
