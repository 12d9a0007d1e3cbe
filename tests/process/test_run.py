# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/run.sh, the demo hospital of 'make run': what it says, that it works, ends, and goes on with its data."""
import os
import shlex
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from demo import RUN, Demo
from lab import TIMEOUT, canary, done, row


def run(words):
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


demo = Demo()
domains = [jid.split("@")[1] for jid in demo.passwords]
row(domains.count("klinik.example") == 5 and domains.count("offen.example") == 2 and len(set(demo.passwords.values())) == 7,
    "five logins of the hospital are printed and two for tests, each with its own password", demo.said)
row(demo.dir in demo.said and str(demo.port) in demo.said and str(demo.direct_port) in demo.said
    and listens(demo.port) and listens(demo.direct_port), "directory and ports are those of the options, and are told", demo.said)
page = run(["curl", "-s", "--cacert", demo.ca, f"https://127.0.0.1:{demo.https_port}/"])
row(f"https://127.0.0.1:{demo.https_port}/ in a browser" in demo.said and f"wss://127.0.0.1:{demo.https_port}/xmpp-websocket" in page.stdout,
    "a browser finds a page that says where clients connect", page)
row(os.stat(demo.dir).st_mode & 0o7777 == 0o700, "what it made is its owner's alone", oct(os.stat(demo.dir).st_mode))
*looking, = demo.lines_after("To look around:")
answers = [run(["sh", "-c", line]) for line in looking]
row(len(looking) == 2 and "j.brandt" in answers[0].stdout and "Verify return code: 0 (ok)" in answers[1].stdout,
    "the commands to look around do what they should", [a.stdout[-500:] + a.stderr for a in answers])
ctl = shlex.split(looking[0])[:3]
health = run([*ctl, "health"])
row(health.returncode == 0, "konsild is healthy", health)

jana, murat = "j.brandt@klinik.example", "m.yilmaz@klinik.example"
command = shlex.split(demo.lines_after("Next, in another terminal:")[0])
row(command[-1] == jana and command[command.index("--ca") + 1] == demo.ca and command[command.index("--server") + 1] == f"127.0.0.1:{demo.port}"
    and os.access(command[0], os.X_OK), "the next command to try names program, authority, server and account", command)
A, B = demo.konsil(jana), demo.konsil(murat)
words = canary()
A.wait_state(A.send(murat, words), "delivered")
row(B.wait_body(words)["from"] == jana, "two of the logins write to each other")
B.close()
later = canary()
A.wait_state(A.send(murat, later), "server")
A.close()
added = subprocess.run([*ctl, "user", "add", "neu@klinik.example", "--password-stdin"], input="ein-langes-wort\n",
                       capture_output=True, text=True, timeout=TIMEOUT)

row(demo.interrupt() == 0 and "konsild has stopped; its data stays in" in demo.lines.all[-1], "Ctrl-C ends it, and it says so", demo.lines.all[-3:])
row(not listens(demo.port) and not listens(demo.direct_port), "nothing listens any more")
before = demo.passwords
demo.start()
row(demo.passwords == before, "started again it has the same logins", demo.said)
users = run([*ctl, "user", "list", "klinik.example"])
row(added.returncode == 0 and "\nneu " in users.stdout, "and the account that was made before", users)
B.start()
row(B.wait_body(later)["from"] == jana, "and the message that waited")
B.close()
second = run([RUN, "--dir", demo.dir + "2", "--port", str(demo.port), "--direct-port", str(demo.direct_port), "--https-port",
              str(demo.https_port), "--build",
              os.environ["KONSIL_BUILD"]])
row(second.returncode == 1 and str(demo.port) in second.stderr and "did not start" in second.stderr,
    "a port that is taken: it says so, and ends", second)
for words in (["--port"], ["--nothing"], ["--build", "/nowhere"]):
    wrong = run([RUN, *words])
    row(wrong.returncode == 1 and wrong.stderr.startswith("run: "), f"refused with a sentence: {' '.join(words)}", wrong)
row(demo.interrupt() == 0, "it ends a second time")
done()
