#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where konsild, its courier and konsil connect to, as the kernel sees it: through a day's work - logins, messages, links, files,
a push - to what somebody configured, and to nothing else. strace writes down each address that a program names."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

from lab import Lab, done, row, skip
from push_service import PushRelay, PushService

NS = "urn:konsil:webpush:0"
# -D: the tracer is the program's grandchild, so that the program is ours to end.
STRACE = ["strace", "-D", "-f", "--seccomp-bpf", "-q", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-e", "signal=none", "-o"]

if not shutil.which("strace") or subprocess.run([*STRACE, "/dev/null", "true"], capture_output=True, check=False).returncode:
    skip("DSK I.8-a part (the web app): where the programs connect to", "strace is not here, or may not look (strace)")
    done()
logs = tempfile.mkdtemp(prefix="konsil-egress-")


def watched(program):
    return [*STRACE, os.path.join(logs, f"{program}.{len(os.listdir(logs))}")]


def whole(path):
    """What is in a log once all that it is about has ended."""
    while True:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        begun, ended = set(re.findall(r"^(\d+) ", text, re.M)), set(re.findall(r"^(\d+) +\+\+\+ ", text, re.M))
        if begun and begun == ended:
            return text


def named(program):
    """{(address, port)} of the network, and the sockets of this machine by their paths, that a program's processes named."""
    network, local = set(), set()
    for path in glob.glob(os.path.join(logs, f"{program}.*")):
        text = whole(path)
        network |= {(a, int(p)) for p, a in re.findall(r'AF_INET, sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)', text)}
        network |= {(a, int(p)) for p, a in re.findall(r'AF_INET6, sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"', text)}
        local |= set(re.findall(r'AF_UNIX, sun_path=@?"([^"]+)"', text))
    return network, local


lab = Lab(web=True, under=watched)
lab.stop()
run = lambda *words: subprocess.run(("openssl",) + words, cwd=lab.dir, check=True, capture_output=True)
run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=push",
    "-addext", "subjectAltName=DNS:localhost", "-keyout", "push-key.pem", "-out", "push.pem")
service = PushService(os.path.join(lab.dir, "push.pem"), os.path.join(lab.dir, "push-key.pem"))
lab.of = {"klinik.example": f'files: {{ url = "https://klinik.example:{lab.https_port}/files"; }};',
          "offen.example": f'push: {{ hosts = "localhost:{service.port}"; subject = "mailto:it@klinik.example"; }};'}
lab.settings('push: { ca_file = "push.pem"; private_addresses = true; };')
lab.start()

# --- a day's work ---

anna, berta = lab.account("anna"), lab.account("berta")
A, B = lab.konsil(anna), lab.konsil(berta)
A.send(berta, "Bett 12? http://127.0.0.8/befund.png <img src='http://127.0.0.8/pixel'/>")
B.wait("message", lambda e: "Bett 12" in e["message"].get("body", ""))
B.do("mark_read", conversation=anna)
B.send(anna, "Ja: https://karte.example/12")
A.wait("message", lambda e: "Ja" in e["message"].get("body", ""))
source = os.path.join(lab.dir, "bild.bin")
with open(source, "wb") as file:
    file.write(os.urandom(200000))
A.do("file_send", to=berta, path=source, name="bild.bin")
message = B.wait("message", lambda e: e["message"].get("files"))["message"]
number = B.do("file_get", conversation=anna, message=message["message"], path=os.path.join(lab.dir, "geholt"))["transfer"]
B.wait("transfer", lambda e: e["transfer"]["transfer"] == number and e["transfer"]["state"] == "done")
row(os.path.getsize(os.path.join(lab.dir, "geholt")) == 200000, "(control: messages with links and a file went from konsil to konsil)")
for command in ("server_info", "services", "tasks", "bookmarks", "push"):
    A.do(command)
ended = A.close(), B.close()

clara, jonas = lab.account("clara", "offen.example"), lab.account("jonas", "offen.example")
phone = lab.stream(clara, "browser")
key = phone.iq("get", f"<webpush xmlns='{NS}'/>").find(f"{{{NS}}}webpush").get("key")
browser = service.subscribe(key)
phone.iq("set", f"<subscribe xmlns='{NS}' endpoint='{browser.endpoint}' p256dh='{browser.p256dh}' auth='{browser.auth}'/>")
phone.close()
lab.stream(jonas).send(f"<message to='{clara}' type='chat' id='m'><body>wach auf</body></message>")
row(len(browser.wait(1)) == 1, "(control: a sleeping browser was woken through its push service)")
row(ended == (0, 0) and lab.stop() == 0, "all end in order")


def another_day(name, push, woken):
    """A konsild of its own name: clara's browser is registered and asleep, and somebody writes. How it ends. woken: how often
    she is woken from the first day on until then, if she is now."""
    lab.under = lambda program: watched(name)
    lab.of["offen.example"] = f'push: {{ hosts = "localhost:{service.port}"; subject = "mailto:it@klinik.example"; {push} }};'
    lab.settings('push: { ca_file = "push.pem"; private_addresses = true; };')
    lab.start()
    lab.stream(clara, "browser").close()  # she was back: the next message is one to wake her for
    writer = lab.stream(jonas)
    writer.send(f"<message to='{clara}' type='chat' id='m'><body>wach auf</body></message>")
    writer.sync()
    if woken:
        browser.wait(woken)
    lab.under = watched
    return lab.stop()


relay = PushRelay(os.path.join(lab.dir, "push.pem"), os.path.join(lab.dir, "push-key.pem"))
ends = another_day("off", "enabled = false;", 0), another_day("again", "", 2), another_day("relayed", f'relay = "{relay.url}";', 3)
row(ends == (0, 0, 0) and len(browser.messages) == 3 and {m.text for m in browser.messages} == {'{"konsil":"wake"}'} and not service.errors,
    "(control: she is written to with push off; with push on, which wakes her; and with a relay of one's own, which does)", browser.messages)

# --- where it went ---

here = {"127.0.0.1", "::1"}
clients, local = named("konsil")
row(clients and {port for _, port in clients} == {lab.port, lab.https_port} and {address for address, _ in clients} <= here,
    "DSK I.8-a part (the web app): konsil connected to its server and to where its server keeps files, and to nothing else: no link, "
    "no name, no service of anybody", clients)
server, its_local = named("konsild")
row(server and {port for _, port in server} == {service.port} and {address for address, _ in server} <= here,
    "DSK I.8-a part (the web app): konsild connected to nobody, and its courier to the push service that is configured, and to nothing "
    "else", server)
row(not named("off")[0] and service.port in {port for _, port in named("again")[0]},
    "DSK II.3-d in full, off: with push off konsild and its courier name no address of the network at all (control: with push on again the push "
    "service's)", (named("off"), named("again")))
row({port for _, port in named("relayed")[0]} == {relay.port}, "DSK II.3-d in full, relay: with a relay of one's own its address is the only one, and "
    "she is woken all the same", named("relayed"))
mine = {os.path.join(lab.dir, "control"), "/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"}
row(local | its_local <= mine, "nor did they tell another program of this machine: konsild looks whether its own socket is in use, and "
    "there may be one that knows names", local | its_local)
stray = [*watched("stray"), os.path.join(os.environ["KONSIL_BUILD"], "cmd", "konsil"), "--json",
         "--dir", os.path.join(lab.dir, "stray"), "stray@klinik.example"]
subprocess.run(stray, input=b'{"cmd":"connect","jid":"stray@klinik.example","password":"x","host":"127.0.0.8","port":9}\n', capture_output=True,
               env=dict(os.environ, KONSIL_PASSPHRASE="ein Satz zum Merken"), timeout=60, check=False)
row(("127.0.0.8", 9) in named("stray")[0], "(control: one that is sent elsewhere is seen)", named("stray"))
shutil.rmtree(logs)
done()
