from marketplace.api.strict import Strict


class Empty(Strict):
    """No fields: the address says it all. Send nothing, or {}."""
