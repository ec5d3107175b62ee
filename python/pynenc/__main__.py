"""``python -m pynenc``."""

from __future__ import annotations

from pynenc.cli.main_cli import main

if __name__ == "__main__":
    main()
