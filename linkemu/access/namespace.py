"""Linux namespaces by their system calls: a user of one's own, private networks, processes that end together.

Only what the kernel grants lives here, and the fix to suggest where it refuses; what is put into a namespace
is the business of exec_house. Namespaces are held by processes and descriptors alone, never by a name in the
file system, so nothing can be left over. A new user namespace can be had only before threads are started.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from linkemu.errors import ResourceError

_CLONE_NEWNS = 0x00020000  # linux/sched.h
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000  # linux/mount.h
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 0x2, 0x4, 0x8

_libc = ctypes.CDLL(None, use_errno=True)


def isolate() -> bool:
    """Move this process into a network of its own; True if it took a user namespace to be allowed to.

    Raises:
        ResourceError: the kernel refuses, with what to change.
    """
    try:
        _unshare(_CLONE_NEWNET)
        return False
    except OSError as refused:
        if refused.errno not in (1, 13):  # EPERM, EACCES
            raise ResourceError("network namespace", f"{refused.strerror}; {remedy()}") from None
    try:
        _become_own_user()
        _unshare(_CLONE_NEWNET)
    except OSError as refused:
        raise ResourceError("user namespace", f"{refused.strerror}; {remedy()}") from None
    return True


def new_network() -> int:
    """Move this process into another network, empty and dark; a descriptor that keeps it."""
    _unshare(_CLONE_NEWNET)
    return this_network()


def this_network() -> int:
    """A descriptor that keeps this process's network."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_network(network: int) -> None:
    """Move this process into a network."""
    _check(_libc.setns(network, _CLONE_NEWNET))


def bind_fates() -> None:
    """The next child, and all that come from it, are numbered anew: when that child ends, all of them do."""
    _unshare(_CLONE_NEWPID)


def mount_proc() -> bool:
    """Give this process a /proc of the processes that it can see; False where a container forbids it."""
    try:
        _unshare(_CLONE_NEWNS)
        _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
        _check(_libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None))
    except OSError:
        return False
    return True


def remedy() -> str:
    """What to change so that namespaces are granted, by what the kernel says of itself."""
    for path, refusing, fix in _SWITCHES:
        value = _read(path)
        if value == refusing:
            return f"{path} is {value}: as root, sysctl -w {fix}"
    if not Path("/proc/self/ns/user").exists():
        return "this kernel has no user namespaces (CONFIG_USER_NS): run as root"
    return "run as root, or outside of the container (docker: --cap-add SYS_ADMIN --cap-add NET_ADMIN)"


_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ("/proc/sys/user/max_net_namespaces", "0", "user.max_net_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


def _become_own_user() -> None:
    """A user namespace in which the user and group keep their numbers, with every right until exec."""
    user, group = os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
