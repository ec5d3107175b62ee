"""No argument cache."""

from __future__ import annotations

from typing import Any

from pynenc.arg_cache.base_arg_cache import BaseArgCache


class DisabledArgCache(BaseArgCache):
    """Passes every value through as its text."""

    def serialize(self, obj: Any, disable_cache: bool = False) -> str:
        """Encode a value as its text, whatever its size."""
        return super().serialize(obj, disable_cache=True)

    def _store(self, key: str, value: str) -> bool:
        return False

    def _retrieve(self, key: str) -> str:
        raise KeyError(f"the argument cache is disabled: it has no {key}")

    def _purge(self) -> None:
        """Nothing is kept, so nothing is forgotten."""
