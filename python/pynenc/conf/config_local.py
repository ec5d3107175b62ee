"""Settings of the local engine's server."""

from __future__ import annotations

from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_field import ConfigField


class ConfigLocal(ConfigPynencBase):
    """Where the local engine keeps its data, and which server it starts.

    :cvar str local_dir:
        Directory above the data directories of the applications. Empty: ``pynenc`` in ``$XDG_STATE_HOME``, else
        ``~/.local/state/pynenc``. It must be on a disk of this machine.
    :cvar bool local_keep:
        Leave the server running when no process uses it any more. The process that came last decides.
    :cvar str local_server:
        The server's program: a path, or a name on PATH. Empty: the one of the ``local`` extra, else ``valkey-server``
        or ``redis-server`` on PATH.
    """

    local_dir = ConfigField("")
    local_keep = ConfigField(False)
    local_server = ConfigField("")
