#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""DSK II.2-a: a hostile server alters, repeats, and puts words in others' mouths; nothing of it is shown as genuine."""
import wire
from lab import Lab, canary, done, row

lab = Lab(tap=True)
anna, jonas, eve = lab.account("anna"), lab.account("jonas"), lab.account("eve")
A, J, E = lab.konsil(anna), lab.konsil(jonas), lab.konsil(eve)
watch = lab.stream(jonas, "watch").available()
A.send(jonas, "Guten Morgen.")
J.wait_body("Guten Morgen.")
J.send(anna, "Guten Morgen, Anna.")
A.wait_body("Guten Morgen, Anna.")


def shown():
    """What Jonas's history shows of Anna, oldest first."""
    return [m for m in J.history(anna) if not m.get("mine")]


# --- altered on its way: content, then keys ---

for part in ("payload", "key"):
    words = canary()
    lab.flip(f"</{part}>")
    sent = A.send(jonas, words)
    event = J.wait("message", lambda e: e["message"]["message"] == sent or e["message"].get("unreadable"))["message"]
    row(event.get("unreadable") and not event.get("body"), f"DSK II.2-a in full: with an altered {part} an event says that a message cannot be read, and has no text", event)
    last = shown()[-1]
    row(last.get("unreadable") and not last.get("body"), f"DSK II.2-a in full: a placeholder stands in its place ({part})", last)
    row(not any(words in str(e) for e in J.lines.all), f"DSK II.2-a in full: its text is in no event ({part})")
    lab.flip("")
    healed = J.wait_body(words)
    row(healed["order"] == event["order"] and shown()[-1].get("body") == words and not shown()[-1].get("unreadable"),
        f"DSK II.2-a: control: unaltered it is asked for, and takes the placeholder's place ({part})", healed)

# --- another's, a repeated, a moved one ---

words = canary()
sent = A.send(jonas, words)
J.wait_body(words)
stanza = watch.wait(lambda e: e.get("id") == sent)
text = wire.ET.tostring(stanza.find("{urn:xmpp:omemo:2}encrypted"), encoding="unicode")
before = shown()


def end_of(sender, stream):
    """Waits until all that was sent before is dealt with: by a message after it that does arrive."""
    stream.sync()
    marker = canary()
    sender.send(jonas, marker)
    J.wait_body(marker)


forger = lab.stream(eve, "forger")
forger.send(f"<message type='chat' to='{jonas}' id='{sent}'>{text}</message>"
            f"<message type='chat' to='{jonas}' id='other'>{text}</message>"
            f"<message type='chat' from='{anna}/x' to='{jonas}' id='other2'>{text}</message>")
end_of(E, forger)
row(not any(words in str(m) for m in J.history(eve)) and shown() == before,
    "DSK II.2-a: Anna's words, sent once more in Eve's name, are not shown as Eve's", J.history(eve))
forger.send(f"<message type='chat' to='{jonas}' id='carbon'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
            f"<message xmlns='jabber:client' type='chat' from='{anna}/x' to='{jonas}' id='inner'>{text}</message></forwarded></received></message>")
end_of(E, forger)
row(shown() == before, "attack 20, DSK II.2-a: XEP-0280 §11: a copy that Eve made herself changes nothing", shown()[len(before):])

replay = lab.stream(anna, "replay")
replay.send(f"<message type='chat' to='{jonas}' id='{sent}'>{text}</message>"
            f"<message type='chat' to='{jonas}' id='again'>{text}</message>")
end_of(A, replay)
bodies = [m.get("body") for m in shown()]
row(bodies.count(words) == 1, "DSK II.2-a: a repeated message is shown once", bodies)
row(not any(m.get("unreadable") for m in shown()), "DSK II.2-a: and as nothing else", shown())

# --- in clear ---

clear = canary()
with open(f"{lab.dir}/konsild.conf") as file:
    settings = file.read()
with open(f"{lab.dir}/konsild.conf", "w") as file:  # a server that stops protecting
    file.write(settings.replace('name = "klinik.example";', 'name = "klinik.example"; protected = false;'))
lab.stop()
lab.start()
J.wait("ready")
E.wait("ready")
forger = lab.stream(eve, "forger2")
forger.send(f"<message type='chat' to='{jonas}' id='clear'><body>{clear}</body></message>")
end_of(E, forger)
row(not any(clear in str(e.get("message", {}).get("body", "")) for e in J.events("message"))
    and any(e["code"] == "message.in_clear" for e in J.events("warning")),
    "DSK II.2-a: a text in clear is not shown as a message, and a warning is given", J.events("warning"))
done()
