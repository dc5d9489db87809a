"""The browser that the tests drive: the machine's own chromium, never one that is downloaded behind its back."""

import os
import shutil
import subprocess
from pathlib import Path

from marketplace.local.says import CannotStart, say

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = "chromium fonts-liberation"
INSTALL = f"apt-get update && apt-get install -y --no-install-recommends {PACKAGES}"


def find() -> str | None:
    if chosen := os.environ.get("HEADROOM_CHROMIUM"):
        if not Path(chosen).exists():
            raise CannotStart(f"HEADROOM_CHROMIUM names {chosen}, which does not exist.")
        return chosen
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def find_or_install() -> str:
    found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"The browser tests need chromium. Installing it: {INSTALL}")
        subprocess.run(INSTALL, shell=True, check=False, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
        found = find()
    if found is None:
        raise CannotStart(missing())
    return found


def missing() -> str:
    how = f"sudo sh -c '{INSTALL}'" if shutil.which("apt-get") else "install Chromium or Google Chrome"
    return (
        f"the browser tests need chromium, and there is none. Do this:\n\n    {how}\n\n"
        "or name one in HEADROOM_CHROMIUM. `./headroom test --no-browser` leaves those tests out."
    )
