# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations as their users meet them: konsilctl makes one, a browser shows its page, a program accepts it, once."""
import http.client
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, TIMEOUT, Lab, done, row, skip
from screen import Screen
from wire import Refused, Stream, condition

lab = Lab(web=True)
ANNA = "a.brandt@klinik.example"
PASSWORD = "Visite um halb acht"


def get(path, host="klinik.example"):
    """(status, fields, text) of a page."""
    tls = ssl.create_default_context(cafile=lab.ca)
    connection = http.client.HTTPSConnection("127.0.0.1", lab.https_port, timeout=TIMEOUT, context=tls)
    connection.sock = tls.wrap_socket(__import__("socket").create_connection(("127.0.0.1", lab.https_port), TIMEOUT),
                                      server_hostname="klinik.example")
    connection.request("GET", path, headers={"Host": f"{host}:{lab.https_port}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def register(stream, password, username="a.brandt"):
    return stream.iq("set", "<query xmlns='jabber:iq:register'>"
                            f"<username>{username}</username><password>{password}</password></query>")


def preauth(stream, token):
    return stream.iq("set", f"<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>")


# --- a QR code, as a camera sees it ---

PIXELS = 4  # of a module, each way


def decoded(modules):
    """What zbarimg, which has nothing of ours in it, reads in rows of modules (true: black)."""
    path = os.path.join(lab.dir, "code.pgm")
    rows = [bytes(0 if black else 255 for black in line for _ in range(PIXELS)) for line in modules]
    with open(path, "wb") as file:
        file.write(f"P5 {len(rows[0])} {len(rows) * PIXELS} 255\n".encode() + b"".join(line * PIXELS for line in rows))
    return subprocess.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path], capture_output=True, text=True,
                          timeout=TIMEOUT).stdout.strip()


def from_svg(tree):
    """The modules of the page's picture: runs of black ones, each "M X Y h LENGTH v1 …"."""
    size = int(tree.get("viewBox").split()[2])
    modules = [[False] * size for _ in range(size)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", tree[0].get("d")):
        modules[int(y)][int(x):int(x) + int(length)] = [True] * int(length)
    return modules


def from_terminal(lines):
    """Those of the terminal: each character is two of them, one above the other."""
    halves = {" ": (0, 0), "\u2584": (0, 1), "\u2580": (1, 0), "\u2588": (1, 1)}
    texts = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\r\n") for line in lines]
    return [[halves[char][half] for char in text] for text in texts for half in (0, 1)]


def shown_or_skipped(good, name, seen=""):
    if shutil.which("zbarimg"):
        row(good(), name, seen)
    else:
        skip(name, "no zbarimg here (zbar-tools)")


# --- an administrator makes it ---

answer = lab.ctl("--lang", "de", "user", "invite", ANNA, "--name", "Dr. Anna Brandt", "--department", "Innere",
                 "--profession", "Ärztin")
token = re.search(r"preauth=([0-9a-f]+)", answer.stdout)[1]
page = re.search(r"https://\S+", answer.stdout)[0]
row("ist eingeladen, bis 20" in answer.stdout and page == f"https://klinik.example:{lab.direct_port}/invite/{token}"
    and "\x1b" not in answer.stdout, "user invite: a sentence, the page and the link; no QR code where no eyes are", answer)
row("invited" in lab.ctl("user", "list", "klinik.example").stdout
    and "eingeladen" in lab.ctl("--lang", "de", "user", "list", "klinik.example").stdout,
    "user list: who is invited is said to be", lab.ctl("user", "list", "klinik.example").stdout)
answer = lab.ctl("user", "add", ANNA, "--password-stdin", text=PASSWORD + "\n", check=False)
row(answer.returncode and "invited" in answer.stderr, "user add: not where somebody is invited", answer)
answer = lab.ctl("user", "invite", "x@klinik.example", "--dry-run")
row("preauth" not in answer.stdout and "x@" not in lab.ctl("user", "list", "klinik.example").stdout,
    "user invite --dry-run: nothing is made", answer)
shown = json.loads(lab.ctl("--json", "user", "invite", ANNA).stdout)
row(set(shown) == {"uri", "page", "expires_ms"} and token not in shown["uri"], "user invite --json, for another one", shown)
old, token = token, re.search(r"preauth=([0-9a-f]+)", shown["uri"])[1]
terminal = subprocess.run(["script", "-qec", f"{os.path.join(BUILD, 'cmd', 'konsilctl')} --lang en --socket "
                           f"{os.path.join(lab.dir, 'control')} user invite emil@klinik.example", "/dev/null"],
                          capture_output=True, text=True, timeout=TIMEOUT).stdout
code = [line for line in terminal.splitlines() if line.startswith("\x1b[30;107m")]
row(len(code) > 15 and len({len(line.strip()) for line in code}) == 1, "user invite: on a terminal a QR code, a square one", terminal)
shown_or_skipped(lambda: decoded(from_terminal(code)) == re.search(r"https://\S+", terminal)[0],
                 "which a reader of QR codes reads as the address of the page", terminal)

# --- its page ---

status, fields, text = get(f"/invite/{token}")
tree = ET.fromstring(re.search(r"<svg.*?</svg>", text)[0])
link = re.search(r'class="go" href="([^"]+)"', text)[1]
row(status == 200 and link == shown["uri"] and ANNA in text and text.index("Einladung") < text.index("Invitation"),
    "XEP-0401 §3.4: the page has the link, the address and what to do, German first", text)
row(tree.get("viewBox").split()[2] == tree.get("viewBox").split()[3] and len(tree[0].get("d")) > 500,
    "the page has a QR code", text)
shown_or_skipped(lambda: decoded(from_svg(tree)) == shown["page"], "XEP-0401 §3.4: with which a camera finds the page again on the device to be used", text)
white = [[False] * 41 for _ in range(41)]
shown_or_skipped(lambda: decoded(white) == "", "(control: in a white picture it reads none)")
row("script" not in text and "src=" not in text and fields["content-security-policy"].startswith("default-src 'none'")
    and fields["cache-control"] == "no-store" and fields["referrer-policy"] == "no-referrer",
    "DSK I.8-a part (the web app): the page loads nothing, from here or elsewhere, and is not kept", fields)
for name, path in (("no token", "/invite/"), ("what is none", "/invite/sesam"), ("one without a name", f"/invite/{token[:32]}"),
                   ("bytes that are no text", f"/invite/{token[:32]}ff"), ("one that is too long", "/invite/" + "00" * 3000)):
    status, _, text = get(path)
    row(status in (404, 414), f"the page of {name} is not there", (status, text))
for what, name in (("a sentence", "Ihr Zugang ist gesperrt, rufen Sie 0900 an"), ("markup", "<script>alert(1)</script>"), ("a line", "a\nb"),
                   ("an address within it", "a@boese.example/x"), ("what reads backwards", "\u202eanna"), ("capitals", "Anna")):
    status, _, text = get("/invite/" + token[:32] + name.encode().hex())
    row(status == 404 and name not in text, f"the page says nothing that others wrote: {what} is no localpart (RFC 7622 §3.3.1)", (status, text))
status, _, text = get("/invite/" + token[:32] + "jörg.müller+1".encode().hex())
row(status == 200 and "jörg.müller+1@klinik.example" in text and "xmpp:j%C3%B6rg.m%C3%BCller%2B1@" in text, "(control: what is one stands there)", text)

# --- a link that went astray: another one is made ---

first = re.search(r"preauth=([0-9a-f]+)", lab.ctl("user", "invite", "astray@klinik.example").stdout)[1]
finder = Stream(lab, "klinik.example", ("127.0.0.7", 0))
row(preauth(finder, first).get("type") == "result", "(control: who found the first link may use it)")
second = re.search(r"preauth=([0-9a-f]+)", lab.ctl("user", "invite", "astray@klinik.example").stdout)[1]
row(condition(register(finder, PASSWORD, "astray")) == "conflict",
    "DSK IV.2-a in full: once another is made, it opens nothing, also not where it was shown before")
row(preauth(finder, second).get("type") == "result" and register(finder, PASSWORD, "astray").get("type") == "result",
    "(control: the other one does)")

# --- a program accepts it ---

stream = Stream(lab, "klinik.example")
row(stream.features.find("{urn:xmpp:ibr-token:0}register") is not None, "XEP-0445 §3: the stream says that it can be used",
    ET.tostring(stream.features))
row(condition(register(stream, PASSWORD)) == "not-allowed", "DSK IV.2-a in full: nobody registers without one")
row(condition(preauth(stream, old)) == "item-not-found", "the token before it is not good any more")
row(preauth(stream, token).get("type") == "result", "XEP-0445 §4: the token is")
row(condition(register(stream, PASSWORD, "emil")) == "not-acceptable",
    "DSK IV.2-a in full: it is bound to its person: no other name is registered")
row(register(stream, PASSWORD).get("type") == "result", "XEP-0077 §3.1: the password is taken")
lab.passwords[ANNA] = PASSWORD
anna = lab.konsil(ANNA)
row(True, "she logs in with it, with konsil")
anna.close()
again = Stream(lab, "klinik.example", ("127.0.0.9", 0))
row(condition(preauth(again, token)) == "item-not-found", "DSK IV.2-a in full: nobody uses it a second time")
users = json.loads(lab.ctl("--json", "user", "list", "klinik.example").stdout)
row([u["profession"] for u in users if u["local"] == "a.brandt" and u["state"] == "active"] == ["Ärztin"],
    "DSK IV.2-a in full: the account has the profession that she was invited with", users)
rows = json.loads(lab.ctl("--json", "audit", "list").stdout)
acts = [(r["action"], r["actor"]) for r in rows if r["subject"] == ANNA]
row([act[0] for act in acts] == ["user.invite", "user.invite", "user.register"] and acts[2][1] == "invite",
    "the audit log says who invited her, and that she came", acts)
row(token not in lab.ctl("audit", "list").stdout and token[:32].encode() not in open(lab.log_path, "rb").read(),
    "no log has the token")

# --- with konsil: from the invitation to the first message ---


def invited(name):
    return re.search(r"xmpp:\S+", lab.ctl("user", "invite", name).stdout)[0]


def konsil(*words, environment=None):
    """konsil without a terminal, which ends by itself."""
    return subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "--lang", "en", *words], capture_output=True, text=True,
                          timeout=TIMEOUT, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})


def come(client, link, password=PASSWORD, port=None):
    """ready, or why not."""
    answer = client.do("connect", invite=link, password=password, host="127.0.0.1", port=port or lab.port)
    if answer["event"] == "error":
        return answer["code"]
    event = client.lines.wait(lambda e: e.get("event") == "ready" or (e.get("reason") and "retry_ms" not in e), "the login")
    return "ready" if event["event"] == "ready" else event["reason"]


CLARA = "clara@klinik.example"
anna = lab.konsil(ANNA)
link = invited(CLARA)
clara = lab.konsil(CLARA, connect=False)
row(come(clara, link, "kurz") == "invite.password", "konsil: a password that the server does not take is said to be such")
row(come(clara, link) == "ready", "XEP-0401 §3.3: konsil creates the account by the link, and logs in")
clara.wait("devices_changed")
anna.do("devices", jid=CLARA)
anna.wait("devices_changed", lambda e: e["jid"] == CLARA and e["devices"])
anna.send(CLARA, "Willkommen auf Station 3")
row(clara.wait_body("Willkommen auf Station 3")["from"] == ANNA, "and the first message arrives")
clara.close()
mallory = lab.konsil(CLARA, connect=False, directory=os.path.join(lab.dir, "mallory"))
row(come(mallory, link, "sein eigenes Kennwort") == "invite.over",
    "DSK IV.2-a in full: konsil says clearly of a used invitation that it is over")
mallory.close()
foreign = lab.konsil("clara@anderswo.example", connect=False, directory=os.path.join(lab.dir, "foreign"))
foreign.do("connect", invite="xmpp:clara@anderswo.example?register;preauth=" + "00" * 21, password=PASSWORD, host="127.0.0.1",
           port=lab.port)
why = foreign.wait("connection", lambda e: e.get("reason"))
row(why["reason"] == "connection.stream_error" and why["detail"] == "host-unknown",
    "a link of another hospital: this server says that it is not that one, and gets no token", why)
foreign.close()
row(b"00" * 21 not in open(lab.log_path, "rb").read(), "(and it did not)")
answer = konsil("--invite", "https://klinik.example/")
row(answer.returncode and "not the link of an invitation" in answer.stderr and "Take the whole link" in answer.stderr,
    "konsil --invite: what is no link is said to be none", answer)
answer = konsil("--invite", link, "emil@klinik.example")
row(answer.returncode and "another account" in answer.stderr, "konsil --invite: nor one for another account", answer)

DORA = "dora@klinik.example"
terminal = Screen(shlex.join([os.path.join(BUILD, "cmd", "konsil"), "--lang", "de", "--ca", lab.ca, "--server",
                              f"127.0.0.1:{lab.port}", "--dir", os.path.join(lab.dir, "konsil-dora"), "--invite", invited(DORA)]),
                  {"KONSIL_PASSPHRASE": "Station 3, immer wach"})
row(terminal.sees("Passwort für das neue Konto")[0], "konsil --invite: a terminal asks for the new password", terminal.screen())
terminal.type("kurz")
terminal.key("Enter")
row(terminal.sees("mindestens 8 Zeichen. Die Einladung gilt weiter")[0], "one that is too short is asked for again", terminal.screen())
terminal.type(PASSWORD)
terminal.key("Enter")
terminal.sees("Noch einmal:")
terminal.type(PASSWORD)
terminal.key("Enter")
row(terminal.sees(DORA, "verbunden")[0], "and then she is logged in", terminal.screen())
row(PASSWORD not in terminal.screen(), "what she typed was not shown")
terminal.key("F10")
terminal.sees("ended 0")
lab.passwords[DORA] = PASSWORD
dora = lab.konsil(DORA, directory=os.path.join(lab.dir, "dora-2"))
row(True, "another program logs in with the password that she chose")
dora.close()
anna.close()

# --- an administrator does the same in a terminal: what the server lets her do, as questions ---

conf = os.path.join(lab.dir, "konsild.conf")
text = open(conf).read()
with open(conf, "w") as file:
    file.write(text.replace('{ name = "klinik.example";', '{ name = "klinik.example"; admin: { accounts = "a.brandt"; }; '
                            'contact: { support = "tel:+49-7071-0"; };'))
lab.ctl("reload")
terminal = Screen(shlex.join([os.path.join(BUILD, "cmd", "konsil"), "--lang", "de", "--ca", lab.ca, "--server",
                              f"127.0.0.1:{lab.port}", "--dir", os.path.join(lab.dir, "konsil-anna-terminal"), ANNA]),
                  {"KONSIL_PASSPHRASE": "Station 3, immer wach"}, lines=40)
terminal.sees("Passwort")
terminal.type(PASSWORD)
terminal.key("Enter")
terminal.sees("clara")  # she is logged in
terminal.key("F9")
row(terminal.sees("tel:+49-7071-0", "Eine Person einladen", "Ein Konto anlegen")[0],
    "XEP-0157, XEP-0050: F9 shows whom to turn to, and what the server lets her do", terminal.screen())
terminal.key(*["Down"] * 20)  # the last one
terminal.key("Enter")
row(terminal.sees("Name vor dem @ der Adresse:")[0], "XEP-0401 §4.4: a task asks one question after the other, in plain words",
    terminal.screen())
terminal.key("Enter")
row(terminal.sees("Name vor dem @ der Adresse:")[0], "what must be answered is asked again", terminal.screen())
terminal.type("frida")
terminal.key("Enter")
terminal.sees("Name der Person:")
terminal.type("Frida Frisch")
terminal.key("Enter")
terminal.sees("Abteilung:")
terminal.key("Enter")
terminal.sees("Beruf:")
terminal.key("Enter")
row(terminal.sees("Gilt bis:", "xmpp:frida@klinik.example?register;preauth=")[0], "and then the link is there", terminal.screen())
row("invited" in lab.ctl("user", "list", "klinik.example").stdout, "the person is invited", terminal.screen())
terminal.key("Enter")
row(terminal.sees("Ein Konto anlegen")[0], "Enter leads back to the list", terminal.screen())
terminal.key(*["Up"] * 20)
terminal.key("Enter")
terminal.sees("Welches Konto")
terminal.key("Escape")
row(terminal.sees("Eine Person einladen")[0], "XEP-0050 §3.5: Escape gives a form up", terminal.screen())
terminal.key("F10")
row(terminal.sees("ended 0")[0], "and she leaves", terminal.screen())

# --- taken back, and the end of an account ---

token = re.search(r"preauth=([0-9a-f]+)", lab.ctl("user", "invite", "jonas@klinik.example").stdout)[1]
stream = Stream(lab, "klinik.example", ("127.0.0.8", 0))
preauth(stream, token)
lab.ctl("user", "uninvite", "jonas@klinik.example")
row(condition(register(stream, PASSWORD, "jonas")) == "conflict", "user uninvite: also for whoever is just about to use it")
answer = lab.ctl("user", "uninvite", ANNA, check=False)
row(answer.returncode and "no open invitation" in answer.stderr, "user uninvite: not for an account that is in use", answer)
lab.ctl("user", "delete", "jonas@klinik.example")
answer = lab.ctl("user", "invite", "jonas@klinik.example", check=False)
row(answer.returncode, "user invite: not for a name that was deleted", answer)
try:
    Stream(lab, "klinik.example", ("127.0.0.7", 0)).login("emil@klinik.example", PASSWORD, "x")
    row(False, "an account that is only invited opens for no password")
except Refused as refused:
    row(refused.args[0] == "not-authorized", "an account that is only invited opens for no password", refused)
done()
