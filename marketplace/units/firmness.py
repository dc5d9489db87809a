"""The three classes of a block, surest first. What a class and those firmer hold is counted together ("nested")."""

FIRM, STANDARD, STANDBY = "firm", "standard", "standby"
FIRMNESS = (FIRM, STANDARD, STANDBY)
CHOICES = [(FIRM, "Firm"), (STANDARD, "Standard"), (STANDBY, "Standby")]


def rank(firmness: str) -> int:
    """0 for firm, 1 for standard, 2 for standby: the row of a class in every array of limits, use and prices."""
    return FIRMNESS.index(firmness)
