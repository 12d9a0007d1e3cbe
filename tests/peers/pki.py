# SPDX-License-Identifier: AGPL-3.0-or-later
"""A hospital's PKI, made with openssl: a root, an issuing authority, certificates of clients, and a list of revoked ones.

    pki = Pki()
    anna = pki.client("anna", ["anna@klinik.example"])      {crt, key, chain, p12}: paths
    pki.revoke(anna)
    pki.crl()

Everything lies in pki.dir, which goes at the end."""
import atexit
import os
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone

XMPP_ADDR = "1.3.6.1.5.5.7.8.5"  # id-on-xmppAddr, RFC 6120 §13.7.1.4
CONFIG = """[ca]
default_ca = sub
[sub]
dir = .
database = index
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = sub.crt
private_key = sub.key
default_md = sha256
policy = any
unique_subject = no
crl_extensions = crl_ext
[any]
commonName = supplied
[crl_ext]
authorityKeyIdentifier = keyid
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def _time(days=0, seconds=0):
    return (datetime.now(timezone.utc) + timedelta(days=days, seconds=seconds)).strftime("%Y%m%d%H%M%SZ")


def _der(tag, *parts):
    value = b"".join(parts)
    assert len(value) < 128
    return bytes([tag, len(value)]) + value


def _raw_names(addresses):
    """Alternative names whose addresses are these bytes, which openssl.cnf cannot write."""
    oid = bytes.fromhex("06082b06010505070805")
    return "DER:" + _der(0x30, *(_der(0xa0, oid, _der(0xa0, _der(0x0c, raw))) for raw in addresses)).hex()


class Pki:
    def __init__(self, name="Testklinik"):
        self.dir = tempfile.mkdtemp(prefix="konsil-pki-")
        atexit.register(shutil.rmtree, self.dir, True)
        for file, text in [("ca.cnf", CONFIG), ("index", ""), ("serial", "1000\n"), ("crlnumber", "01\n")]:
            self._write(file, text)
        self._key("root.key")
        self._run("req", "-x509", "-config", "ca.cnf", "-new", "-key", "root.key", "-days", "3650", "-subj", f"/CN={name} Root CA",
                  "-extensions", "v3_ca", "-out", "root.crt")
        self._key("sub.key")
        self._run("req", "-config", "ca.cnf", "-new", "-key", "sub.key", "-subj", f"/CN={name} Issuing CA", "-out", "sub.csr")
        self._run("x509", "-req", "-in", "sub.csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial", "-days", "3650",
                  "-extfile", "ca.cnf", "-extensions", "v3_ca", "-out", "sub.crt")
        self.root, self.sub, self.list = (os.path.join(self.dir, file) for file in ("root.crt", "sub.crt", "list.crl"))
        self.crl()

    def _write(self, file, text):
        with open(os.path.join(self.dir, file), "w") as out:
            out.write(text)

    def _run(self, *words):
        subprocess.run(("openssl",) + words, cwd=self.dir, check=True, capture_output=True)

    def _key(self, file):
        self._run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)

    def client(self, name, addresses=(), sans=(), raw=(), usage="clientAuth", begins=-1, ends=365, seconds=0, self_signed=False):
        """A certificate: addresses of XMPP, other alternative names as openssl.cnf writes them, or instead of both raw bytes
        as addresses; begins, ends: days from now, and seconds more at the end."""
        sans = [f"otherName:{XMPP_ADDR};UTF8:{address}" for address in addresses] + list(sans)
        self._key(f"{name}.key")
        self._write(f"{name}.cnf", "[v3]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                    f"extendedKeyUsage={usage}\n" + (f"subjectAltName={_raw_names(raw)}\n" if raw else "subjectAltName=@names\n[names]\n" if sans else "") +
                    "".join(f"{san.split(':', 1)[0]}.{i}={san.split(':', 1)[1]}\n" for i, san in enumerate(sans)))
        self._run("req", "-config", "ca.cnf", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        if self_signed:
            self._run("x509", "-req", "-in", f"{name}.csr", "-signkey", f"{name}.key", "-days", "365", "-extfile", f"{name}.cnf",
                      "-extensions", "v3", "-out", f"{name}.crt")
        else:
            self._run("ca", "-batch", "-config", "ca.cnf", "-notext", "-in", f"{name}.csr", "-extfile", f"{name}.cnf", "-extensions",
                      "v3", "-startdate", _time(begins), "-enddate", _time(ends, seconds), "-out", f"{name}.crt")
        with open(os.path.join(self.dir, f"{name}.chain"), "w") as chain:
            for file in (f"{name}.crt", "sub.crt"):
                with open(os.path.join(self.dir, file)) as part:
                    chain.write(part.read())
        self._run("pkcs12", "-export", "-inkey", f"{name}.key", "-in", f"{name}.crt", "-certfile", "sub.crt", "-passout", "pass:geheim",
                  "-out", f"{name}.p12")
        self._run("pkcs8", "-topk8", "-in", f"{name}.key", "-passout", "pass:geheim", "-out", f"{name}.key8")
        return {kind: os.path.join(self.dir, f"{name}.{kind}") for kind in ("crt", "key", "key8", "chain", "p12")}

    def revoke(self, certificate):
        self._run("ca", "-config", "ca.cnf", "-revoke", certificate["crt"])

    def crl(self, ends=7):
        """A new list; it is good for so many days (negative: it is out of date)."""
        times = ("-crldays", str(ends)) if ends > 0 else ("-crl_lastupdate", _time(ends - 7), "-crl_nextupdate", _time(ends))
        self._run("ca", "-config", "ca.cnf", "-gencrl", *times, "-out", "list.crl")
