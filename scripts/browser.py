"""A Chromium for the browser tests and the screenshots: find one, or install one.

Run: python -m scripts.browser     (make test and make screenshots do it)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Looked for on PATH, in this order."""

LAUNCH_ARGS = (
    # Containers run as root and without a GPU.
    "--no-sandbox",
    "--disable-gpu",
    # Nothing but the page's own requests: a test that counts requests must not see the browser's.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PATIENCE_SECONDS = 60


def starts(executable: str) -> bool:
    """Whether the browser really opens a page: Ubuntu's chromium-browser, for one, may only name a snap to install."""
    command = [executable, "--headless", *LAUNCH_ARGS, "--dump-dom", "about:blank"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "<html>" in done.stdout


def find_chromium() -> str | None:
    """The path of a Chromium: the system's, else the one Playwright downloaded, else None."""
    for name in SYSTEM_NAMES:
        executable = shutil.which(name)
        if executable and starts(executable):
            return executable
    with sync_playwright() as playwright:
        executable = playwright.chromium.executable_path
    return executable if os.path.exists(executable) and starts(executable) else None


def launch(playwright: Playwright, executable: str) -> Browser:
    """Start the browser without a window."""
    return playwright.chromium.launch(executable_path=executable, args=list(LAUNCH_ARGS))


def install_commands() -> list[list[str]]:
    """What to try, in order, each a command: the package manager where we may use it, then Playwright's own."""
    as_root: list[str] | None = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and (not shutil.which("sudo") or subprocess.run([*as_root, "true"], capture_output=True).returncode):
        as_root = None

    commands = []
    if as_root is not None and shutil.which("apt-get"):
        quiet = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        commands.append([*quiet, "update"])
        # A browser without fonts draws boxes.
        commands.append(
            [*quiet, "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core", "fonts-liberation"]
        )
    playwright_install = [sys.executable, "-m", "playwright", "install"]
    commands.append(
        [*playwright_install, "--with-deps", "chromium"] if as_root is not None else [*playwright_install, "chromium"]
    )
    return commands


def main() -> int:
    """Print the browser's path, after installing one where there is none; 1 when that cannot be done."""
    executable = find_chromium()
    for command in [] if executable else install_commands():
        print("No Chromium yet:", " ".join(command), flush=True)
        if subprocess.run(command, check=False).returncode == 0:
            executable = find_chromium()
        if executable:
            break
    if executable is None:
        print(
            "No Chromium could be found or installed. Install Chromium or Google Chrome so that `chromium` or "
            "`google-chrome` is on PATH, then run make again.",
            file=sys.stderr,
        )
        return 1
    print(f"Browser: {executable}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Error as error:
        sys.exit(f"Playwright could not start: {error}. Run `make test` so that its requirements are installed.")
