"""Other script texts for the server than the engine gives it: how the suite is shown the bugs it is for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.proxy.frames import request_of

Rewrite = Callable[[str], str]


def digest_of(text: bytes) -> bytes:
    """By which the server knows a script."""
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


@dataclass
class Tampering:
    """Rewrites each script that is loaded, and has the rewritten one run in its place."""

    rewrite: Rewrite
    instead: dict[bytes, bytes] = field(default_factory=dict)
    runs: int = 0
    """How often a rewritten script was run: a test that counts on one asserts this."""

    def request(self, words: Sequence[bytes]) -> bytes | None:
        """The request to send in place of this one, if another one."""
        match [word.upper() for word in words[:2]]:
            case [b"SCRIPT", b"LOAD"]:
                return request_of([*words[:2], self._text(words[2])])
            case [b"EVAL", _]:
                text = self._text(words[1])
                self.runs += text != words[1]
                return request_of([words[0], text, *words[2:]])
            case [b"EVALSHA", _] if words[1].lower() in self.instead:
                self.runs += 1
                return request_of([words[0], self.instead[words[1].lower()], *words[2:]])
        return None

    def reply(self, words: Sequence[bytes], frame: bytes) -> bytes:
        """The reply to hand on: whoever loads a script is told the digest of its own text."""
        if [word.upper() for word in words[:2]] != [b"SCRIPT", b"LOAD"] or frame[:1] != b"$":
            return frame
        return b"$40\r\n%s\r\n" % digest_of(words[2])

    def _text(self, original: bytes) -> bytes:
        text = self.rewrite(original.decode()).encode()
        if text != original:
            self.instead[digest_of(original)] = digest_of(text)
        return text
