#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""DSK II.2-e: what a sender is told of a message is true for each recipient: waiting, server, delivered, read if the
reader allows it, failed; and that something failed is told loudly, to a program and to a person at a terminal.

"Confirmed" belongs to clinical messages, which konsil 0.1 does not send: there is no such state that could be wrong."""
import glob
import os

from lab import BUILD, PASSPHRASE, Lab, canary, done, row, skip
from screen import Screen

lab = Lab()
anna, jonas, lena, eve, keyless = (lab.account(name) for name in ("anna", "jonas", "lena", "eve", "keyless"))
A, J, L = lab.konsil(anna), lab.konsil(jonas), lab.konsil(lena)


def states(message):
    """All states an own message went through, with the reasons."""
    return [(e["state"], e["recipients"][0].get("reason")) for e in A.events("message_state") if e["message"] == message]


def final(message, state):
    """The last event of a message that reaches a state, and the history's word about it."""
    event = A.wait_state(message, state)
    stored = next(m for m in A.history(event["conversation"]) if m["message"] == message)
    return event, stored


# --- online ---

m = A.send(jonas, canary())
event, stored = final(m, "delivered")
names = [state for state, _ in states(m)]
row(names[-2:] == ["server", "delivered"] and "failed" not in names, "DSK II.2-e: a message to somebody online is on the server, then delivered", names)
row([r["jid"] for r in event["recipients"]] == [jonas] and stored["state"] == "delivered" and stored["recipients"] == event["recipients"],
    "DSK II.2-e part (confirmed): the state is told for each recipient, and kept in the history", (event, stored))

# --- read, which is the reader's to tell ---

J.do("mark_read", conversation=anna)
A.wait_state(A.send(jonas, canary()), "delivered")
stored = next(x for x in A.history(jonas) if x["message"] == m)
row(stored["state"] == "delivered", "DSK II.2-e: what was read stays delivered, unless the reader allows it to be told", stored)
J.do("settings", tell_read=True)
m = A.send(jonas, canary())
A.wait_state(m, "delivered")
J.do("mark_read", conversation=anna)
event, stored = final(m, "read")
row(event["recipients"] == stored["recipients"] == [{"jid": jonas, "state": "read"}] and stored["state"] == "read",
    "DSK II.2-e: if he does, it is read, as the history says too", (event, stored))

# --- the recipient is offline ---

J.close()
m = A.send(jonas, canary())
event, stored = final(m, "server")
other = A.send(lena, canary())
A.wait_state(other, "delivered")
row(states(m)[-1] == ("server", None), "DSK II.2-e: to somebody offline it is on the server and no more, while another's is delivered", states(m))
J.start()
event, stored = final(m, "delivered")
row(stored["state"] == "delivered", "DSK II.2-e: when he is back it is delivered", stored)

# --- we are offline ---

lab.stop()
A.wait("connection", lambda e: e["state"] == "offline")
m = A.send(jonas, canary())
shown = A.wait("message", lambda e: e["message"]["message"] == m)["message"]
stored = A.history(jonas)[-1]
row(shown["recipients"] == [{"jid": jonas, "state": "waiting", "reason": "message.waits_connection"}] and stored["state"] == "waiting",
    "DSK II.2-e: without a connection it waits, and says why", (shown, stored))
row(A.do("state")["waiting"] == 1, "DSK II.2-e: and is counted as waiting")
lab.start()
A.do("retry")
final(m, "delivered")
row([s for s, _ in states(m)][-2:] == ["server", "delivered"], "DSK II.2-e: with the connection it goes its way", states(m))

# --- the recipient blocks us ---

L.do("block", jid=anna)
L.wait("contact", lambda e: e["contact"]["jid"] == anna and e["contact"].get("blocked"))
m = A.send(lena, canary())
event, stored = final(m, "failed")
row(event["recipients"][0] == {"jid": lena, "state": "failed", "reason": "message.bounced"} and stored["state"] == "failed",
    "DSK II.2-e: somebody who blocks us: failed, loudly: an event with account and reason", event)
L.do("unblock", jid=anna)
L.wait("contact", lambda e: e["contact"]["jid"] == anna and not e["contact"].get("blocked"))
A.send(lena, "wieder da")
L.wait_body("wieder da")
row(stored["body"] not in [x.get("body") for x in L.history(anna)], "DSK II.2-e: and what failed is indeed not there")

# --- the recipient has no keys, or is no more ---

m = A.send(keyless, canary())
event = A.wait("message_state", lambda e: e["message"] == m and e["recipients"][0].get("reason") == "peer.no_keys")
row((event["state"], event["recipients"][0]["reason"]) in (("waiting", "peer.no_keys"), ("failed", "peer.no_keys")),
    "DSK II.2-e: to somebody without a device it does not leave, and says why", event)
row(not any(e["state"] in ("server", "delivered") for e in A.events("message_state") if e["message"] == m), "DSK II.2-e: nor does it claim to")
J.close()
lab.ctl("user", "delete", jonas)
m = A.send(jonas, canary())
event, stored = final(m, "failed")
row(event["recipients"][0]["state"] == "failed" and event["recipients"][0].get("reason"), "DSK II.2-e: to a deleted account: failed, with a reason", event)

# --- nobody fetched it in 30 days ---

E = lab.konsil(eve)
A.wait_state(A.send(eve, "da"), "delivered")
E.close()
m = A.send(eve, canary())
final(m, "server")
A.close()
library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), "")
if library:
    os.environ.update(LD_PRELOAD=library, FAKETIME="+31d")
    A.start(connect=False)
    del os.environ["LD_PRELOAD"], os.environ["FAKETIME"]
    A.connect()
    event, stored = final(m, "failed")
    row(event["recipients"][0] == {"jid": eve, "state": "failed", "reason": "message.expired"},
        "DSK II.2-e: what nobody fetched in 30 days has failed, loudly", event)
else:
    skip("DSK II.2-e: what nobody fetched in 30 days has failed, loudly", "apt-get install libfaketime")

# --- what a person hears and sees of it: two colleagues of another domain, one of whom has blocked her ---

rita, otto, paula = (lab.account(name, "offen.example") for name in ("rita", "otto", "paula"))
O, P = lab.konsil(otto), lab.konsil(paula)
terminal = Screen(f"'{BUILD}/cmd/konsil' --lang de --ca '{lab.ca}' --server 127.0.0.1:{lab.port} --dir '{lab.dir}/terminal' {rita}",
                  {"KONSIL_PASSPHRASE": PASSPHRASE})
try:
    terminal.sees("Passwort des Kontos:")
    terminal.enter(lab.passwords[rita])
    terminal.sees("verbunden", "Otto", "Paula")
    terminal.enter("Wie geht es Herrn K.?")
    ok, seen = terminal.sees("✓✓ zugestellt")
    row(ok and terminal.bells == 0, "DSK II.2-e: control: at a terminal what is delivered makes no noise", seen)
    O.do("block", jid=rita)
    O.wait("contact", lambda e: e["contact"]["jid"] == rita and e["contact"].get("blocked"))
    lab.stop()
    terminal.enter("Bitte kommen!")
    terminal.sees("Bitte kommen!")
    terminal.key("Down")  # so she does not see it
    lab.start()
    terminal.key("F5")
    ok, seen = terminal.sees("Otto: Die Nachricht wurde nicht angenommen.")
    listed = [line for line in seen.splitlines() if "Otto" in line and "nicht angenommen" not in line]
    heard, _ = terminal.until(lambda screen: terminal.bells > 0)
    row(ok and heard, "DSK II.2-e: what failed is heard, and said with the name and the reason, whatever else is shown", (terminal.bells, seen))
    row(listed and "!" in listed[0], "DSK II.2-e: and marked in the list of conversations until it was looked at", seen)
finally:
    terminal.close()
done()
