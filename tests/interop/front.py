# SPDX-License-Identifier: AGPL-3.0-or-later
"""Between clients and the files of konsild: a network that stands still when it is told to, and what lies at the server."""
import glob
import os
import socket
import threading

from lab import _free_port


class Front:
    """A network between a client and konsild's HTTPS: it counts, and stands still behind as many bytes as it is told."""

    def __init__(self, behind):
        """behind: the port to which it leads; at self.port it listens."""
        self.port, self.open = _free_port(), []
        self.behind, self.limit, self.down, self.up, self.still = behind, None, 0, 0, threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.behind))
            self.open += [near, far]
            for a, b, name in ((near, far, "up"), (far, near, "down")):
                threading.Thread(target=self._move, args=(a, b, name), daemon=True).start()

    def _move(self, a, b, name):
        try:
            while data := a.recv(65536):
                with self.still:
                    self.still.wait_for(lambda: self.limit is None or self.down + self.up < self.limit)
                    setattr(self, name, getattr(self, name) + len(data))
                    self.still.notify_all()
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def begin(self, limit=None):
        with self.still:
            self.limit, self.down, self.up = limit, 0, 0
            self.still.notify_all()

    def cut(self):
        """Breaks what goes through it, and lets go on what comes."""
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []
        self.begin()

    def reached(self):
        """Waits until it stands still."""
        with self.still:
            return self.still.wait_for(lambda: self.down + self.up >= self.limit, 60)


def before_files(lab, bytes_max):
    """The lab's konsild, begun anew, gives and takes files through a Front."""
    front = Front(lab.https_port)
    lab.stop()
    lab.of["klinik.example"] = (f'files: {{ url = "https://klinik.example:{front.port}/files"; bytes_max = "{bytes_max >> 20} MiB"; '
                                'bytes_per_day = "8 GiB"; };')
    lab.settings()
    lab.start()
    return front


def files_at(lab):
    """What lies at the server, oldest first."""
    return sorted(glob.glob(f"{lab.data}/files/*/*"), key=os.path.getmtime)


def change_file(name, to):
    """One of them: to(its bytes), at the same time, which says when it goes."""
    times = os.stat(name)
    with open(name, "rb") as file:
        changed = to(bytearray(file.read()))
    with open(name, "wb") as file:
        file.write(changed)
    os.utime(name, ns=(times.st_atime_ns, times.st_mtime_ns))
