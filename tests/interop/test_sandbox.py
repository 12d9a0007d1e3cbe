# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsild as it is shipped runs in its sandbox: what it must refuse is tried, and the process that serves is looked at."""
import json
import os
import subprocess

from lab import BUILD, TIMEOUT, Lab, done, row

lab = Lab()


def probe(*options):
    """konsild tries, in each of its threads, what the sandbox is there to refuse."""
    return subprocess.run([os.path.join(BUILD, "cmd", "konsild"), *options, "--sandbox-probe", "probe.conf"], cwd=lab.dir,
                          capture_output=True, text=True, timeout=TIMEOUT)


def status(task):
    with open(task) as file:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


with open(os.path.join(lab.dir, "konsild.conf")) as file, open(os.path.join(lab.dir, "probe.conf"), "w") as other:
    other.write(file.read().replace('"data"', '"data2"').replace('"control"', '"control2"')
                .replace(str(lab.port), "0").replace(str(lab.direct_port), "0"))

answer = probe()
row(answer.returncode == 0 and "ALLOWED" not in answer.stdout, "nothing of what is tried is allowed", answer)
for what in ("open /etc/shadow", "execve /bin/true", "ptrace"):
    row(answer.stdout.count(f"{what}: refused") >= 3, f"{what} is refused in the main thread and in each reactor", answer.stdout)
answer = probe("--no-sandbox")
row(answer.returncode != 0 and "execve /bin/true: ALLOWED" in answer.stdout and "ptrace: ALLOWED" in answer.stdout,
    "(control: without the sandbox the same tries succeed)", answer)

lab.stream(lab.account("anna"), "sandbox")
tasks = f"/proc/{lab.konsild.pid}/task"
threads = {name: status(f"{tasks}/{name}/status") for name in os.listdir(tasks)}
row(len(threads) >= 4 and all(thread["Seccomp"] == "2" and thread["NoNewPrivs"] == "1" for thread in threads.values()),
    f"each of the {len(threads)} threads of the konsild that serves is under seccomp's filter, without new privileges", threads)
row(status("/proc/self/status")["Seccomp"] != "2", "(control: this test is not)")
health = json.loads(lab.ctl("health", "--json").stdout)
row(health.get("sandbox") is True, "health says so", health)
row(1 << 20 < health.get("memory_bytes", 0) < 1 << 30, "and what memory it takes", health.get("memory_bytes"))
done()
