# SPDX-License-Identifier: AGPL-3.0-or-later
"""A lab whose hospital certifies devices: a root and what it issues, konsil-ca beside konsild, operators at konsilctl."""
import json
import os
import pwd
import shutil
import subprocess
import tempfile

from lab import BUILD, TIMEOUT, Konsil, Lab, Lines, _die_with_parent

ROOT_PASSPHRASE = "vier zufällige Wörter hier"
REGISTRAR = "registrar@klinik.example"


class Registrar:
    def __init__(self, hospital):
        lab = hospital.lab
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "cmd", "konsil-ca"), "--directory", hospital.at("ca"), "--server", f"127.0.0.1:{lab.port}", "--ca", lab.ca,
             "--socket", hospital.at("control"), "--host", "klinik.example", REGISTRAR],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        lab.processes.append(self.process)
        self.lines = Lines(self.process.stderr, lambda line: line.decode(errors="replace"))
        self.lines.wait(lambda line: "ca.connection online=1" in line, "konsil-ca is connected")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.lines.thread.join()


class Hospital:
    def __init__(self):
        """The root and what it issues; konsild reads the root when it starts, so it is made before."""
        self.work = tempfile.TemporaryDirectory(prefix="konsil-")
        self.lab = self.registrar = None
        self.ctl("ca", "init", self.at("root"), "--hospital", "Klinikum Beispiel", "--password-stdin", text=ROOT_PASSPHRASE + "\n")
        self.ctl("ca", "issuing", self.at("root"), "--to", self.at("ca"), "--domains", "klinik.example", "--password-stdin",
                 text=ROOT_PASSPHRASE + "\n")

    def start(self, *people):
        """konsild with accounts of these people, and the registrar, connected."""
        self.lab = Lab(of={"klinik.example": f'tls: {{ client_ca = "{self.at("ca", "root.pem")}"; }}; registrar: {{ account = "registrar"; }};'})
        for local in ("registrar", *people):
            self.lab.account(local)
        self.registrar = Registrar(self)
        return self.lab

    def at(self, *names):
        return os.path.join(self.work.name, *names)

    def ctl(self, *words, text=None, check=True):
        """konsilctl at the registrar's socket, in German."""
        return subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", self.at("control"), "--lang", "de", *words], input=text,
                              capture_output=True, text=True, timeout=TIMEOUT, check=check)

    def invite(self, jid, name, *more):
        return json.loads(self.ctl("--json", "ca", "invite", jid, "--name", name, *more).stdout)

    def can_approve(self):
        """There is a second operator: who agrees to a device must be another user of the system than who invited."""
        return os.getuid() == 0

    def approve(self, jid):
        """As that user."""
        os.chmod(self.work.name, 0o711)
        shutil.copy(os.path.join(BUILD, "cmd", "konsilctl"), self.work.name)
        subprocess.run([self.at("konsilctl"), "--socket", self.at("control"), "--lang", "de", "ca", "approve", jid], check=True, cwd="/",
                       timeout=TIMEOUT, capture_output=True, user=pwd.getpwnam("daemon").pw_uid, group=os.getgid(), extra_groups=[])

    def devices(self):
        return json.loads(self.ctl("--json", "ca", "devices").stdout)["devices"]

    def certified(self, jid, name, **options):
        """A konsil that is logged in and enrolled."""
        device, invited = Konsil(self.lab, jid, **options), self.invite(jid, name)
        if invited["waits"]:
            self.approve(jid)
        enrol(device, invited["link"])
        return device


def enrol(device, link):
    device.forget("enrolment")
    device.do("enrol", link=link)
    return device.wait("enrolment", lambda e: e["state"] in ("certified", "refused") or e.get("reason"))
