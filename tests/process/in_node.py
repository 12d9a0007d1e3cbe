# SPDX-License-Identifier: AGPL-3.0-or-later
"""The engine of make wasm under Node, as a Konsil of the lab."""
import functools
import json
import os
import subprocess

import npm
from lab import Konsil, Lines

HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = os.environ.get("KONSIL_WASM", "")
WHY_NOT = "no module of make wasm (KONSIL_WASM), or no Node with a WebSocket, nor npm's package ws"


@functools.cache
def node():
    """The words that start a Node that has WebSocket, and where the package ws is if it needs that; None: there is none, or
    no module."""
    if not os.path.exists(MODULE):
        return None
    for words in (["node"], ["node", "--experimental-websocket"]):
        if subprocess.run([*words, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"], capture_output=True).returncode == 0:
            return words, {}
    modules = npm.install("npm-ws", "ws@8.23.0")
    return (["node"], {"MODULES": modules}) if modules else None


def reads_blobs():
    """Has this Node a Blob that reads from the disk?"""
    return subprocess.run(["node", "-e", "process.exit(require('node:fs').openAsBlob ? 0 : 1)"]).returncode == 0


class InNode(Konsil):
    """The same commands and events. Its store is in memory: it forgets all when it ends."""

    def __init__(self, lab, jid, url=None, port=None, connect=True):
        """url: of the WebSocket; None: where host-meta says. port: of HTTPS, if not the lab's."""
        self.port, self.url = port or lab.https_port, [url] if url else []
        super().__init__(lab, jid, connect=connect)

    def start(self, connect=True):
        os.makedirs(self.dir, exist_ok=True)
        words, environment = node()
        self.process = subprocess.Popen(
            [*words, "--no-warnings", os.path.join(HERE, "engine_in_node.mjs"), MODULE, self.dir, str(self.port), *self.url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.lab.errors, env=dict(os.environ, NODE_EXTRA_CA_CERTS=self.lab.ca, **environment))
        self.lab.processes.append(self.process)
        self.lines = Lines(self.process.stdout, json.loads)
        if connect:
            self.connect()

    def connect(self):
        self.do("connect", jid=self.jid, password=self.lab.passwords[self.jid])
        self.wait("ready")
