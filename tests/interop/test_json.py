#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil --json as a script uses it: commands through a pipe, and at their end it goes, when the server has everything."""
import json
import os
import subprocess

from lab import BUILD, PASSPHRASE, TIMEOUT, Lab, canary, done, row

lab = Lab()
anna, jonas = lab.account("anna"), lab.account("jonas")
J = lab.konsil(jonas)
DIRECTORY = os.path.join(lab.dir, "one-shot")
CONNECT = {"cmd": "connect", "jid": anna, "password": lab.passwords[anna], "host": "127.0.0.1", "port": lab.port}


def run(*commands, end="\n"):
    """printf COMMANDS | konsil --json; what came of it, with the events."""
    text = "\n".join(c if isinstance(c, str) else json.dumps(c) for c in commands) + end
    result = subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "--json", "--lang", "en", "--ca", lab.ca, "--dir", DIRECTORY,
                             anna], input=text, capture_output=True, text=True, timeout=TIMEOUT,
                            env=dict(os.environ, KONSIL_PASSPHRASE=PASSPHRASE))
    result.events = [json.loads(line) for line in result.stdout.splitlines()]
    return result


def send(body, **fields):
    return {"cmd": "send", "id": "s", "to": jonas, "body": body, **fields}


# --- one message ---

words = canary()
once = run(CONNECT, send(words))
row(once.returncode == 0 and not once.stderr, "a message from a pipe: konsil ends well", once)
message = next(e["message"] for e in once.events if e.get("re") == "s")
states = [e["state"] for e in once.events if e.get("event") == "message_state" and e["message"] == message]
row("server" in states, "not before the server has it", states)
row(J.wait_body(words)["from"] == anna, "and it arrives")
row(not any(e["event"] == "state" for e in once.events), "no event answers a question that nobody asked",
    [e for e in once.events if e["event"] == "state"])
many = [canary() for _ in range(30)]
result = run(CONNECT, *map(send, many), end="")
row(result.returncode == 0 and all(J.wait_body(words) for words in many), "so do thirty, the last line without an end", result.stderr)

# --- what it does not understand ---

unknown = run({"cmd": "teleport", "id": "t"}, "no JSON", {"cmd": "hello", "id": "h"})
errors = [e for e in unknown.events if e["event"] == "error"]
row(errors[0]["code"] == "command.unknown" and errors[0]["cmd"] == "teleport" and errors[0]["re"] == "t",
    "an unknown command is an error with its name", errors)
row(errors[1]["code"] == "command.syntax" and any(e["event"] == "hello" and e["re"] == "h" for e in unknown.events),
    "what is no JSON is an error too, and the next command is taken", unknown.events)
row(unknown.returncode == 0, "and without a connection there is nothing to wait for", unknown)

# --- the server is away ---

lab.stop()
words = canary()
left = run(CONNECT, send(words))
row(left.returncode == 1 and "Not all messages have reached the server." in left.stderr and "They stay on this device" in left.stderr,
    "a server that stays away is given up after a while: exit 1, and a sentence with what becomes of them", left)
lab.start()
J.wait("ready")
result = run({**CONNECT, "password": "falsch"})
row(result.returncode == 1 and "Not all messages have reached the server." in result.stderr
    and any(e.get("reason") == "login.refused" for e in result.events), "a refused login is not waited for", result)
result = run(CONNECT)
row(result.returncode == 0 and not result.stderr, "the next one that connects sends what was left", result)
J.wait_body(words)
marker = canary()
row(run(CONNECT, send(marker)).returncode == 0 and J.wait_body(marker) and
    [m.get("body") for m in J.history(anna)].count(words) == 1, "exactly once", J.history(anna)[-3:])
done()
