"""Where one value of the server's protocol ends and the next begins."""

from __future__ import annotations

_SIZED = frozenset(b"$=!")
_MANY = frozenset(b"*~>")
_PAIRS = frozenset(b"%|")


def end_of_value(data: bytes | bytearray, start: int) -> int | None:
    """Offset just behind the value that begins at ``start``; ``None`` when its end has not arrived."""
    at, missing = start, 1
    while missing:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None
        kind, count = data[at], data[at + 1 : line_end]
        at = line_end + 2
        missing -= 1
        if kind in _SIZED:
            size = int(count)
            at += size + 2 if size >= 0 else 0  # the null string has no content, and no second end of line
        elif kind in _MANY:
            missing += max(int(count), 0)
        elif kind in _PAIRS:
            # Attributes stand before the value that they belong to.
            missing += 2 * int(count) + (kind == ord("|"))
    return at if at <= len(data) else None


class Frames:
    """Cuts a stream into whole values, whatever pieces it arrives in."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived; the values that are whole by now."""
        self._rest += data
        whole, start = [], 0
        while start < len(self._rest) and (end := end_of_value(self._rest, start)) is not None:
            whole.append(bytes(self._rest[start:end]))
            start = end
        del self._rest[:start]
        return whole


def words_of(frame: bytes) -> list[bytes]:
    """The words of a request, or of any array of strings."""
    if frame[:1] not in {b"*", b">"}:
        return frame[1:-2].split()
    words, at = [], frame.index(b"\r\n") + 2
    while at < len(frame):
        line_end = frame.index(b"\r\n", at)
        if frame[at : at + 1] == b"$" and (size := int(frame[at + 1 : line_end])) >= 0:
            words.append(frame[line_end + 2 : line_end + 2 + size])
            at = line_end + 2 + size + 2
        else:
            words.append(frame[at + 1 : line_end])
            at = line_end + 2
    return words


def request_of(words: list[bytes]) -> bytes:
    """The request that has these words."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
