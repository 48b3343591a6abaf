"""Makes a process hard to look into, and knows who is at the other end of a socket."""

import ctypes
import os
import resource
import socket
import struct
import sys

_PR_SET_DUMPABLE = 4
_PR_GET_DUMPABLE = 3

_WIPES = {
    # Python's own allocator keeps small pieces to itself, and glibc's cache of a thread keeps what passes through it.
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=85:glibc.malloc.tcache_count=0",
}
"""The environment by which glibc overwrites every piece of memory when it is given back."""


def wipe_what_is_freed() -> None:
    """See to it that this process overwrites what it frees; starts its program anew where it does not yet.

    That is settled when a process starts, so it is the first thing to do. It takes glibc: another C library starts as
    it is.
    """
    if sys.platform == "linux" and any(os.environ.get(name) != value for name, value in _WIPES.items()):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **_WIPES})  # noqa: S606 - our own program


def harden() -> None:
    """No core files, no reading of our memory by our own user, private files, and nothing left of the environment.

    Raises OSError if the system refuses one of these: a signer that cannot be protected does not start.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whatever secrets this process inherited, its own code and libraries cannot pass them on.
    os.environ.clear()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 or libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "this process cannot be made non-dumpable")


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process at the other end of a Unix socket, as the kernel tells it."""
    if hasattr(socket, "SO_PEERCRED"):
        _pid, uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(uid)
    user, group = ctypes.c_uint32(), ctypes.c_uint32()
    if ctypes.CDLL(None).getpeereid(connection.fileno(), ctypes.byref(user), ctypes.byref(group)) != 0:
        raise OSError("the other end's user cannot be told")
    return user.value


class Parent:
    """The process that started us, or another one by its id, and whether it still lives."""

    def __init__(self, process_id: int) -> None:
        self._process_id = process_id
        self._is_ours = os.getppid() == process_id

    def is_alive(self) -> bool:
        """False once it has ended; a parent that ended leaves us to another one at once."""
        if self._is_ours:
            return os.getppid() == self._process_id
        try:
            os.kill(self._process_id, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
