"""What is done about screening: end customers are registered, parties cleared by two persons, lists and rules kept."""

from dataclasses import astuple
from datetime import date, datetime, timedelta

from django.db.models import Max

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import Organisation
from marketplace.screening.matrix import COUNTRY, END_USES, parsed
from marketplace.screening.models import (
    BLOCKED,
    CLEARED,
    Clearance,
    ClearanceProposal,
    EndCustomer,
    ListedName,
    ScreeningPolicy,
)
from marketplace.screening.queries import EndCustomerUnknown

SHORTEST_REASON = 10
LONGEST_CLEARANCE = timedelta(days=366)


class EndCustomerRefused(ValueError):
    """`faults` says by field what would be right."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


class ClearanceRefused(ValueError):
    """Nothing was cleared; the text says what would be right."""


class SecondPersonNeeded(ClearanceRefused):
    """Whoever asked for a clearance does not confirm it."""

    def __init__(self) -> None:
        super().__init__("Two persons clear a party: somebody else than who asked has to confirm it.")


class PolicyInThePast(ValueError):
    """A policy starts when it is published or later."""


def register_end_customer(
    *,
    organisation: Organisation,
    name: str,
    country: str,
    by: Actor,
    now: datetime,
    ultimate_parent: str = "",
    ultimate_parent_country: str = "",
    end_use: str = "commercial",
) -> EndCustomer:
    """Registers somebody for whom the organisation buys; its screening is pending. Raises EndCustomerRefused."""
    name, ultimate_parent = name.strip(), ultimate_parent.strip()
    faults = {}
    if not name:
        faults["name"] = "Give its legal name."
    elif organisation.end_customers.filter(name=name, country=country, archived_at=None).exists():
        faults["name"] = "This end customer is registered already."
    for field, value in (("country", country), ("ultimate_parent_country", ultimate_parent_country)):
        if not COUNTRY.fullmatch(value) and (value or field == "country"):
            faults[field] = "Two capital letters of ISO 3166-1, such as DE."
    if end_use not in END_USES:
        faults["end_use"] = f"One of {', '.join(END_USES)}."
    if faults:
        raise EndCustomerRefused(faults)
    customer = EndCustomer.objects.create(
        organisation=organisation,
        name=name,
        country=country,
        ultimate_parent=ultimate_parent,
        ultimate_parent_country=ultimate_parent_country,
        end_use=end_use,
        created_at=now,
    )
    after = {"name": name, "country": country, "end_use": end_use}
    record(by=by, verb="end_customer.registered", subject=customer.public_id, now=now, after=after)
    return customer


def archive_end_customer(*, customer: EndCustomer, by: Actor, now: datetime) -> EndCustomer:
    """Nothing more is bought for it; what was stays. Archiving twice keeps the first time."""
    if customer.archived_at is None:
        customer.archived_at = now
        customer.save(update_fields=["archived_at"])
        record(by=by, verb="end_customer.archived", subject=customer.public_id, now=now)
    return customer


def end_customer_of(*, organisation_id: int, public_id: str | None) -> EndCustomer | None:
    """The one that was named; None where none was. Raises EndCustomerUnknown, also for a stranger's."""
    if public_id is None:
        return None
    found = EndCustomer.objects.of(organisation_id).filter(public_id=public_id, archived_at=None).first()
    if found is None:
        raise EndCustomerUnknown
    return found


def propose_clearance(
    *,
    organisation: Organisation,
    end_customer: EndCustomer | None,
    cleared_until: date,
    end_use: str,
    reason: str,
    by: Actor,
    now: datetime,
) -> ClearanceProposal:
    """Asks a second person to clear a party until a day, for an end use. Raises ClearanceRefused."""
    said = _reason(reason)
    if by.user_id is None or not by.is_staff:
        raise ClearanceRefused("Headroom's staff clear.")
    if end_customer is not None and end_customer.organisation_id != organisation.pk:
        raise ClearanceRefused("That end customer is another organisation's.")
    if not now.date() < cleared_until <= now.date() + LONGEST_CLEARANCE:
        raise ClearanceRefused(f"A party is cleared for {LONGEST_CLEARANCE.days} days at most, and from today on.")
    if end_use not in END_USES:
        raise ClearanceRefused(f"An end use is one of {', '.join(END_USES)}.")
    if _open(organisation, end_customer) is not None:
        raise ClearanceRefused("A request for this party is open already: confirm or reject it first.")
    proposal = ClearanceProposal.objects.create(
        organisation=organisation,
        end_customer=end_customer,
        end_use=end_use,
        cleared_until=cleared_until,
        reason=said,
        proposed_at=now,
        proposed_by=by.label,
        proposed_by_user_id=by.user_id,
    )
    after = {"until": cleared_until.isoformat(), "end_use": end_use}
    record(by=by, verb="clearance.proposed", subject=_subject(proposal), now=now, after=after, reason=said)
    return proposal


def decide_clearance(*, proposal_id: int, confirm: bool, by: Actor, now: datetime) -> ClearanceProposal:
    """The second person's word: the party is cleared, or stays as it was. Raises ClearanceRefused."""
    proposal = ClearanceProposal.objects.select_for_update().get(pk=proposal_id)
    if proposal.decided_at is not None:
        raise ClearanceRefused("This request has been decided already.")
    if by.user_id is None or not by.is_staff:
        raise ClearanceRefused("Headroom's staff clear.")
    if by.user_id == proposal.proposed_by_user_id:
        raise SecondPersonNeeded
    proposal.confirmed, proposal.decided_at = confirm, now
    proposal.decided_by, proposal.decided_by_user_id = by.label, by.user_id
    proposal.save()
    if confirm:
        _set(proposal.organisation, proposal.end_customer, CLEARED, proposal.cleared_until, proposal.end_use, now)
    verb = "clearance.confirmed" if confirm else "clearance.rejected"
    record(by=by, verb=verb, subject=_subject(proposal), now=now, after={"until": proposal.cleared_until.isoformat()})
    return proposal


def block(
    *, organisation: Organisation, end_customer: EndCustomer | None, reason: str, by: Actor, now: datetime
) -> Clearance:
    """Stops a party at once. One person may: it is the safe side. To clear it again takes two."""
    said = _reason(reason)
    open_one = _open(organisation, end_customer)
    if open_one is not None and open_one.proposed_by_user_id != by.user_id:
        decide_clearance(proposal_id=open_one.pk, confirm=False, by=by, now=now)
    before = Clearance.objects.filter(organisation=organisation, end_customer=end_customer).first()
    found = _set(organisation, end_customer, BLOCKED, None, before.end_use if before else "unknown", now)
    subject = (end_customer or organisation).public_id
    record(by=by, verb="clearance.blocked", subject=subject, now=now, reason=said)
    return found


def list_name(*, name: str, source: str, by: Actor, now: datetime) -> ListedName:
    """Puts a name on the list: from now on nothing is sold to whoever bears it, or whose parent does."""
    if not any(letter.isalnum() for letter in name) or not source.strip():
        raise ClearanceRefused("Give a name with letters, and the list that it comes from.")
    listed = ListedName.objects.create(name=name.strip(), source=source.strip(), listed_at=now, listed_by=by.label)
    record(by=by, verb="listed_name.added", subject=f"listedname:{listed.pk}", now=now, after={"name": listed.name})
    return listed


def take_off_the_list(*, listed: ListedName, reason: str, by: Actor, now: datetime) -> ListedName:
    """Who bore the name is as clear as before it was listed."""
    said = _reason(reason)
    if listed.removed_at is None:
        listed.removed_at = now
        listed.save(update_fields=["removed_at"])
        record(by=by, verb="listed_name.removed", subject=f"listedname:{listed.pk}", now=now, reason=said)
    return listed


def publish_policy(*, policy: ScreeningPolicy, table: str, by: Actor, now: datetime) -> ScreeningPolicy:
    """Publishes an unsaved policy with its rules as text. Raises PolicyInThePast or RuleRefused."""
    if policy.starts_at < now:
        raise PolicyInThePast(f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC.")
    policy.rules = [list(astuple(rule)) for rule in parsed(table)]
    policy.version = (ScreeningPolicy.objects.aggregate(last=Max("version"))["last"] or 0) + 1
    policy.published_by = by.label
    policy.save(force_insert=True)
    after = {"version": policy.version, "is_on": policy.is_on, "rules": len(policy.rules)}
    subject = f"screeningpolicy:{policy.pk}"
    record(by=by, verb="screening_policy.published", subject=subject, now=now, after=after, reason=policy.reason)
    return policy


def _reason(reason: str) -> str:
    said = reason.strip()
    if len(said) < SHORTEST_REASON:
        raise ClearanceRefused(f"Say why, in {SHORTEST_REASON} characters or more: it is kept in the journal.")
    return said


def _open(organisation: Organisation, end_customer: EndCustomer | None) -> ClearanceProposal | None:
    found = ClearanceProposal.objects.filter(organisation=organisation, end_customer=end_customer, decided_at=None)
    return found.first()


def _set(
    organisation: Organisation,
    end_customer: EndCustomer | None,
    status: str,
    until: date | None,
    end_use: str,
    now: datetime,
) -> Clearance:
    found, _ = Clearance.objects.update_or_create(
        organisation=organisation,
        end_customer=end_customer,
        defaults={"status": status, "cleared_until": until, "end_use": end_use, "changed_at": now},
    )
    return found


def _subject(proposal: ClearanceProposal) -> str:
    return (proposal.end_customer or proposal.organisation).public_id
