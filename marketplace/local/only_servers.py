"""./headroom servers: PostgreSQL and Valkey alone, for a debugger, psql or runserver beside them."""

import time

from marketplace.local import servers
from marketplace.local.family import Family
from marketplace.local.home import Home, held
from marketplace.local.interrupts import Stopped, stopped_by_signals
from marketplace.local.says import say, step


def keep() -> int:
    home = Home("demo")
    try:
        with held(home, "servers"), stopped_by_signals(), Family(home.record) as family:
            with step("PostgreSQL and Valkey"):
                servers.start(family, home, {})
            addresses = servers.embedded(home)
            say(f"export DATABASE_URL='{addresses.database_url}' CELERY_BROKER_URL='{addresses.broker_url}'")
            while True:
                family.check()
                time.sleep(0.2)
    except Stopped as stopped:
        return stopped.exit_code
