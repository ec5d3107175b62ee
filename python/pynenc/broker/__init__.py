"""Brokers: what waits to be run."""

from pynenc.broker.base_broker import BaseBroker
from pynenc.broker.mem_broker import MemBroker, MemTaskBroker

__all__ = ["BaseBroker", "MemBroker", "MemTaskBroker"]
