#!/usr/bin/env python3
"""Captures the versions of one page with Tintype and as Playwright traces, and prints what both take.

Each version is served at the same address on loopback. Playwright records a trace of the visit, with
screenshots and snapshots of the document, and writes a zip a visit, as it does for failed tests. Tintype
captures what it takes unless told (both pictures, the HTML, texts, console, network) into one store,
which is packed again at the end. Both use the same Chromium.

    benches/trace_peers.py FOLDER [--tintype PATH] [--versions N]

FOLDER holds an HTML file a version, in the order of their names. Playwright comes from PyPI into a
virtual environment that is removed afterwards; its own browser is never fetched: both use the Chromium
that CHROME names, or /usr/bin/chromium.
"""

import argparse
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("CHROME", "/usr/bin/chromium")
SANDBOX = [] if os.geteuid() else ["--no-sandbox"]

PEER = r"""
import sys
from playwright.sync_api import sync_playwright

executable, folder, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=executable, args=arguments)
    for number, line in enumerate(sys.stdin):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.tracing.start(screenshots=True, snapshots=True)
        page = context.new_page()
        page.goto(line.strip())
        page.screenshot(full_page=True)
        context.tracing.stop(path=f"{folder}/{number:04}.zip")
        context.close()
        print("done", flush=True)
    browser.close()
"""


class Page(http.server.BaseHTTPRequestHandler):
    """Answers with the version that it is the turn of."""

    content = b""

    def do_GET(self):
        found = self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        body = Page.content if found else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def size(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tintype", default=ROOT / "target/release/tintype")
    parser.add_argument("--versions", type=int, default=50)
    args = parser.parse_args()
    versions = sorted(path for path in args.folder.rglob("*.html"))[: args.versions]
    if not versions:
        sys.exit(f"{args.folder}: no HTML files")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "playwright==1.65.*"], check=True)
        traces, store = folder / "traces", folder / "tintype.db"
        traces.mkdir()

        def tintype(*words):
            run = [args.tintype, *words, "--store", store, "--json"]
            return subprocess.run(run, check=True, capture_output=True, text=True).stdout

        tintype("init")
        peer = subprocess.Popen(
            [python, "-c", PEER, CHROMIUM, traces, *SANDBOX],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for version in versions:
            Page.content = version.read_bytes()
            peer.stdin.write(url + "\n")
            peer.stdin.flush()
            assert peer.stdout.readline() == "done\n"
            tintype("capture", url, "--context", "page", "--browser", CHROMIUM)
        peer.stdin.close()
        peer.wait()
        stats = json.loads(tintype("stats"))
        print(f"{len(versions)} versions of {sum(path.stat().st_size for path in versions)} bytes")
        print(f"Playwright traces        {size(traces):>12} bytes")
        print(f"Tintype: what was taken  {stats['bytes']:>12} bytes")
        print(f"Tintype: the store       {store.stat().st_size:>12} bytes")
        tintype("repack")
        print(f"after repack             {store.stat().st_size:>12} bytes")
    server.shutdown()


if __name__ == "__main__":
    main()
