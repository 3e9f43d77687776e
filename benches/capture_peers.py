#!/usr/bin/env python3
"""Captures the same pages with Playwright and with Tintype, side by side, and prints the times.

Playwright opens each page, takes its HTML, a picture from top to bottom, the console and the
network, and holds them in memory. Tintype takes the same, redacts it and stores it durably. Both run
in a process of their own with a browser of their own and take turns, page by page; the first round is
not counted.

    benches/capture_peers.py [FOLDER] [--tintype PATH] [--rounds N]

FOLDER holds HTML files (at any depth); they are served on loopback. Playwright comes from PyPI
into a virtual environment that is removed afterwards; its own browser is never fetched: both use
the Chromium that CHROME names, or /usr/bin/chromium.
"""

import argparse
import contextlib
import functools
import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ROOT.parent / "shared/legacy/flat/data"
CHROMIUM = os.environ.get("CHROME", "/usr/bin/chromium")
# Addresses beyond loopback are not found, at once: how long a name server is silent is no matter here.
ALONE = """#!/bin/sh
exec "{chromium}" "$@" --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'
"""
SANDBOX = [] if os.geteuid() else ["--no-sandbox"]
# What Playwright is asked for, under our names; the facts come on top.
SAME = "page.html,full.png,console.jsonl,network.har"

PEER = r"""
import json, sys, time
from playwright.sync_api import sync_playwright

executable, arguments = sys.argv[1], sys.argv[2:]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=executable, args=arguments)
    for line in sys.stdin:
        url = line.strip()
        began = time.perf_counter()
        said, network = [], []
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: network.append(request.url))
        page.on("response", lambda response: network.append((response.url, response.status)))
        page.on("requestfailed", lambda request: network.append((request.url, request.failure)))
        page.goto(url)
        html = page.content()
        picture = page.screenshot(full_page=True)
        page.close()
        took = (time.perf_counter() - began) * 1000
        print(json.dumps({"ms": took, "html": len(html), "png": len(picture)}), flush=True)
    browser.close()
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class Peer:
    """Playwright in a process of its own, asked for one page at a time."""

    def __init__(self, folder, browser):
        python = folder / "venv/bin/python"
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "playwright"], check=True)
        self.process = subprocess.Popen(
            [python, "-c", PEER, str(browser), *SANDBOX],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def capture(self, url):
        self.process.stdin.write(url + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("Playwright ended")
        return json.loads(answer)["ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Ours:
    """Tintype with a store of its own, asked for one page at a time."""

    def __init__(self, command, store, browser):
        environment = {**os.environ, "CHROME": str(browser)}
        subprocess.run([command, "init", "--quiet", "--store", str(store)], check=True)
        self.process = subprocess.Popen(
            [command, "capture", "-", "--json", "--store", str(store), "--artifacts", SAME],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )

    def capture(self, url):
        self.process.stdin.write(url + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("Tintype ended")
        page = json.loads(answer)
        if page["status"] != "complete":
            sys.exit(f"{page['url']}: {page['status']}: {page['artifacts']}")
        return page["duration_ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", nargs="?", type=pathlib.Path, default=PAGES)
    options.add_argument("--tintype", default=str(ROOT / "target/release/tintype"))
    options.add_argument("--rounds", type=int, default=3)
    options = options.parse_args()
    pages = sorted(p for p in options.folder.rglob("*") if p.suffix in (".html", ".htm"))
    if not pages:
        sys.exit(f"no HTML files in {options.folder}: the comparison needs real pages")
    ours_exists = pathlib.Path(options.tintype).is_file()
    if not ours_exists:
        print(f"{options.tintype} is not built (cargo build --release): Playwright alone")

    with tempfile.TemporaryDirectory() as folder, served(options.folder) as base:
        folder = pathlib.Path(folder)
        urls = [f"{base}/{page.relative_to(options.folder)}" for page in pages]
        browser = folder / "chromium"
        browser.write_text(ALONE.format(chromium=CHROMIUM))
        browser.chmod(0o755)
        peer = Peer(folder, browser)
        times = {url: ([], []) for url in urls}
        # The first round is not counted. In each of ours there is a new store, so that no content
        # is there already, and a new browser, which an address without a page warms up.
        for counted in range(options.rounds + 1):
            ours = Ours(options.tintype, folder / f"{counted}.db", browser) if ours_exists else None
            if ours:
                ours.capture(f"{base}/nothing-here")
            for number, url in enumerate(urls):
                # Taking turns at being first.
                sides = [(0, peer), (1, ours)] if (number + counted) % 2 else [(1, ours), (0, peer)]
                for side, who in sides:
                    took = who.capture(url) if who else float("nan")
                    if counted:
                        times[url][side].append(took)
            if ours:
                ours.close()
        peer.close()

    print(f"{'Playwright':>12} {'Tintype':>12} {'ratio':>7}  page (median of {options.rounds}, ms)")
    means = ([], [])
    for url, both in times.items():
        row = [statistics.median(side) for side in both]
        for side, value in zip(means, row):
            side.append(value)
        print(f"{row[0]:12.1f} {row[1]:12.1f} {row[1] / row[0]:7.2f}  {url[len(base):]}")
    row = [statistics.mean(side) for side in means]
    print(f"{row[0]:12.1f} {row[1]:12.1f} {row[1] / row[0]:7.2f}  mean of {len(urls)} pages")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"took {time.perf_counter() - started:.0f} s")
