# SPDX-License-Identifier: AGPL-3.0-or-later
"""A desktop that nobody looks at: an X server in memory, a session bus, and fingers that type."""
import os
import shutil
import subprocess
import time

from lab import TIMEOUT, _die_with_parent

NEEDED = {"Xvfb": "xvfb", "xdotool": "xdotool", "dbus-daemon": "dbus", "import": "imagemagick"}


def missing(*programs):
    """Debian packages that are not there, of a desktop and of these (program, package)."""
    wanted = {**NEEDED, **dict(programs)}
    return [package for program, package in wanted.items() if not shutil.which(program)]


class Desktop:
    def __init__(self, lab, name):
        """name: of the person; a home of its own."""
        self.lab, self.home = lab, os.path.join(lab.dir, f"desktop-{name}")
        os.makedirs(os.path.join(self.home, "run"), 0o700)
        self.environment = {**os.environ, "HOME": self.home, "LC_ALL": "C.UTF-8", "GDK_BACKEND": "x11", "GSK_RENDERER": "cairo",
                            "GTK_A11Y": "none", "GSETTINGS_BACKEND": "memory", "XDG_RUNTIME_DIR": os.path.join(self.home, "run"),
                            **{f"XDG_{kind}_HOME": self.home for kind in ("DATA", "CONFIG", "CACHE", "STATE")}}
        self.environment.pop("MALLOC_PERTURB_", None)  # meson's, for our programs; these do not bear it
        self.environment["DISPLAY"] = ":" + self._first_line(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "1024x700x24", "-nolisten", "tcp", "-noreset"])
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._first_line(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"])

    def _first_line(self, command):
        return self.start(command).stdout.readline().decode().strip()

    def start(self, command, **environment):
        process = subprocess.Popen(command, env={**self.environment, **environment}, stdout=subprocess.PIPE, stderr=self.lab.errors,
                                   preexec_fn=_die_with_parent, cwd=self.home)
        self.lab.processes.append(process)
        return process

    def xdotool(self, *words):
        return subprocess.run(["xdotool", *words], env=self.environment, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout

    def enter(self, window, text):
        """Types into a window of this class, as a person does who looks at it."""
        self.xdotool("search", "--sync", "--class", window, "windowfocus", "--sync", "type", "--delay", "2", text)
        self.xdotool("key", "Return")

    def picture(self, path):
        subprocess.run(["import", "-window", "root", path], env=self.environment, check=True, capture_output=True, timeout=TIMEOUT)


def until(wanted):
    """Looks until wanted() gives something: that, or None after too long. For what tells nobody that it changed."""
    end = time.monotonic() + TIMEOUT
    while not (found := wanted()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
