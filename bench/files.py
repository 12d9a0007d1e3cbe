#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""bench/files.py [MIB]: what a large file costs. curl puts and gets it at konsild, then konsil sends it to konsil; of each
process the peak of its resident memory above what it had before, and the pace. Needs build/release (make bench builds it) and curl;
prints a line of JSON for each, as bench/load does. Memory of konsild should grow by less than 2 MiB (README.md)."""
import hashlib
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("KONSIL_BUILD", os.path.join(HERE, "..", "build", "release"))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "interop"))
import lab as labs
import wire
from peak import Peak

MIB = 1 << 20
UPLOAD = "{urn:xmpp:http:upload:0}"
labs.TIMEOUT = wire.TIMEOUT = 600


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

    def tell(name, peak):
        print(json.dumps({"workload": "files", "row": name, "mib": mib, "peak_kib": peak.kib,
                          "mib_per_s": round(mib / peak.seconds, 1)}), flush=True)

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
    tell("file-put", up)
    tell("file-get", down)
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
    tell("file-send", sending)
    tell("file-save", saving)


main()
