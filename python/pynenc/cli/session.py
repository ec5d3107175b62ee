"""What one run of the command line was told before its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynenc.cli.discover import Located


class Session:
    """The options that stand before the command."""

    def __init__(self) -> None:
        self.app_name: str | None = None
        self.verbose = False
        self.quiet = False

    def find_app(self, name: str | None) -> Located:
        """Find the application, and let it log as much as was asked for.

        :param name: What the command's own ``--app`` says; it beats the one before the command.
        :raises CommandError: when there is none, or it cannot be imported.
        """
        from pynenc.cli.discover import find_app

        located = find_app(name or self.app_name)
        if self.verbose or self.quiet:
            located.app.conf.logging_level = "debug" if self.verbose else "warning"
        return located
