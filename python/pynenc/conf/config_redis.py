"""Settings of the connection to Redis or Valkey, and of the components that stand on it."""

from __future__ import annotations

import re

from pynenc.conf.config_arg_cache import ConfigArgCache
from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_broker import ConfigBroker
from pynenc.conf.config_field import MASK, ConfigField
from pynenc.conf.config_orchestrator import ConfigOrchestrator
from pynenc.conf.config_state_backend import ConfigStateBackend

_PASSWORD_BEFORE_HOST = re.compile(r"(?<=://)([^/?#@]*:)[^/?#]*(?=@)")
_PASSWORD_IN_QUERY = re.compile(r"((?:^|[?&])\w*password=)[^&#]*")


def without_password(url: str) -> str:
    """Take every password out of an address."""
    return _PASSWORD_IN_QUERY.sub(rf"\1{MASK}", _PASSWORD_BEFORE_HOST.sub(rf"\1{MASK}", url))


class ConfigRedis(ConfigPynencBase):
    """Where the server is, and how long it is tried.

    :cvar str redis_username:
        User, where the server knows more than one.
    :cvar str redis_password:
        Its password.
    :cvar str redis_host:
        Name or address of the server's machine.
    :cvar int redis_port:
        Its port.
    :cvar int redis_db:
        Which of its databases.
    :cvar str redis_url:
        All of these in one, and beats them: ``redis://user:password@host:6379/0``, ``rediss://`` over TLS,
        ``unix:///path``, ``redis+sentinel://host1,host2/service/0``, ``redis+cluster://host1,host2``.
    :cvar float socket_timeout:
        How long the server may be silent while an answer is due, before the connection is given up for a new one.
    :cvar float socket_connect_timeout:
        How long opening a connection may take.
    :cvar float redis_retry_seconds:
        How long one step is tried again, over new connections, before ``EngineUnreachableError``; and how long a
        stream waits for room in a full server.
    :cvar float redis_first_contact_seconds:
        The same as long as the server has never answered: then the address is more likely wrong.
    :cvar bool redis_strict:
        Refuse a server whose settings can lose acknowledged work, instead of warning.
    :cvar int health_check_interval:
        Accepted, without effect: a connection that has died is seen when it is used.
    :cvar int max_connection_attempts:
        Accepted, without effect: ``redis_retry_seconds`` bounds the attempts.
    :cvar int redis_pool_max_connections:
        Accepted, without effect: a process has at most three connections.
    :cvar float redis_pool_health_check_interval:
        Accepted, without effect: there is no pool.
    """

    redis_username = ConfigField("")
    redis_password = ConfigField("", secret=True)
    redis_host = ConfigField("localhost")
    redis_port = ConfigField(6379, minimum=1)
    redis_db = ConfigField(0, minimum=0)
    redis_url = ConfigField("", secret=without_password)
    socket_timeout = ConfigField(5.0, unit="seconds", minimum=0.1)
    socket_connect_timeout = ConfigField(5.0, unit="seconds", minimum=0.1)
    redis_retry_seconds = ConfigField(60.0, unit="seconds", minimum=0)
    redis_first_contact_seconds = ConfigField(10.0, unit="seconds", minimum=0)
    redis_strict = ConfigField(False)
    health_check_interval = ConfigField(30, minimum=0)
    max_connection_attempts = ConfigField(3, minimum=0)
    redis_pool_max_connections = ConfigField(100, minimum=0)
    redis_pool_health_check_interval = ConfigField(30.0, unit="seconds", minimum=0)

    @property
    def address(self) -> str:
        """Where the server is, as one URL with its secrets."""
        if self.redis_url:
            return self.redis_url
        from urllib.parse import quote

        login = quote(self.redis_username, safe="")
        if self.redis_password:
            login += f":{quote(self.redis_password, safe='')}"
        host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
        return f"redis://{login}{'@' if login else ''}{host}:{self.redis_port}/{self.redis_db}"


class ConfigBrokerRedis(ConfigBroker, ConfigRedis):
    """How work is queued in Redis or Valkey."""


class ConfigOrchestratorRedis(ConfigOrchestrator, ConfigRedis):
    """How calls that depend on each other are treated in Redis or Valkey.

    :cvar int max_pending_resolution_threads:
        Accepted, without effect: no thread looks for claims that were not started, leases bound them.
    :cvar int redis_retry_max_attempts:
        Accepted, without effect: ``redis_retry_seconds`` bounds the attempts.
    :cvar float redis_retry_base_delay_sec:
        Accepted, without effect: attempts begin 20 ms apart.
    :cvar float redis_retry_max_delay_sec:
        Accepted, without effect: attempts are at most 2 s apart.
    """

    max_pending_resolution_threads = ConfigField(50, minimum=0)
    redis_retry_max_attempts = ConfigField(3, minimum=0)
    redis_retry_base_delay_sec = ConfigField(0.1, unit="seconds", minimum=0)
    redis_retry_max_delay_sec = ConfigField(1.0, unit="seconds", minimum=0)


class ConfigStateBackendRedis(ConfigStateBackend, ConfigRedis):
    """How invocations are stored in Redis or Valkey."""


class ConfigArgCacheRedis(ConfigArgCache, ConfigRedis):
    """Which arguments are stored once in Redis or Valkey and then sent by reference.

    :cvar bool host_cache:
        The worker processes of one user on one host fetch and hold a value of 1 MiB or more once, in shared memory.
    :cvar int local_cache_bytes:
        How many bytes of large values each process keeps at hand, as they were fetched; as much again for texts and
        bytes as bodies get them.
    :cvar int host_cache_bytes:
        How many bytes are kept there, and never more than half of the file system; the least recently used goes first.
    :cvar str host_cache_dir:
        The directory above it; empty: ``/dev/shm``, else ``XDG_RUNTIME_DIR``, else that for temporary files.
    """

    local_cache_bytes = ConfigField(268_435_456, minimum=0)
    host_cache = ConfigField(True)
    host_cache_bytes = ConfigField(1_073_741_824, minimum=0)
    host_cache_dir = ConfigField("")
