"""A picture of every page, phone and desktop, in both languages.

`python -m tests.browser.screenshots FOLDER ADDRESS USER=PASSWORD ...`

Signs in with the user names and passwords given as USER=PASSWORD arguments, as `make demo` prints them.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, DESKTOP, PHONE

PUBLIC = ("/", "/receipt", "/console/sign-in", "/nothing-here")
ROOMS = (
    "/console/reviews",
    "/console/triage",
    "/console/sightings",
    "/console/cases",
    "/console/referrals",
    "/console/map",
    "/console/oversight",
    "/console/records",
    "/console/records/new",
    "/console/failed",
    "/console/audit",
    "/console/officers",
    "/console/workers",
    "/console/contacts",
    "/console/account",
)
FOLLOWED = {
    "/console/triage": "main td a",
    "/console/sightings": "main a[href^='/console/sightings/']",
    "/console/referrals": "main a[href^='/console/referrals/']",
    "/console/reviews": "main form[action*='/reviews/claim/'] button, main form[action$='/next'] button",
    "/console/cases": "main a[href^='/console/cases/']",
    "/console/records": "main a[href^='/console/records/']:not([href$=new])",
}
"""Lists from which the first entry is opened too."""


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    parser.add_argument("sign_ins", nargs="*")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for width, viewport in (("phone", PHONE), ("desktop", DESKTOP)):
            for language in ("zh", "en"):
                context = browser.new_context(
                    viewport=viewport,  # type: ignore[arg-type]
                    base_url=given.address,
                    locale={"zh": "zh-CN", "en": "en-GB"}[language],
                )
                page = context.new_page()
                for path in PUBLIC:
                    _take(page, path, given.folder, f"{width}-{language}")
                for sign_in in given.sign_ins:
                    username, _, password = sign_in.partition("=")
                    _sign_in(page, username, password)
                    for path in ROOMS:
                        if page.request.get(path).status == 200:
                            _take(
                                page, path, given.folder, f"{width}-{language}-{username}", FOLLOWED.get(path)
                            )
                    context.clear_cookies()
                context.close()
        browser.close()


def _sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/console/sign-in")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("main button")
    page.wait_for_load_state()


def _take(page: Page, path: str, folder: Path, prefix: str, follow: str | None = None) -> None:
    page.goto(path)
    name = path.strip("/").replace("/", "-") or "home"
    page.screenshot(path=folder / f"{prefix}-{name}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    if wide:
        sys.stdout.write(f"{prefix} {path}: wider than the screen\n")
    if follow and page.locator(follow).count():
        page.locator(follow).first.click()
        page.wait_for_load_state()
        page.screenshot(path=folder / f"{prefix}-{name}-one.png", full_page=True)


if __name__ == "__main__":
    main()
