# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waits until a directory is as a test wants it, told by the kernel (inotify) of each change instead of looking again and again."""
import ctypes
import os
import select

CREATE, DELETE, MOVED, MODIFY = 0x100, 0x200, 0xC0, 0x2
libc = ctypes.CDLL(None, use_errno=True)


def until(path, wanted, what, seconds=60, written=False):
    """Returns when wanted(the names in path); fails with this sentence when it does not come to that. written: looks again
    when something is written to a file, too."""
    fd = libc.inotify_init1(os.O_CLOEXEC)
    try:
        if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(path), CREATE | DELETE | MOVED | (MODIFY if written else 0)) < 0:
            raise OSError(ctypes.get_errno(), f"inotify: {path}")
        while not wanted(os.listdir(path)):
            if not select.select([fd], [], [], seconds)[0]:
                raise TimeoutError(f"{what}: {os.listdir(path)}")
            os.read(fd, 65536)
    finally:
        os.close(fd)
