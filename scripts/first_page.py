"""How long a browser takes to a page that can be used, and how much script it loads. A process of its own."""

from __future__ import annotations

import sys

import msgspec
from playwright.sync_api import Response, sync_playwright

BROWSER = "/usr/bin/chromium"
PAGES = 5
SECONDS_MAX = 30


def main() -> None:
    """`scripts/first_page.py`, with the console's address (that lets in once) on stdin."""
    entrance = sys.stdin.readline().strip()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page, script_bytes = browser.new_page(), list[int]()

        def loaded(response: Response) -> None:
            if response.request.resource_type == "script":
                script_bytes.append(response.request.sizes()["responseBodySize"])

        page.on("requestfinished", lambda request: loaded(found) if (found := request.response()) else None)
        page.goto(entrance)
        page.wait_for_selector("nav", timeout=SECONDS_MAX * 1_000)
        first_load, times_ms = sum(script_bytes), list[float]()
        for _ in range(PAGES):
            page.goto(entrance.partition("#")[0])
            page.wait_for_selector("nav", timeout=SECONDS_MAX * 1_000)
            times_ms.append(page.evaluate("performance.now()"))
        browser.close()
    answer = {"first_page_ms": round(sorted(times_ms)[PAGES // 2]), "script_kb": round(first_load / 1_000)}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


if __name__ == "__main__":
    main()
