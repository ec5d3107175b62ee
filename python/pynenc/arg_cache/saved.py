"""What sending large values by their digests has saved, in words for a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynenc.ports import AppPort


def saved_text(app: AppPort, before: str = "") -> str:
    """What this process has sent, fetched and had at hand, after ``before``; empty when there was nothing large."""
    counts = app.arg_cache.counters()
    told = [
        f"{counts[what]} {said} ({counts[size] / 1e6:,.1f} MB)"
        for what, size, said in (
            ("sent", "bytes_sent", "sent"),
            ("skipped", "bytes_saved", "on the server already"),
            ("fetched", "bytes_fetched", "fetched"),
            ("hits", "bytes_at_hand", "at hand"),
        )
        if counts.get(what) and size in counts
    ]
    told += [
        f"{counts[what]} {said}"
        for what, said in (("host_hits", "from the host's cache"), ("evictions", "dropped to make room"))
        if counts.get(what) and "bytes_at_hand" in counts
    ]
    return f"{before}large values: {', '.join(told)}" if told else ""
