"""Headless Chromium, the system's own, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",  # tests often run as root in a container, where the sandbox cannot
    "--disable-gpu",
    # Nothing but the page under test is fetched.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """Open a page in a browser with a fresh profile; it fails after a minute of waiting.

    Parameters
    ----------
    profile : Path
        A folder for the browser's own files.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            headless=True,
            args=ARGUMENTS,
            viewport={"width": 1280, "height": 1600},
        )
        try:
            opened = browser.pages[0] if browser.pages else browser.new_page()
            opened.set_default_timeout(60_000)
            yield opened
        finally:
            browser.close()
