#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of konsild and of konsil, and cuts of the network, under load with recipients online: nothing is lost, nothing is
shown twice, and each sender's order stays.

usage: test_crash.py [KILLS [MESSAGES]]    kills of each program (20), as many cuts, and at least so many messages (1500)

Three people write to each other all the time. A message counts as said when konsil answered the command that sends it:
then it is in its store, whatever happens; and as acknowledged when konsil told that the server has it. At the end all
come back, and what each history shows must be what the others said.

DSK II.2-g speaks of 100,000 messages: with fewer the rows say that they are a part of it, with so many (make chaos) that
they are all of it."""
import collections
import random
import sys
import threading
import time

from lab import TIMEOUT, Konsil, Lab, done, note, row
from relay import Relay

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
MESSAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
DSK = "DSK II.2-g in full" if MESSAGES >= 100000 else "DSK II.2-g part (100,000 messages: make chaos)"
WINDOW = 16  # a writer does not run ahead of the server by more
chance = random.Random()
stop = threading.Event()


class Person:
    """Somebody who writes to the others, one message after another, and goes on after each kill."""

    def __init__(self, jid):
        self.jid, self.turn, self.error = jid, 0, None
        self.said = collections.defaultdict(list)    # by account: (body, whether konsil answered)
        self.shown = collections.Counter()           # (message id, body): how often an event showed it
        self.acknowledged = set()                    # ids that the server has
        self.news = threading.Condition()
        self.alive = threading.Event()
        self.begin()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def begin(self):
        self.konsil = Konsil(lab, self.jid, consume=self.take, connect=False)
        self.konsil.tell("connect", jid=self.jid, password=lab.passwords[self.jid], host="127.0.0.1", port=network.port)
        self.alive.set()

    def take(self, event):
        """Of all events; what is left are answers to commands."""
        with self.news:
            if event["event"] == "message" and not event["message"].get("mine") and event["message"].get("body"):
                self.shown[event["message"]["message"], event["message"]["body"]] += 1
            elif event["event"] == "message_state" and event["state"] != "waiting":
                self.acknowledged.add(event["message"])
            self.news.notify_all()
        return "re" not in event and event["event"] not in ("ready", "connection")

    def run(self):
        try:
            while not stop.is_set():
                self.alive.wait()
                self.write(self.konsil)
        except Exception as error:
            self.error = error

    def write(self, konsil):
        to = people[(people.index(self) + 1 + self.turn % 2) % len(people)].jid
        body = f"{self.jid} {self.turn}"
        self.turn += 1
        try:
            answer = konsil.do("send", to=to, body=body)
        except (TimeoutError, OSError):
            if konsil is self.konsil and self.alive.is_set():
                raise
            self.said[to].append((body, False))  # killed before it answered: kept or not, both are right
            return
        assert answer["event"] == "result", answer
        self.said[to].append((body, True))
        if self.turn % WINDOW == 0:
            with self.news:
                arrived = self.news.wait_for(lambda: answer["message"] in self.acknowledged
                                             or not self.alive.is_set() or konsil is not self.konsil, TIMEOUT)
            assert arrived, f"{self.jid}: {body} is not on the server"

    def kill(self):
        self.alive.clear()
        self.konsil.kill()
        with self.news:
            self.news.notify_all()
        self.begin()

    def everything(self, other):
        """The bodies that our history shows of another, once all that he said is there; or what is there when nothing
        comes any more."""
        wanted = {body for body, sure in other.said[self.jid] if sure}
        while True:
            with self.news:
                before = sum(self.shown.values())
            messages = [m for m in self.konsil.history(other.jid) if not m.get("mine")]
            if wanted <= {m.get("body") for m in messages}:
                return messages
            with self.news:
                if not self.news.wait_for(lambda: sum(self.shown.values()) > before, TIMEOUT):
                    return messages


def progress():
    return sum(person.turn for person in people)


def until(count):
    """Until so many messages were taken, and a moment more, so that a kill may strike anywhere."""
    while progress() < count:
        assert not any(person.error for person in people), [person.error for person in people]
        time.sleep(0.001)
    time.sleep(chance.random() * 0.02)


def retry():
    """Nobody waits until it is time to try again: a test has no patience."""
    for person in people:
        assert not person.error, person.error
        person.konsil.tell("retry")


lab = Lab()
network = Relay(lab.port)
people = []
for jid in [lab.account(name) for name in ("anna", "jonas", "lena")]:
    people.append(Person(jid))
for person in people:
    person.thread.start()
begin, each = time.monotonic(), max(1, MESSAGES // (3 * KILLS))
for i in range(KILLS):
    until((3 * i + 1) * each)
    lab.kill()
    lab.start()
    retry()
    until((3 * i + 2) * each)
    people[i % len(people)].kill()
    until((3 * i + 3) * each)
    network.cut()
    retry()
until(MESSAGES)
stop.set()
for person in people:
    person.thread.join(TIMEOUT)
retry()
FAULTS = f"{KILLS} kills of konsild, {KILLS} of konsil and {KILLS} cuts"
note(f"{FAULTS} ({network.cuts} connections), {progress()} messages, {progress() / (time.monotonic() - begin):.0f}/s")



def judge(said, shown, sent, acknowledged):
    """What is wrong with a reader's messages of somebody, as a Counter. said: (body, sure) as told to konsil; shown: the
    reader's history; sent: the author's; acknowledged: ids."""
    bodies, ids = [m.get("body") for m in shown], {m["message"] for m in shown if m.get("body")}
    known, words = set(bodies), {body for body, _ in said}
    turns = [int(body.split(" ")[1]) for body in bodies if body]
    return collections.Counter({
        "acknowledged and lost": sum(m["message"] in acknowledged and m["message"] not in ids for m in sent),
        "taken by konsil and lost": sum(sure and body not in known for body, sure in said),
        "shown and never said": sum(body not in words for body in bodies if body),
        "unreadable": sum(bool(m.get("unreadable")) for m in shown),
        "twice in a history": sum(count - 1 for count in collections.Counter(bodies).values()),
        "out of their author's order": sum(b <= a for a, b in zip(turns, turns[1:])),
    })


total = collections.Counter()
for reader in people:
    for author in [person for person in people if person is not reader]:
        said, shown = author.said[reader.jid], reader.everything(author)
        sent = [m for m in author.konsil.history(reader.jid) if m.get("mine")]
        total.update(judge(said, shown, sent, author.acknowledged))
    total["shown twice"] += sum(count - 1 for count in reader.shown.values())
    total["missing numbers"] += sum(c.get("missing", 0) for c in reader.konsil.do("conversations")["conversations"])
unsure = sum(not sure for person in people for said in person.said.values() for _, sure in said)
note(f"{sum(len(p.acknowledged) for p in people)} acknowledged; {unsure} of which konsil was killed before it answered")
row(progress() >= MESSAGES and network.cuts > KILLS and sum(len(p.acknowledged) for p in people) > MESSAGES // 2,
    f"{DSK}: {FAULTS} struck while {MESSAGES} messages were under way", (progress(), network.cuts))
for what, count in total.items():
    row(count == 0, f"{DSK}: {what}: 0", count)

# The same judgement of the last pair, with a fault put in by hand.
middle = max(i for i, m in enumerate(shown[:-1]) if m["message"] in author.acknowledged)
spoiled = {
    "acknowledged and lost": shown[:middle] + shown[middle + 1:],
    "taken by konsil and lost": shown[:middle] + shown[middle + 1:],
    "shown and never said": shown + [dict(shown[-1], message="x", body="nobody 1000000")],
    "unreadable": shown[:-1] + [{"message": "x", "unreadable": True}],
    "twice in a history": shown + shown[-1:],
    "out of their author's order": shown[:middle] + [shown[middle + 1], shown[middle]] + shown[middle + 2:],
}
for what, messages in spoiled.items():
    row(judge(said, messages, sent, author.acknowledged)[what] > 0, f"{DSK}: control: {what} would be seen")
row(lab.stop() == 0, f"{DSK}: after all that konsild ends in order")
done()
