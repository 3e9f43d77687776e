#!/usr/bin/env python3
"""Histories in Tintype, git, restic and borg: bytes and seconds, whole commands, in turn.

Usage: store_peers.py TINTYPE FOLDER...

Each FOLDER holds the versions of one document, a file each, whose names sort in time. Needs git;
restic and borg are left out where they are not installed. Every tool is given the versions one
after another as they came, where its own unit of work allows that: Tintype a snapshot and git a
commit each (git through one fast-import, its fastest way), restic and borg one backup of all files,
which is the best case for both.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(command, **options):
    begun = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return time.monotonic() - begun


def size_of(path):
    path = Path(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def tintype(program, files, work):
    store = work / "tintype.db"
    run([program, "--store", store, "init"])
    seconds = run([program, "--store", store, "put", "-q", "--context", "bench/history", *files])
    yield "tintype put", size_of(store), seconds
    seconds = run([program, "--store", store, "repack", "-q"])
    yield "tintype repack", size_of(store), seconds
    run([program, "--store", store, "verify", "-q", "--read-data"])


def git(files, work):
    repository = work / "git"
    subprocess.run(["git", "init", "-q", "--bare", repository], check=True)

    def stream():
        for number, file in enumerate(files):
            content = file.read_bytes()
            yield b"commit refs/heads/main\ncommitter bench <bench> %d +0000\ndata 1\nx\n" % number
            yield b"M 100644 inline document\ndata %d\n" % len(content) + content + b"\n"

    begun = time.monotonic()
    importer = subprocess.Popen(
        ["git", "-C", repository, "fast-import", "--quiet"], stdin=subprocess.PIPE
    )
    for part in stream():
        importer.stdin.write(part)
    importer.stdin.close()
    assert importer.wait() == 0
    yield "git fast-import", size_of(repository / "objects"), time.monotonic() - begun
    seconds = run(["git", "-C", repository, "gc", "-q", "--aggressive", "--prune=now"])
    yield "git gc --aggressive", size_of(repository / "objects"), seconds


def restic(folder, work):
    environment = {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(work / "restic")}
    run(["restic", "init"], env=environment)
    seconds = run(["restic", "backup", "--no-cache", folder], env=environment)
    yield "restic backup", size_of(work / "restic"), seconds


def borg(folder, work):
    environment = {**os.environ, "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    environment["BORG_BASE_DIR"] = str(work / "borg-base")
    repository = work / "borg"
    run(["borg", "init", "--encryption=none", repository], env=environment)
    seconds = run(
        ["borg", "create", "--compression", "zstd,3", f"{repository}::all", folder], env=environment
    )
    yield "borg create", size_of(repository), seconds


def main():
    program, folders = os.path.abspath(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    for folder in folders:
        files = sorted(file.resolve() for file in folder.iterdir() if file.is_file())
        given = sum(file.stat().st_size for file in files)
        print(f"{folder.name}: {len(files)} versions, {given:,} bytes")
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            contenders = [tintype(program, files, work), git(files, work)]
            for name, contender in (("restic", restic), ("borg", borg)):
                if shutil.which(name):
                    contenders.append(contender(folder.resolve(), work))
                else:
                    print(f"  {name} is not installed")
            for contender in contenders:
                for what, size, seconds in contender:
                    print(f"  {what:22} {size:>12,} bytes {seconds:>8.2f} s")


if __name__ == "__main__":
    main()
