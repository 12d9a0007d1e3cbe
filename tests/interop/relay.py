# SPDX-License-Identifier: AGPL-3.0-or-later
"""The network between clients and konsild, which can be cut: a TCP relay with a port of its own."""
import selectors
import socket
import struct
import threading


class Relay:
    def __init__(self, port):
        self.target, self.cuts = port, 0
        self.bell, self.ears = socket.socketpair()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.door, selectors.EVENT_READ, None)
        self.selector.register(self.ears, selectors.EVENT_READ, None)
        threading.Thread(target=self._run, daemon=True).start()

    def cut(self):
        """All connections break soon, for both ends, with a reset; what is under way is lost."""
        self.bell.send(b"!")

    def _run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.door:
                    self._accept()
                elif key.fileobj is self.ears:
                    self.ears.recv(1)
                    self._cut_all()
                    break
                elif key.fileobj.fileno() >= 0:
                    self._pass_on(key.fileobj, key.data)

    def _accept(self):
        client, _ = self.door.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:  # konsild is down
            client.close()
            return
        for source, sink in ((client, server), (server, client)):
            source.settimeout(60)
            self.selector.register(source, selectors.EVENT_READ, sink)

    def _pass_on(self, source, sink):
        try:
            data = source.recv(65536)
            if data:
                sink.sendall(data)
                return
        except OSError:
            pass
        self._end(source, sink)

    def _end(self, *pair):
        for end in pair:
            self.selector.unregister(end)
            end.close()

    def _cut_all(self):
        for key in list(self.selector.get_map().values()):
            if key.data is not None and key.fileobj.fileno() >= 0:
                for end in (key.fileobj, key.data):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._end(key.fileobj, key.data)
                self.cuts += 1
