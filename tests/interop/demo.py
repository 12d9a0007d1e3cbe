# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo hospital of tools/run.sh, with ports of its own, and what it tells a person to do."""
import atexit
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile

from lab import BUILD, TIMEOUT, Konsil, Lines, _free_port

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "run.sh")


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: on SIGTERM it stops its konsild


class Demo:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="konsil-")
        self.dir = os.path.join(self.home, "hospital")
        self.port, self.direct_port, self.https_port = (_free_port() for _ in range(3))
        self.ca, self.errors, self.processes = os.path.join(self.dir, "ca.pem"), subprocess.DEVNULL, []
        self.under = lambda program: []
        atexit.register(self.end)
        self.start()

    def start(self):
        """Returns when it has said all; self.said is that."""
        self.process = subprocess.Popen([RUN, "--dir", self.dir, "--port", str(self.port), "--direct-port",
                                         str(self.direct_port), "--https-port", str(self.https_port), "--build", BUILD], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_parent)
        self.lines = Lines(self.process.stdout, lambda line: line.decode().rstrip("\n"))
        self.lines.wait(lambda line: line == "Ctrl-C stops it.", "tools/run.sh")
        self.said = "\n".join(self.lines.all)
        self.passwords = dict(re.findall(r"^  (\S+@\S+) +([0-9a-f]{12})  ", self.said, re.M))

    def lines_after(self, text):
        """The indented lines that follow the line with this text."""
        lines = self.said.splitlines()
        at = next(i for i, line in enumerate(lines) if text in line) + 1
        found = []
        while at < len(lines) and lines[at].startswith("  "):
            found.append(lines[at].strip())
            at += 1
        return found

    def interrupt(self):
        """Ctrl-C, which a terminal sends to all of its foreground; the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(TIMEOUT)
        self.lines.thread.join()
        return self.process.returncode

    def konsil(self, jid, **options):
        return Konsil(self, jid, **options)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.process.poll() is None:
            self.interrupt()
        shutil.rmtree(self.home, ignore_errors=True)
