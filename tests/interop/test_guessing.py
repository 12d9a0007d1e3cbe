#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""DSK IV.2-f: what guessing passwords and names costs, and what it tells.

That a wait was kept is seen from below (it took at least so long) and by order (the other one was through first), so
a slow machine fails nothing. Whether unknown names answer as fast as known ones is compared between medians of many
interleaved tries, and a factor of 2 allowed: it would catch a key that is derived for one kind only (with 10,000
rounds of PBKDF2 a factor of 10 and more), and nothing finer."""
import re
import select
import statistics
import time

import wire
from lab import Lab, done, note, row

lab = Lab()
anna, gone, off = lab.account("anna"), lab.account("gone"), lab.account("off")
DOMAIN = "klinik.example"
HOME, STRANGER, OTHER = ("127.0.0.2", 0), ("127.0.0.3", 0), ("127.0.0.4", 0)


def stream(address):
    return wire.Stream(lab, DOMAIN, address)


def wrong(address, user="anna"):
    """One wrong login; the refusal's condition, and how long it took."""
    s = stream(address)
    begin = time.monotonic()
    try:
        s.scram_final("falsch", *s.scram_first(user))
    except wire.Refused as refusal:
        s.close()
        return refusal.args[0], time.monotonic() - begin
    return None, 0


def silent(s):
    """True if the server has not said anything that is not read."""
    return not s.socket.pending() and not select.select([s.socket], [], [], 0)[0]


# --- equal answers ---

lab.ctl("user", "delete", gone)
lab.ctl("user", "disable", off)


def shape(user, address):
    """Both answers to a wrong login without what must differ (nonce and salt), and the salt."""
    s = stream((address, 0))
    bare, first = s.scram_first(user, nonce="immer-gleich")
    try:
        s.scram_final("falsch", bare, first)
    except wire.Refused as refusal:
        s.close()
        salt = re.search("s=([^,]*)", first)[1]
        first = re.sub("r=immer-gleich[^,]{16,}", "r=…", first).replace(salt, f"{len(salt)} letters")
        return (first, refusal.args[1]), salt


known, salt = shape("anna", "127.0.1.1")
unknown, salts = shape("nobody", "127.0.1.2"), set()
row(re.fullmatch(r"r=…,s=24 letters,i=\d+(,h=[^,]+)?", known[0]) and "not-authorized" in known[1],
    "DSK IV.2-f: control: the answers to a wrong password have the form they should", known)
row(unknown[0] == known, "DSK IV.2-f in full: an unknown name gets the same two answers as a known one", (known, unknown))
row(shape("gone", "127.0.1.3")[0] == known, "DSK IV.2-f: so does a deleted account's")
row(shape("off", "127.0.1.4")[0] == known, "DSK IV.2-f: so does a disabled account's")
row(shape("nobody", "127.0.1.5")[1] == unknown[1] and unknown[1] not in (salt, shape("nobody2", "127.0.1.6")[1]),
    "DSK IV.2-f: an unknown name has the same salt each time, and another name another one")
s = stream(("127.0.1.7", 0))
try:
    s.scram_final(lab.passwords[off], *s.scram_first("off"))
    row(False, "DSK IV.2-f: a disabled account's right password is answered like a wrong one", "logged in")
except wire.Refused as refusal:
    row(refusal.args[1] == known[1], "DSK IV.2-f: a disabled account's right password is answered like a wrong one", refusal)
s.close()

# --- equal time: fresh names each time, so that each is looked for in the database ---

COUNT = 120
with open(f"{lab.dir}/many", "w") as file:
    for i in range(COUNT):
        file.write(f"known{i}@{DOMAIN};Name;Station;Beruf;wort-{i}-lang-genug\n")
lab.ctl("user", "import", f"{lab.dir}/many")
lab.stop()  # what was just made is in its memory
lab.start()
times = {"known": [], "other": []}
s = stream(OTHER)
for i in range(COUNT):
    if i % 2 == 0:
        s.close()
        s = stream(OTHER)
    for kind in sorted(times, reverse=i % 4 > 1):
        begin = time.perf_counter()
        s.scram_first(f"{kind}{i}")
        times[kind].append(time.perf_counter() - begin)
        s.send("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        s.next()
s.close()
medians = {kind: statistics.median(values) * 1e6 for kind, values in times.items()}
note("median time to the challenge: known %(known).0f us, unknown %(other).0f us" % medians)
row(0.5 < medians["known"] / medians["other"] < 2, "DSK IV.2-f in full: an unknown name takes as long as a known one", medians)

# --- growing waits ---

s = stream(HOME).login(anna, lab.passwords[anna], "home")  # this address is known to the account from now on
waits = []
for guess in range(1, 6):
    condition, took = wrong(STRANGER)
    waits.append(took)
    row(condition == "not-authorized", f"DSK IV.2-f: wrong login {guess} is refused", condition)
note("waits: " + ", ".join(f"{wait:.2f} s" for wait in waits))
row(waits[2] > 0.9 and waits[3] > 1.8 and waits[4] > 3.6,
    "DSK IV.2-f: the third waits a second, the next two, the next four", waits)
strangers = [stream(STRANGER if i % 2 else ("127.0.2.1", 0)) for i in range(15)]
for i, s in enumerate(strangers):
    s.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>"
           f"{wire.base64.b64encode(f'n,,n=anna,r=fremd{i}'.encode()).decode()}</auth>")
again = stream(HOME).login(anna, lab.passwords[anna], "again")  # the 16th: its address is known
row(all(silent(s) for s in strangers),
    "DSK IV.2-f in full: after 20 wrong logins a known device gets in at once, while strangers wait, from other addresses too",
    [i for i, s in enumerate(strangers) if not silent(s)])
row(again.jid == anna + "/again", "DSK IV.2-f: control: it did get in")
nobodies = stream(("127.0.2.2", 0))
nobodies.scram_first("someone")
row(all(silent(s) for s in strangers), "DSK IV.2-f: control: so does another account")

# --- many at once ---

lena = lab.account("lena")
crowd = [stream((f"127.0.3.{i}", 0)) for i in range(1, 22)]
begun = [s.scram_first("lena") for s in crowd]
told = []
for i, s in enumerate(crowd):
    try:
        s.scram_final(lab.passwords[lena] if i == 20 else f"falsch{i}", *begun[i])
        told.append("success")
    except wire.Refused as refusal:
        told.append(refusal.args[0])
row(told[:2] == ["not-authorized"] * 2 and told[2:] == ["temporary-auth-failure"] * 19,
    "DSK IV.2-f: of 20 guesses begun at once only two are looked at, and a right one after them is not told from wrong ones", told)
done()
