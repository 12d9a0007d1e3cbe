# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packages from npm that a test runs under Node."""
import os
import shutil
import subprocess

from lab import BUILD


def install(directory, *packages):
    """packages (NAME@VERSION) in a directory of the build, fetched once: the directory that has their node_modules, or
    None where npm cannot."""
    modules = os.path.join(BUILD, directory)
    if os.path.isdir(os.path.join(modules, "node_modules", *packages[0].rsplit("@", 1)[0].split("/"))):
        return modules
    os.makedirs(modules, exist_ok=True)
    fetched = shutil.which("npm") and subprocess.run(
        ["npm", "install", "--prefix", modules, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", *packages],
        capture_output=True, timeout=120).returncode == 0
    return modules if fetched else None
