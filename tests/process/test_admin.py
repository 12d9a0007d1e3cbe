# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who administers a domain from a client (XEP-0133) deletes accounts and ends sessions of the real program: what is left of them in
it is seen with konsilctl."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import Lab, done, row

COMMANDS, ADMIN = "http://jabber.org/protocol/commands", "http://jabber.org/protocol/admin"
lab = Lab(of={"offen.example": 'admin = { accounts = "anna"; };'})
anna, jonas, clara = (lab.account(name, "offen.example") for name in ("anna", "jonas", "clara"))
chief, user = lab.stream(anna).available(), lab.stream(jonas).available()


def do(stream, node, jid):
    """A command, and its one form: its status, with what the note says; or the condition of the error."""
    asked = stream.iq("set", f"<command xmlns='{COMMANDS}' node='{ADMIN}#{node}' action='execute'/>", "offen.example")
    if asked.get("type") == "error":
        return wire.condition(asked)
    session = asked.find(f"{{{COMMANDS}}}command").get("sessionid")
    answer = stream.iq("set", f"<command xmlns='{COMMANDS}' node='{ADMIN}#{node}' sessionid='{session}'><x xmlns='jabber:x:data' type='submit'>"
                       f"<field var='FORM_TYPE'><value>{ADMIN}</value></field><field var='accountjids'><value>{jid}</value></field></x></command>",
                       "offen.example").find(f"{{{COMMANDS}}}command")
    note = answer.find(f"{{{COMMANDS}}}note")
    return answer.get("status"), note.get("type") if note is not None else None


def ended(stream):
    """The condition by which the server ends it."""
    try:
        return stream.wait(lambda e: False)
    except wire.Closed as closed:
        return str(closed)


def logs_in(jid):
    """Her stream, or the condition by which she is refused."""
    try:
        return lab.stream(jid, "again").available()
    except wire.Refused as refused:
        return refused.args[0]


def audited():
    return [(entry["action"], entry["actor"], entry["subject"]) for entry in json.loads(lab.ctl("--json", "audit", "list").stdout)
            if entry["action"] in ("user.delete", "sessions.kill")]


def state_of(jid):
    users = json.loads(lab.ctl("--json", "user", "list", jid.split("@")[1]).stdout)
    return next((one["state"] for one in users if one["local"] == jid.split("@")[0]), None)


row(do(user, "end-user-session", clara) == "forbidden" and do(user, "delete-user", clara) == "forbidden",
    "XEP-0133 §6: who is no administrator ends no session and deletes nobody", audited())
answer = do(chief, "end-user-session", jonas)
row(answer == ("completed", None) and ended(user) == "reset" and json.loads(lab.ctl("--json", "sessions", "list", jonas).stdout) == [],
    "XEP-0133 §4.5: a user's sessions are ended, and the server has none of him", answer)
user = logs_in(jonas)
row(isinstance(user, wire.Stream), "and he may log in anew", user)
answer = do(chief, "delete-user", jonas)
said, refused = ended(user), logs_in(jonas)
row(answer == ("completed", None) and said == "not-authorized" and refused == "not-authorized",
    "XEP-0133 §4.2: a user is deleted: he is out, and does not come in again", (answer, said, refused))
row(state_of(jonas) in ("deleted", None) and state_of(clara) == "active", "of him only the name is left, and of others all", state_of(jonas))
row(do(chief, "delete-user", jonas) == ("completed", "error"), "nobody is deleted twice")
row(lab.ctl("user", "add", jonas, "--password-stdin", text="ein-anderes-Kennwort\n", check=False).returncode != 0,
    "and nobody else gets his name")
row(audited() == [("sessions.kill", f"jid:{anna}", jonas), ("user.delete", f"jid:{anna}", jonas)],
    "the audit log has both, with who did it", audited())
row(lab.stop() == 0, "konsild ends in order")
done()
