# SPDX-License-Identifier: AGPL-3.0-or-later
"""Debugging that nobody ends: konsild as it is shipped, whose clocks go on by an hour while it runs."""
import contextlib
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import BUILD, TIMEOUT, Lab, done, row

lab = Lab()
lab.stop()
leap = os.path.join(lab.dir, "leap")


def leap_to(seconds):
    with open(leap, "r+b" if os.path.exists(leap) else "wb") as file:
        file.write(struct.pack("=q", seconds))


leap_to(0)
os.environ.update(LD_PRELOAD=os.path.join(BUILD, "tests", "interop", "liblater.so"), LATER_FILE=leap)
lab.start()
del os.environ["LD_PRELOAD"], os.environ["LATER_FILE"]


def details():
    """What the log gets of somebody who speaks no TLS where TLS is spoken: a line of debugging, or none."""
    before = os.path.getsize(lab.log_path)
    with socket.create_connection(("127.0.0.1", lab.direct_port), TIMEOUT) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while stranger.recv(4096):
                pass
    lab.ctl("reload")
    lab.log.wait(lambda line: "konsild.reloaded" in line, "a reload")
    with open(lab.log_path, "rb") as file:
        file.seek(before)
        return [line for line in file.read().decode().splitlines() if " debug " in line]


def ends():
    return [(at["actor"], at["action"], at["detail"]) for at in lab.audit() if at["action"].startswith("log.")]


row(not details(), "control: nobody debugs, and a handshake that fails is no line of the log")
lab.ctl("log", "debug", "--reason", "Ticket 4711")
row(details(), "control: somebody does, and it does")
leap_to(3540)
row(details() and ends() == [(f"uid:{os.getuid()}", "log.debug", "Ticket 4711")], "control: after 59 minutes that is so, still", ends())
leap_to(3601)
row(not details(), "DSK I.8-e in full: after an hour a running konsild writes no details any more, and nobody had to end it")
row(ends()[1:] == [("konsild", "log.normal", "by itself, after an hour")], "DSK I.8-e in full: and the audit log has that, too: once", ends())
row(lab.stop() == 0, "konsild ends in order")
done()
