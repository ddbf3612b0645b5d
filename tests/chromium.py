"""A real browser for the tests: Debian's Chromium, headless, driven by selenium through its own chromedriver.

``$COMPRESS_TEST_CHROMIUM`` and ``$COMPRESS_TEST_CHROMEDRIVER`` name them elsewhere than on the path.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSER = os.environ.get("COMPRESS_TEST_CHROMIUM") or shutil.which("chromium")
DRIVER = os.environ.get("COMPRESS_TEST_CHROMEDRIVER") or shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="no Chromium here; apt install chromium chromium-driver"
)


@dataclass(frozen=True)
class Tab:
    """An open browser."""

    driver: Chrome

    def open(self, page: Path, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Show a file in a window of this many CSS pixels."""
        from selenium.webdriver.support.ui import WebDriverWait

        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.complaints(), self.requests()  # of the page before
        uri = page.resolve().as_uri()
        self.driver.get(uri)
        # On a busy machine it has come back before the page's script was run.
        complete = "return document.readyState === 'complete' && document.URL === arguments[0]"
        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(complete, uri))

    def scripting(self, allowed: bool) -> None:
        """Let pages that are opened from now on run scripts, or not."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the console has said since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What was asked for since the last call, but for data: URIs, which are in the page already."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [
            message["params"]["request"]["url"] for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]  # fmt: skip
        return [url for url in urls if not url.startswith("data:")]

    def picture(self, path: Path) -> None:
        """Write a PNG of the whole page, not only of the window."""
        import base64

        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A browser whose profile lies in ``folder``."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    # Tests may run as root and in containers, where Chromium's own sandbox and /dev/shm do not work.
    words = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run")
    for word in (*words, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(str(DRIVER)))
    try:
        driver.get("about:blank")
        driver.get_log("performance")  # what the browser's own first page asked for
        yield Tab(driver)
    finally:
        driver.quit()
