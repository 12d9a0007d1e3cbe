# SPDX-License-Identifier: AGPL-3.0-or-later
"""A program in a terminal of its own (tmux), typed to and read from as a person does."""
import atexit
import itertools
import os
import queue
import subprocess
import threading
import time

from lab import TIMEOUT

_count = itertools.count()


class Screen:
    """tmux tells when something was written; then the screen is looked at. It ends with the test, if nobody closed it."""

    def __init__(self, command, environment=None, columns=110, lines=24):
        """command: for a shell. When it ends, the screen says "ended" and its status."""
        self.tmux = ["tmux", "-L", f"konsil-{os.getpid()}-{next(_count)}", "-f", "/dev/null", "-u"]
        subprocess.run([*self.tmux, "new-session", "-d", "-s", "t", "-x", str(columns), "-y", str(lines),
                        f"{command}; echo ended $?; exec cat"], check=True,
                       env={**os.environ, "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh", **(environment or {})})
        atexit.register(self.close)
        self.control = subprocess.Popen([*self.tmux, "-C", "attach", "-t", "t"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.news = queue.Queue()
        self.bells = 0  # how often it was to be heard; until() waits for that, too
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.control.stdout:
            if line.startswith("%output"):
                self.bells += line.count("\\007")
                self.news.put(line)

    def screen(self):
        return subprocess.run([*self.tmux, "capture-pane", "-p", "-t", "t"], capture_output=True, text=True).stdout

    def sees(self, *texts):
        """Until all of them are on the screen; the screen, or what was there when it took too long."""
        return self.until(lambda screen: all(text in screen for text in texts))

    def until(self, wanted):
        """The same for a condition: wanted(screen)."""
        end = time.monotonic() + TIMEOUT
        while True:
            screen = self.screen()
            if wanted(screen):
                return True, screen
            try:
                self.news.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return False, screen

    def type(self, text):
        subprocess.run([*self.tmux, "send-keys", "-t", "t", "-l", text], check=True)

    def key(self, *names):
        subprocess.run([*self.tmux, "send-keys", "-t", "t", *names], check=True)

    def enter(self, text):
        self.type(text)
        self.key("Enter")

    def resize(self, columns, lines):
        subprocess.run([*self.tmux, "resize-window", "-t", "t", "-x", str(columns), "-y", str(lines)], check=True)

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], capture_output=True)
