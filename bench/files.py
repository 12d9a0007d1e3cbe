#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""bench/files.py [MIB]: what a large file costs. curl puts and gets it at konsild, then konsil sends it to konsil; of each
process the peak of its resident memory above what it had before, and the pace. Needs build/release (make build) and curl;
prints JSON. Memory of konsild should grow by less than 2 MiB (README.md)."""
import hashlib
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("KONSIL_BUILD", os.path.join(HERE, "..", "build", "release"))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "interop"))
import lab as labs
import wire

MIB = 1 << 20
UPLOAD = "{urn:xmpp:http:upload:0}"
labs.TIMEOUT = wire.TIMEOUT = 600


def status(pid, name):
    """KiB."""
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith(name)).split()[1])


class Peak:
    """How far a process's memory rose while the block ran."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")  # proc(5): the peak begins anew
        self.before, self.start = status(self.pid, "VmRSS"), time.monotonic()
        return self

    def __exit__(self, *_):
        self.kib, self.seconds = status(self.pid, "VmHWM") - self.before, time.monotonic() - self.start


def slot(stream, size):
    stream.send(f"<iq type='get' id='slot' to='{stream.domain}'><request xmlns='urn:xmpp:http:upload:0' "
                f"filename='file.bin' size='{size}'/></iq>")
    put = stream.wait(lambda e: e.get("id") == "slot").find(f"{UPLOAD}slot/{UPLOAD}put")
    return put.get("url"), put.find(f"{UPLOAD}header").text


def curl(lab, *words):
    return subprocess.run(["curl", "--silent", "--show-error", "--fail", "--cacert", lab.ca, "--connect-to",
                           "klinik.example::127.0.0.1:", *words], check=True,
                          capture_output=True, text=True).stdout


def sha(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.digest()


def wait_done(konsil, number):
    return konsil.wait("transfer", lambda e: e["transfer"]["transfer"] == number
                       and e["transfer"]["state"] in ("done", "failed"))["transfer"]


def main():
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    lab = labs.Lab(web=True)
    lab.stop()
    path = os.path.join(lab.dir, "konsild.conf")
    with open(path) as file:
        text = file.read().replace('{ name = "klinik.example";', '{ name = "klinik.example"; files: { bytes_max = "8 GiB"; '
                                   'bytes_per_day = "64 GiB"; bytes_total = "64 GiB"; };')
    with open(path, "w") as file:
        file.write(text)
    lab.start()
    anna, berta = lab.account("anna"), lab.account("berta")
    stream = lab.stream(anna)
    source, back = os.path.join(lab.dir, "source"), os.path.join(lab.dir, "back")
    with open(source, "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    found = {"mib": mib}

    def note(name, peak):
        found[name] = {"peak_kib": peak.kib, "mib_per_s": round(mib / peak.seconds, 1)}

    for small in (1, mib):  # the first one shows konsild the way, so that its code and tables are there
        data = source if small == mib else os.path.join(lab.dir, "small")
        if small == 1:
            with open(data, "wb") as file:
                file.write(os.urandom(MIB))
        url, authorization = slot(stream, small * MIB)
        with Peak(lab.konsild.pid) as up:
            curl(lab, "-T", data, "-H", f"Authorization: {authorization}", url)
        with Peak(lab.konsild.pid) as down:
            curl(lab, "-o", back, url)
        assert sha(data) == sha(back)
    note("konsild_put", up)
    note("konsild_get", down)
    os.unlink(back)
    one, two = lab.konsil(anna), lab.konsil(berta)
    one.send(berta, "control")
    two.wait_body("control")
    with Peak(one.process.pid) as sending:
        number = one.do("file_send", to=berta, path=source, name="source")["transfer"]
        assert wait_done(one, number)["state"] == "done"
    message = two.wait("message", lambda e: e["message"].get("files"))["message"]
    with Peak(two.process.pid) as saving:
        number = two.do("file_get", conversation=anna, message=message["message"], path=back)["transfer"]
        assert wait_done(two, number)["state"] == "done"
    assert sha(source) == sha(back)
    note("konsil_send", sending)
    note("konsil_save", saving)
    print(json.dumps(found, indent=2))


main()
