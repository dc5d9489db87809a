"""What a page, or the admin, catches when an action is refused. Its words are those that REST answers with; what staff
alone can do has no code there, and says its own sentence."""

from marketplace.api.problems import refusals, sentence
from pricing.web.refusals import REFUSALS as OF_PRICING
from reservations.allocation import announcing, choosing, stating
from reservations.api import approval_problems as approval_problems
from reservations.api import continuity_problems as continuity_problems
from reservations.api import problems as problems
from reservations.booking import assigning, on_behalf, payments

__all__ = ["REFUSALS", "sentence"]

OF_STAFF: tuple[type[Exception], ...] = (
    announcing.NotAnnounced,
    announcing.ProposalRefused,
    choosing.DeadlineNotLater,
    choosing.OverrideReasonMissing,
    stating.CauseConfirmed,
    stating.CauseRefused,
    stating.OutcomeUnknown,
    stating.SecondPersonConfirms,
    assigning.ConsentReasonMissing,
    on_behalf.ReasonMissing,
    payments.AmountNotPositive,
    payments.BankReferenceTaken,
    payments.WrongCurrency,
)
REFUSALS = (*OF_PRICING, *refusals(), *OF_STAFF)
