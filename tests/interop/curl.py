# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks a lab's web access with curl, a client of HTTP that others wrote."""
import os
import subprocess

from lab import TIMEOUT


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


def curl(lab, url, *options, data=None, output=None):
    """The answer, with its headers' names in lower case. The host of the URL, with its port, is this machine. Into output,
    a file of the caller's, goes the body if it is named."""
    host = url.split("/")[2]
    head, body = (os.path.join(lab.dir, f"curl-{name}") for name in ("head", "body"))
    done = subprocess.run(["curl", "--silent", "--show-error", "--cacert", lab.ca, "--resolve", f"{host}:127.0.0.1",
                           "--dump-header", head, "--output", output or body, *options, url], input=data, capture_output=True, timeout=TIMEOUT)
    if done.returncode:
        raise OSError(f"curl {' '.join(options)} {url}: {done.stderr.decode()}")
    with open(head, encoding="latin-1", newline="") as file:
        last = file.read().strip().split("\r\n\r\n")[-1].split("\r\n")  # behind a 100 Continue
    content = b""
    if os.path.exists(body):
        with open(body, "rb") as file:
            content = b"" if "--head" in options else file.read()  # there curl writes the head once more
        os.remove(body)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in last[1:])}
    return Answer(int(last[0].split()[1]), headers, content)
