"""The cockpit's pages for the ground floor. Django looks for a module named `admin`, so this one gathers the pages."""

from marketplace.admin import catalogue, disruptions, parties, promises, records, supply

__all__ = ["catalogue", "disruptions", "parties", "promises", "records", "supply"]
