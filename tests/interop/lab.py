# SPDX-License-Identifier: AGPL-3.0-or-later
"""A hospital for one test: a konsild of its own in a directory of its own, accounts, and clients that are konsil --json.

    lab = Lab()                          konsild serves klinik.example (protected) and offen.example
    anna = lab.konsil(lab.account("anna"))
    anna.do("send", to=jonas.jid, body="…")
    jonas.wait("message", lambda e: …)
    row(condition, "sentence", seen)     a row of TAP; the script ends with done()

The programs come from KONSIL_BUILD, a build directory without sanitizers: konsild runs in its sandbox. Everything that
waits has one generous limit, and nothing passes because time went by."""
import atexit
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import wire

BUILD = os.path.abspath(os.environ.get("KONSIL_BUILD", "build/release"))
TIMEOUT = wire.TIMEOUT
PASSPHRASE = "Station 3, immer wach"
HERE = os.path.dirname(os.path.abspath(__file__))

# --- TAP ---

_rows = _failed = 0


def row(ok, name, seen=""):
    global _rows, _failed
    _rows += 1
    _failed += not ok
    print(f"{'ok' if ok else 'not ok'} {_rows} - {name}")
    if not ok:
        for line in str(seen).splitlines()[:40]:
            print(f"# {line[:2000]}")
    sys.stdout.flush()
    return bool(ok)


def skip(name, reason):
    global _rows
    _rows += 1
    print(f"ok {_rows} - {name} # SKIP {reason}", flush=True)


def note(text):
    print(f"# {text}", flush=True)


def done():
    print(f"1..{_rows}")
    sys.exit(_failed > 0)


def canary():
    """A word that occurs nowhere else: 24 characters."""
    return "KANARI" + "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=18))


def open_to_others(directory):
    """Names and modes of what is not its owner's alone: directories 0700, files 0600."""
    found = []
    for path, _, files in os.walk(directory):
        for name, wanted in [(".", 0o700)] + [(name, 0o600) for name in files]:
            mode = os.lstat(os.path.join(path, name)).st_mode & 0o7777
            if mode != wanted:
                found.append(f"{os.path.relpath(os.path.join(path, name), directory)} {mode:o}")
    return found


_own_ports = set()  # a lock keeps others out, and not the process itself
_ports = open(os.path.join(tempfile.gettempdir(), "konsil-ports"), "a")


def _free_port():
    """Below the ports that the kernel gives to clients: a client could otherwise take it, or connect to itself, while
    konsild is down. And no other test's: it is this process's as long as that lives, by a lock on one byte of a file."""
    while True:
        port = random.randrange(12000, 32000)
        if port in _own_ports:
            continue
        try:
            fcntl.lockf(_ports, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                _own_ports.add(port)
                return port
            except OSError:
                continue


# --- a process whose lines are waited for ---

class Lines:
    """Lines of a process, kept in the order in which they came. wait() takes the first that fits and is not taken. What
    consume(line) is true for is not kept."""

    def __init__(self, pipe, decode, consume=None):
        self.consume, self.all, self.open, self.ended = consume, [], [], False
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self._read, args=(pipe, decode), daemon=True)
        self.thread.start()

    def _read(self, pipe, decode):
        for line in pipe:
            try:
                value = decode(line)
            except ValueError:  # cut off by a kill
                continue
            if self.consume and self.consume(value):
                continue
            with self.news:
                self.all.append(value)
                self.open.append(value)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait(self, wanted, what):
        end = time.monotonic() + TIMEOUT
        at = 0
        with self.news:
            while True:
                while at < len(self.open):
                    if wanted(self.open[at]):
                        return self.open.pop(at)
                    at += 1
                if self.ended:
                    raise TimeoutError(f"{what}: the process ended; last seen: {self.all[-4:]}")
                if not self.news.wait(end - time.monotonic()):
                    raise TimeoutError(f"{what}: not in {TIMEOUT} s; last seen: {self.open[-8:]}")


class Konsil:
    """A konsil --json."""

    def __init__(self, lab, jid, directory=None, connect=True, consume=None, options=(), environment=None):
        self.lab, self.jid, self.ids, self.consume = lab, jid, 0, consume
        self.options, self.environment = list(options), environment or {}
        self.dir = directory or os.path.join(lab.dir, f"konsil-{jid.split('@')[0]}")
        self.start(connect)

    def start(self, connect=True):
        self.process = subprocess.Popen(
            [*self.lab.under("konsil"), os.path.join(BUILD, "cmd", "konsil"), "--json", "--ca", self.lab.ca, "--dir", self.dir,
             "--server", f"127.0.0.1:{self.lab.port}", *self.options, self.jid],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.lab.errors, preexec_fn=_die_with_parent,
            env=dict(os.environ, KONSIL_PASSPHRASE=PASSPHRASE, **self.environment))
        self.lab.processes.append(self.process)
        self.lines = Lines(self.process.stdout, json.loads, self.consume)
        if connect:
            self.connect()

    def connect(self):
        self.do("connect", jid=self.jid, password=self.lab.passwords[self.jid], host="127.0.0.1", port=self.lab.port)
        event = self.lines.wait(lambda e: e.get("event") == "ready" or (e.get("reason") and "retry_ms" not in e),
                                f"{self.jid}: the login")
        if event["event"] != "ready":
            raise ConnectionError(f"{self.jid}: {event}")
        # A new device is one that others can write to once it stands on its account's list.
        listed = lambda answer: any(device["device"] == event["device"] for device in answer["devices"])
        if not listed(self.do("devices")):
            self.wait("devices_changed", lambda e: e["jid"] == self.jid and listed(e))

    def tell(self, cmd, **fields):
        """Gives a command and waits for nothing; its id."""
        self.ids += 1
        name = str(self.ids)
        self.process.stdin.write(json.dumps({"cmd": cmd, "id": name, **fields}).encode() + b"\n")
        self.process.stdin.flush()
        return name

    def answer(self, name):
        return self.lines.wait(lambda e: e.get("re") == name, f"{self.jid}: the answer to command {name}")

    def do(self, cmd, **fields):
        """Gives a command; its answer, which may be an error."""
        return self.answer(self.tell(cmd, **fields))

    def wait(self, event, where=None):
        return self.lines.wait(lambda e: e.get("event") == event and (not where or where(e)), f"{self.jid}: {event}")

    def wait_body(self, body):
        """A message with this text, of another account or of ours."""
        return self.wait("message", lambda e: e["message"].get("body") == body)["message"]

    def wait_state(self, message, state):
        """Until an own message came so far."""
        return self.wait("message_state", lambda e: e["message"] == message and e["state"] == state)

    def wait_transfer(self, number):
        """The last event of a transfer."""
        return self.wait("transfer", lambda e: e["transfer"]["transfer"] == number
                         and e["transfer"]["state"] in ("done", "failed"))["transfer"]

    def send(self, to, body):
        """The id of the new message."""
        return self.do("send", to=to, body=body)["message"]

    def events(self, event):
        """All that came so far of a kind, taken or not."""
        with self.lines.news:
            return [e for e in self.lines.all if e.get("event") == event]

    def forget(self, event):
        """What came so far of a kind is no answer to what is done next."""
        with self.lines.news:
            self.lines.open = [e for e in self.lines.open if e.get("event") != event]

    def history(self, peer):
        """The whole conversation, oldest first."""
        found, before = [], None
        while True:
            page = self.do("history", limit=200, **{"with": peer}, **({"before": before} if before else {}))
            messages = page.get("messages", [])
            found = messages + found
            if not page.get("more") or not messages:
                return found
            before = messages[0]["order"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.lines.thread.join()

    def close(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.lines.thread.join()
        return self.process.returncode


def _die_with_parent():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a test that dies leaves nothing behind


class Lab:
    def __init__(self, settings="", tap=False, web=False, of=None, component=False, under=None):
        """settings: more lines for konsild.conf; of: for the group of a domain; web: listens for HTTPS, too (at https_port and, with ALPN, at direct_port),
        for HTTP in clear (http_port) and for machines that watch (metrics_port); tap: record in self.tap what konsild says and hears inside TLS (tap.py),
        and let flip() alter it; component: listens for components, too (component_port);
        under(program): words before the command that starts a program, for one that watches it."""
        for program in ("konsild", "konsilctl", "konsil"):
            if not os.access(os.path.join(BUILD, "cmd", program), os.X_OK):
                print(f"Bail out! There is no {program} in {BUILD}: make build")
                sys.exit(1)
        self.dir = tempfile.mkdtemp(prefix="konsil-")
        self.processes, self.passwords, self.konsild = [], {}, None
        atexit.register(self.end)
        self.errors = open(os.path.join(self.dir, "errors"), "wb")
        self.log_path = os.path.join(self.dir, "konsild.log")
        self.data = os.path.join(self.dir, "data")
        self.ca = os.path.join(self.dir, "ca.pem")
        self.port, self.direct_port, self.https_port, self.http_port, self.metrics_port, self.component_port = (_free_port() for _ in range(6))
        self.web = f"""https = "127.0.0.1:{self.https_port} 127.0.0.1:{self.direct_port}";
  http = "127.0.0.1:{self.http_port}"; metrics = "127.0.0.1:{self.metrics_port}";""" if web else ""
        if component:
            self.web += f' component = "127.0.0.1:{self.component_port}";'
        self.tap = os.path.join(self.dir, "tap") if tap else None
        self.flip("")
        self.of = of or {}
        self.under = under or (lambda program: [])
        self._certificates()
        self.settings(settings)
        self.start()

    def _certificates(self):
        names = "DNS:klinik.example,DNS:offen.example"
        new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split()
        run = lambda *words: subprocess.run(("openssl",) + words, cwd=self.dir, check=True, capture_output=True)
        run("req", "-x509", *new, "-days", "365", "-subj", "/CN=lab CA", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", "ca-key.pem", "-out", "ca.pem")
        run("req", *new, "-subj", "/CN=klinik.example", "-keyout", "key.pem", "-out", "request.pem")
        with open(os.path.join(self.dir, "extensions"), "w") as file:
            file.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:false\n")
        run("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
            "-days", "365", "-extfile", "extensions", "-out", "cert.pem")

    def settings(self, more=""):
        with open(os.path.join(self.dir, "konsild.conf"), "w") as file:
            file.write(f"""data: {{ directory = "data"; }};
listen: {{ starttls = "127.0.0.1:{self.port}"; direct_tls = "127.0.0.1:{self.direct_port}"; {self.web} }};
control: {{ socket = "control"; }};
process: {{ threads = 2; }};
{more}
domains = (
  {{ name = "klinik.example"; certificate = "cert.pem"; key = "key.pem"; {self.of.get('klinik.example', '')} }},
  {{ name = "offen.example"; protected = false; certificate = "cert.pem"; key = "key.pem"; {self.of.get('offen.example', '')} }} );
""")

    def start(self):
        """konsild; returns when it serves."""
        environment = dict(os.environ)
        if self.tap:
            environment.update(LD_PRELOAD=os.path.join(BUILD, "tests", "interop", "libtls_tap.so"), TLS_TAP=self.tap,
                               TLS_FLIP=os.path.join(self.dir, "flip"))
        self.konsild = subprocess.Popen([*self.under("konsild"), os.path.join(BUILD, "cmd", "konsild"), "--config", "konsild.conf"], cwd=self.dir,
                                        stderr=subprocess.PIPE, env=environment, preexec_fn=_die_with_parent)
        self.processes.append(self.konsild)
        self.log = Lines(self.konsild.stderr, self._log_line)
        self.log.wait(lambda line: "konsild.started" in line, "konsild")

    def _log_line(self, line):
        with open(self.log_path, "ab") as log:
            log.write(line)
        return line.decode(errors="replace")

    def flip(self, before):
        """From now on konsild alters what it says shortly before this text; "" ends it."""
        with open(os.path.join(self.dir, "flip"), "r+b" if os.path.exists(os.path.join(self.dir, "flip")) else "wb") as file:
            file.write(before.encode().ljust(64, b"\0"))

    def stop(self):
        """In order; the exit status."""
        self.konsild.terminate()
        self.konsild.wait(TIMEOUT)
        self.log.thread.join()
        return self.konsild.returncode

    def kill(self):
        self.konsild.send_signal(signal.SIGKILL)
        self.konsild.wait()
        self.log.thread.join()

    def ctl(self, *words, text=None, check=True):
        """konsilctl; its result, as text."""
        return subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", os.path.join(self.dir, "control"),
                               "--lang", "en", *words], input=text, capture_output=True, text=True, check=check,
                              timeout=TIMEOUT)

    def audit(self):
        """The rows of the audit log."""
        return json.loads(self.ctl("--json", "audit", "list").stdout)

    def account(self, local, domain="klinik.example"):
        jid = f"{local}@{domain}"
        self.passwords[jid] = "wort-" + "".join(random.choices("abcdefghijkmnpqrstuvwxyz", k=12))
        self.ctl("user", "add", jid, "--name", local.capitalize(), "--password-stdin", text=self.passwords[jid] + "\n")
        return jid

    def konsil(self, jid, **options):
        return Konsil(self, jid, **options)

    def stream(self, jid, resource="wire"):
        return wire.Stream(self, jid.split("@")[1]).login(jid, self.passwords[jid], resource)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if os.environ.get("KONSIL_KEEP"):
            note(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
