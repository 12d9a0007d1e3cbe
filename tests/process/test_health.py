# SPDX-License-Identifier: AGPL-3.0-or-later
"""/health, which load balancers ask whether to send clients here: while konsild goes nobody says that it is well. What it says
while the store fails is in tests/unit/test_web_metrics.c."""
import http.client
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import TIMEOUT, Lab, done, row
from wire import Closed

lab = Lab(web=True)


def health():
    """(status, text); (0, "") when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", lab.metrics_port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


anna, berta = (lab.stream(lab.account(name, "offen.example")) for name in ("anna", "berta"))
row(health() == (200, "ok\n"), "/health: ok", health())

# Clients that do not go keep konsild waiting for some seconds.
lab.konsild.terminate()
try:
    anna.next()
    ended = "nothing"
except Closed as end:
    ended = end.args[0]
row(ended == "system-shutdown", "(control: clients are told that konsild goes)", ended)
while health()[0]:  # each thread closes its ports when it hears of it
    pass
row(lab.konsild.poll() is None and health() == (0, ""), "/health: while konsild waits for its clients to go its ports are closed, and nobody is told ok")
anna.close()
berta.close()
row(lab.konsild.wait(TIMEOUT) == 0, "konsild ends in order")
done()
