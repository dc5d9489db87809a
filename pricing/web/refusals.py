"""What a page catches when an action of pricing is refused. Its words are those that REST answers with."""

from marketplace.api import authority_problems as authority_problems
from marketplace.api.problems import refusals, sentence
from pricing.api import problems as problems

__all__ = ["REFUSALS", "sentence"]

REFUSALS = refusals()
