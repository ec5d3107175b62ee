"""Printing what differs between the arguments of two calls."""

from __future__ import annotations

from collections.abc import Mapping


def format_difference(task_id: str, original: Mapping[str, object], updated: Mapping[str, object]) -> str:
    """Print what differs between two sets of arguments of one task, over several lines."""
    lines = [
        "=" * 30,
        f"Differences for {task_id}:",
        f"  * Original: {dict(original)}",
        f"  * Updated: {dict(updated)}",
        "-" * 30,
        "  * Changes: ",
    ]
    for key in (*original, *(key for key in updated if key not in original)):
        if key not in updated:
            lines.append(f"    - {key}: Removed")
        elif key not in original:
            lines.append(f"    - {key}: Added")
        elif _differ(original[key], updated[key]):
            lines.append(f"    - {key}: {original[key]} -> {updated[key]}")
    return "\n".join(lines)


def _differ(old: object, new: object) -> bool:
    try:
        return bool(old != new)
    except Exception:  # a value whose comparison has no single answer (arrays): the printed form decides
        return str(old) != str(new)
