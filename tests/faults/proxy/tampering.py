"""Other functions for the server than the engine gives it: how the suite is shown the bugs it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.proxy.frames import request_of

Rewrite = Callable[[str], str]


@dataclass
class Tampering:
    """Rewrites the library of functions when it is loaded; its name, by which it is called, stays."""

    rewrite: Rewrite
    rewritten: bool = False
    runs: int = 0
    """How often a function of a rewritten library was called: a test that counts on one asserts this."""

    def request(self, words: Sequence[bytes]) -> bytes | None:
        """The request to send in place of this one, if another one."""
        match [word.upper() for word in words[:2]]:
            case [b"FUNCTION", b"LOAD"]:
                text = self.rewrite(words[-1].decode()).encode()
                self.rewritten = self.rewritten or text != words[-1]
                return request_of([*words[:-1], text])
            case [b"FCALL", _]:
                self.runs += self.rewritten
        return None
