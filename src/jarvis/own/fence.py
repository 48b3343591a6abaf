"""Shuts a process in, for good: it computes, and reaches no file of the person, no network and no other process.

Where the kernel is Linux with Landlock (5.13 and newer) and seccomp. What it may still read are the directories that it
is given; what it may still write are the pipes that it was born with. Elsewhere only the resource limits hold, and
`fence_in` says so.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_MEMORY_BYTES = 4 * 1024**3
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2

# Landlock, https://docs.kernel.org/userspace-api/landlock.html; its calls have the same numbers on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version can deny; later ones as many as the last."""
_READ_FILE_AND_FOLDER = 1 << 2 | 1 << 3
_TCP = 1 << 0 | 1 << 1
_SOCKETS_AND_SIGNALS_OUTSIDE = 1 << 0 | 1 << 1
_TCP_SINCE, _SCOPES_SINCE = 4, 6

# seccomp, https://docs.kernel.org/userspace-api/seccomp_filter.html
_LOAD, _EQUAL, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
_REFUSE, _UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_OTHER_NUMBERING = 0x40000000
_CLONE3, _A_THREAD = 435, 0x00010000
_MACHINES = {
    "x86_64": (
        0xC000003E,
        # socket connect execve execveat kill tkill tgkill ptrace process_vm_readv process_vm_writev fork vfork
        # add_key request_key keyctl
        56,  # clone
        (41, 42, 59, 322, 62, 200, 234, 101, 310, 311, 57, 58, 248, 249, 250),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (198, 203, 221, 281, 129, 130, 131, 117, 270, 271, 217, 218, 219),
    ),
}
_EVERYWHERE = (424, 425, 434, 438)
"""pidfd_send_signal, io_uring_setup (it could open sockets), pidfd_open, pidfd_getfd."""


def fence_in(readable: Iterable[Path]) -> bool:
    """Shut this process in; only the directories `readable` can still be read. Whether the kernel keeps it in.

    Call it from the only thread of a process, once, and before anything foreign is run.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform != "linux":
        return False
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return _hide_files(libc, readable) and _refuse_calls(libc)


def _hide_files(libc: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    rights = (1 << _RIGHTS_BY_VERSION[min(version, max(_RIGHTS_BY_VERSION))]) - 1
    wanted = struct.pack("Q", rights)
    if version >= _TCP_SINCE:
        wanted += struct.pack("Q", _TCP)
    if version >= _SCOPES_SINCE:
        wanted += struct.pack("Q", _SOCKETS_AND_SIGNALS_OUTSIDE)
    ruleset = libc.syscall(_CREATE_RULESET, wanted, len(wanted), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            if path.is_dir():
                folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
                try:
                    rule = struct.pack("=Qi", _READ_FILE_AND_FOLDER, folder)
                    if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) != 0:
                        return False
                finally:
                    os.close(folder)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _refuse_calls(libc: ctypes.CDLL) -> bool:
    known = _MACHINES.get(platform.machine())
    if known is None:
        return False
    machine, clone, numbers = known

    def line(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    refused = (*numbers, *_EVERYWHERE)
    program = [
        line(_LOAD, _MACHINE_AT),
        line(_EQUAL, machine, yes=1),
        line(_RETURN, _KILL),
        line(_LOAD, _NUMBER_AT),
        line(_AT_LEAST, _OTHER_NUMBERING, no=1),
        line(_RETURN, _KILL),
        # Threads are its own affair, but another process would outlive it. clone3 hides which it is: ask by clone then.
        line(_EQUAL, _CLONE3, no=1),
        line(_RETURN, _UNKNOWN),
        line(_EQUAL, clone, no=4),
        line(_LOAD, _FIRST_ARGUMENT_AT),
        line(_HAS, _A_THREAD, no=1),
        line(_RETURN, _ALLOW),
        line(_RETURN, _REFUSE),
        *(line(_EQUAL, number, yes=len(refused) - index) for index, number in enumerate(refused)),
        line(_RETURN, _ALLOW),
        line(_RETURN, _REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    pointed = struct.pack("HP", len(program), ctypes.addressof(code))
    return bool(libc.prctl(_PR_SET_SECCOMP, _FILTER, pointed, 0, 0) == 0)
