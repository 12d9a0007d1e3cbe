# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a konsil has of messages whose time is up: its store is opened with the passphrase, and all its pages are looked at,
those of the log, too."""
import os
import shutil
import subprocess
import tempfile

import search
from lab import BUILD, PASSPHRASE, Lab, canary, done, note, row

OPEN_STORE = os.path.join(BUILD, "tests", "interop", "open_store")
LATER = os.path.join(BUILD, "tests", "interop", "liblater.so")
DAY = 86400
lab = Lab()
anna, berta = lab.account("anna"), lab.account("berta")
A, B = lab.konsil(anna), lab.konsil(berta)
heard, said, edited, long, younger = (canary() for _ in range(5))


def pages():
    """Everything that stands in berta's store, in the clear; konsil is not running."""
    with tempfile.TemporaryDirectory() as directory:
        copy = shutil.copytree(B.dir, os.path.join(directory, "copy"))
        result = subprocess.run([OPEN_STORE, "pages", copy], env={"KONSIL_PASSPHRASE": PASSPHRASE}, capture_output=True, check=True)
    note(result.stderr.decode().strip())
    return result.stdout


def held(bytes_):
    return [word for word in words if search.in_bytes(bytes_, [word]) or search.in_bytes(bytes_, [word.lower()])]


# --- before ---

for i in range(40):
    A.send(berta, f"{heard} {i} " + "x" * (i * 37))
A.send(berta, " ".join([long] * 800))  # more than a page has room for
B.wait("message", lambda e: long in e["message"].get("body", ""))
last = B.send(anna, said)
A.wait_body(said)
B.do("edit", conversation=anna, message=last, body=edited)
A.wait("edited", lambda e: e["body"] == edited)
B.wait_state(last, "delivered")
words = [heard, said, edited, long]
row(not search.planted(heard), "(positive control: the search finds a word in each disguise)")
row(len(B.do("search", text=heard)["messages"]) > 0, "(positive control: and konsil finds it)")
B.kill()
row(set(held(pages())) == set(words), "(positive control: a konsil that was killed has the words in its pages)", held(pages()))
B.start()
B.close()
row(set(held(pages())) >= {heard, edited, long}, "(positive control: and one that ended in order)", held(pages()))

# --- the clock of the device alone is ahead ---

later = {"LD_PRELOAD": LATER, "LATER_SECONDS": str(3 * DAY)}
B.environment = later
B.start()
B.do("retention_set", days=1)
B.wait("warning", lambda e: e["code"] == "clock.differs")
row(len(B.history(anna)) == 42, "PROTOCOL §12.1: a device whose clock is ahead of the server's says so, and deletes nothing before its time", len(B.history(anna)))
B.close()

# --- the period is over ---

A.close()
lab.stop()
os.environ.update(later)
lab.start()
for name in later:
    del os.environ[name]
A.start()
B.start()
A.send(berta, younger)
B.wait_body(younger)
B.do("retention_set", days=1)
gone = 0
while gone < 42:
    B.wait("message", lambda e: e["message"].get("gone"))
    gone += 1
row(not B.do("search", text=heard)["messages"] and [m["body"] for m in B.history(anna)] == [younger],
    "(positive control: what is older went, and what is younger is there)", B.history(anna))
B.kill()
found = pages()
row(not held(found), "DSK I.7-c part (alerts): a konsil that is killed then has no word of it in the pages of its store, "
    "free ones included, nor in its log", held(found))
row(search.in_bytes(found, [younger]), "(positive control: what is younger is)")
row(lab.stop() == 0, "konsild ends in order")
done()
