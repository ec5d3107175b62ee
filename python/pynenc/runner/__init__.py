"""Runners: what runs the bodies."""

from pynenc.runner.base_runner import BaseRunner
from pynenc.runner.dummy_runner import DummyRunner
from pynenc.runner.thread_runner import ThreadRunner

__all__ = ["BaseRunner", "DummyRunner", "ThreadRunner"]
