from __future__ import annotations

import pytest

from pynenc import Pynenc
from pynenc._core import MemoryEngine
from pynenc.broker import BaseBroker, MemBroker
from pynenc.engine.registry import COMPONENTS, ENGINES, load_component, load_engine, stays_in_process
from pynenc.exceptions import ConfigError


def test_every_name_can_be_loaded():
    for name in ENGINES:
        assert callable(load_engine(name))
    for setting, components in COMPONENTS.items():
        for name in components:
            assert load_component(setting, name, object).__name__ == name
    assert load_component("broker_cls", "MemTaskBroker", BaseBroker) is MemBroker


def test_the_memory_engine_takes_its_settings():
    assert isinstance(load_engine("memory")(Pynenc()), MemoryEngine)
    assert stays_in_process("memory")


def test_another_engine_is_unknown():
    with pytest.raises(ConfigError, match="engine 'disk' is unknown; accepted: local, memory, redis"):
        load_engine("disk")


@pytest.mark.parametrize("name", ["local", "redis", "disk"])
def test_only_the_memory_engine_stays_in_its_process(name):
    assert not stays_in_process(name)
