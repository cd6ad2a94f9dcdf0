"""SPECIFICATION (JSON): becomes a program in a file system of its own, as another user. Needs root; nothing but Python.

What a container runtime does and is of interest here: its own mounts, a root that cannot be written, a user without rights,
no variable of ours. It shares the network, so that it reaches a control plane on loopback.
"""

import ctypes
import json
import os
import sys

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str, flags: int) -> None:
    _check(_libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(flags), None), f"mount {target}")


def main() -> None:
    given = json.loads(sys.argv[1])
    root, parent = given["root"], os.getppid()
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    _mount("none", "/", MS_REC | MS_PRIVATE)
    _mount(root, root, MS_BIND)
    for inside, outside in given["mounts"].items():
        _mount(outside, root + inside, MS_BIND | MS_REC)
    _mount("none", root, MS_REMOUNT | MS_BIND | MS_RDONLY)
    os.chroot(root)
    os.chdir("/")
    os.setgroups(given["groups"])
    os.setresgid(given["group"], given["group"], given["group"])
    os.setresuid(given["user"], given["user"], given["user"])
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    # Again: the kernel forgets whose death was to be ours when the user changes.
    _check(_libc.prctl(PR_SET_PDEATHSIG, given["at_parents_death"], 0, 0, 0), "signal at the parent's death")
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execve(given["command"][0], given["command"], given["env"])


main()
