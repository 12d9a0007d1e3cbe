# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a process's resident memory rose meanwhile, by the kernel's own count.

    with Peak(konsild.pid) as peak:
        …
    row(peak.kib < 2048, …)

A sanitizer keeps what was freed for a while, and more than twice as much beside each byte: measured() says whether a
program is one whose memory tells something."""
import time


def status(pid, name):
    """KiB."""
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith(name)).split()[1])


class Peak:
    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")  # proc(5): the peak begins anew
        self.before, self.start = status(self.pid, "VmRSS"), time.monotonic()
        return self

    def __exit__(self, *_):
        self.kib, self.seconds = status(self.pid, "VmHWM") - self.before, time.monotonic() - self.start


def measured(program):
    with open(program, "rb") as file:
        return b"__asan_init" not in file.read()
