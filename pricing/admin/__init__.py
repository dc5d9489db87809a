"""The cockpit's pages for prices and quotes, one file a screen. Django looks for a module named `admin`: this one."""

from pricing.admin import contracts, demand, enquiries, margins, negotiations, policies, quotes, signals, versions

__all__ = ["contracts", "demand", "enquiries", "margins", "negotiations", "policies", "quotes", "signals", "versions"]
