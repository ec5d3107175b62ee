"""Brokers: what waits to be run."""

from pynenc.broker.base_broker import BaseBroker
from pynenc.broker.mem_broker import MemBroker, MemTaskBroker
from pynenc.broker.redis_broker import RedisBroker

__all__ = ["BaseBroker", "MemBroker", "MemTaskBroker", "RedisBroker"]
