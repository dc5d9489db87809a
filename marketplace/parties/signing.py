"""Who may sign, and for whom: an agreement in force, and authority under it for the amount."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.agreements import MasterAgreement, SigningAuthority
from marketplace.parties.budgets import CostCentreNeeded
from marketplace.parties.chains import Step
from marketplace.parties.models import ApiKey, Membership, Organisation, User
from marketplace.parties.spending import APPROVAL_HOURS, CostCentre
from marketplace.units.money import Money

WITHOUT_AGREEMENT = (
    "Your organisation has no master agreement in force with this seller or with Headroom. Nothing was accepted."
)
WITHOUT_AUTHORITY = "You have no authority to sign for this amount under an agreement in force. Nothing was accepted."


class NoAgreement(Exception):
    """No master agreement is in force between the organisation and the seller or Headroom."""

    def __init__(self) -> None:
        super().__init__(WITHOUT_AGREEMENT)


class NoAuthority(Exception):
    """There is an agreement, but who acts may not sign for this amount under it."""

    def __init__(self) -> None:
        super().__init__(WITHOUT_AUTHORITY)


class SignatoryUnknown(ValueError):
    """The authority would be given to somebody who is no member, or to a key that is not in force."""


class AgreementOver(ValueError):
    """The agreement is not in force any more, or ends before it starts."""


class AlreadyGranted(ValueError):
    """This signatory has an authority under this agreement: revoke it before another one is given."""


def check_may_sign(*, organisation_id: int, by: Actor, seller_id: int, amount: Money, now: datetime) -> None:
    """Raises NoAgreement or NoAuthority unless `by` may bind the organisation to the seller for this amount.

    Where Headroom's staff (or the product itself) act for a customer, somebody at the customer must have the authority:
    the journal keeps who there agreed.
    """
    standing(organisation_id=organisation_id, by=by, seller_id=seller_id, amount=amount, now=now).check_may_sign()


@dataclass(frozen=True)
class Standing:
    """How a purchase stands with the organisation's own rules, all from one query.

    `steps` are those of the approval chain that applies, in order; empty where nobody else has to agree. `cost_centre`
    is the one that was named, else the default; None where there is none of that name. `approval_hours` is how long the
    policy in force lets a request wait.
    """

    agreed: bool
    authorised: bool
    steps: tuple[Step, ...]
    approval_hours: int
    keeps_cost_centres: bool
    cost_centre: CostCentre | None

    def check_agreement(self) -> None:
        if not self.agreed:
            raise NoAgreement

    def check_may_sign(self) -> None:
        self.check_agreement()
        if not self.authorised:
            raise NoAuthority

    def charged_to(self, named: str | None) -> CostCentre | None:
        """The cost centre that pays; None where the organisation keeps none. Raises CostCentreNeeded."""
        if self.cost_centre is None and (named is not None or self.keeps_cost_centres):
            raise CostCentreNeeded
        return self.cost_centre


def standing(
    *, organisation_id: int, by: Actor, seller_id: int, amount: Money, now: datetime, cost_centre: str | None = None
) -> Standing:
    """Agreement, authority, approval chain and cost centre of a purchase. Nothing is refused here."""
    asked = standing_asked(
        organisation_id=organisation_id, by=by, seller_id=seller_id, amount=amount, now=now, cost_centre=cost_centre
    )
    with connection.cursor() as cursor:
        cursor.execute(STANDING, asked)
        return standing_read(cursor.fetchone())


def standing_asked(
    *, organisation_id: int, by: Actor, seller_id: int, amount: Money, now: datetime, cost_centre: str | None
) -> dict[str, Any]:
    """The parameters of STANDING."""
    return {
        "organisation": organisation_id,
        "seller": seller_id,
        "day": now.date(),
        "now": now,
        "amount": amount.amount,
        "currency": amount.currency,
        "user": by.user_id,
        "key": by.key_id,
        "anybody": by.is_staff or (by.user_id is None and by.key_id is None),
        "cost_centre": cost_centre,
    }


def standing_read(row: Sequence[Any]) -> Standing:
    """The one row of STANDING."""
    agreed, authorised, steps, hours, keeps, *centre = row
    found = CostCentre(**dict(zip(_CENTRE, centre, strict=True))) if centre[0] is not None else None
    return Standing(agreed, authorised, tuple(Step(*step) for step in steps), hours, keeps, found)


_CENTRE = ("id", "public_id", "organisation_id", "code", "name", "period", "currency", "is_default", "created_at")
# A total in a currency for which no chain is kept goes the way of the highest chain: never of none.
STANDING = f"""
    WITH agreements AS (
        SELECT count(*) > 0 AS agreed, COALESCE(bool_or(s.amount >= %(amount)s), false) AS authorised
        FROM marketplace_masteragreement a
        LEFT JOIN marketplace_signingauthority s ON s.agreement_id = a.id AND s.revoked_at IS NULL
            AND s.currency = %(currency)s AND (%(anybody)s OR s.user_id = %(user)s OR s.api_key_id = %(key)s)
        WHERE a.organisation_id = %(organisation)s AND (a.seller_id IS NULL OR a.seller_id = %(seller)s)
            AND a.in_force_from <= %(day)s AND (a.until IS NULL OR a.until > %(day)s)
    ), chains AS (
        SELECT *, bool_or(currency = %(currency)s) OVER () AS kept FROM marketplace_approvalchain
        WHERE organisation_id = %(organisation)s AND withdrawn_at IS NULL
    ), chosen AS (
        SELECT id FROM chains WHERE CASE WHEN kept THEN currency = %(currency)s AND above < %(amount)s ELSE true END
        ORDER BY above DESC LIMIT 1
    )
    SELECT agreed, authorised,
        ARRAY(SELECT json_build_array(role, user_id) FROM marketplace_approvalstep
            WHERE chain_id = (SELECT id FROM chosen) ORDER BY position),
        COALESCE((SELECT hours FROM marketplace_approvalpolicy WHERE starts_at <= %(now)s
            ORDER BY version DESC LIMIT 1), {APPROVAL_HOURS}),
        EXISTS (SELECT FROM marketplace_costcentre WHERE organisation_id = %(organisation)s AND closed_at IS NULL),
        {", ".join(f"c.{name}" for name in _CENTRE)}
    FROM agreements LEFT JOIN marketplace_costcentre c ON c.organisation_id = %(organisation)s
        AND c.closed_at IS NULL
        AND CASE WHEN %(cost_centre)s::text IS NULL THEN c.is_default ELSE c.public_id = %(cost_centre)s END
"""


def record_agreement(
    *,
    organisation: Organisation,
    seller: Organisation | None,
    document_version: str,
    document_digest: str,
    signed_on: date,
    signed_by: str,
    in_force_from: date,
    by: Actor,
    now: datetime,
    until: date | None = None,
) -> MasterAgreement:
    """Writes down a contract that was signed. Raises AgreementOver where it would end before it starts."""
    if until is not None and until <= in_force_from:
        raise AgreementOver("The agreement would end before it starts.")
    agreement = MasterAgreement.objects.create(
        organisation=organisation,
        seller=seller,
        document_version=document_version,
        document_digest=document_digest,
        signed_on=signed_on,
        signed_by=signed_by,
        in_force_from=in_force_from,
        until=until,
        recorded_at=now,
        recorded_by=by.label,
    )
    after = {"organisation": organisation.public_id, "version": document_version, "digest": document_digest}
    record(by=by, verb="agreement.recorded", subject=agreement.public_id, now=now, after=after)
    return agreement


def end_agreement(*, agreement: MasterAgreement, until: date, reason: str, by: Actor, now: datetime) -> MasterAgreement:
    """Ends an agreement as that day begins, today at the earliest: what was bought under it stays bought."""
    if until < now.date() or until <= agreement.in_force_from:
        raise AgreementOver("An agreement ends today or later, and after the day on which it came into force.")
    before = agreement.until
    agreement.until = until
    agreement.save(update_fields=["until"])
    record(
        by=by,
        verb="agreement.ended",
        subject=agreement.public_id,
        now=now,
        before={"until": before.isoformat() if before else None},
        after={"until": until.isoformat()},
        reason=reason,
    )
    return agreement


def grant_authority(
    *, agreement: MasterAgreement, signatory: User | ApiKey, limit: Money, by: Actor, now: datetime
) -> SigningAuthority:
    """Lets a person or a key bind the organisation up to an amount a purchase.

    Raises AgreementOver, SignatoryUnknown or AlreadyGranted.
    """
    if agreement.until is not None and agreement.until <= now.date():
        raise AgreementOver("That agreement is no longer in force: choose another one.")
    person, key = (signatory, None) if isinstance(signatory, User) else (None, signatory)
    _check_signatory(agreement, person, key, now)
    given = agreement.authorities.filter(user=person, api_key=key, currency=limit.currency, revoked_at=None)
    if given.exists():
        raise AlreadyGranted(f"{signatory} has an authority under this agreement already: revoke it first.")
    authority = SigningAuthority.objects.create(
        agreement=agreement,
        user=person,
        api_key=key,
        amount=limit.amount,
        currency=limit.currency,
        granted_at=now,
        granted_by=by.label,
    )
    after = {"signatory": str(signatory), "limit": limit.as_json(), "agreement": agreement.public_id}
    record(by=by, verb="authority.granted", subject=authority.public_id, now=now, after=after)
    return authority


def _check_signatory(agreement: MasterAgreement, person: User | None, key: ApiKey | None, now: datetime) -> None:
    organisation_id = agreement.organisation_id
    if person is not None:
        known = Membership.objects.filter(user=person, organisation_id=organisation_id).exists()
    else:
        known = key is not None and key.organisation_id == organisation_id and key.revoked_at is None
        known = known and (key.expires_at is None or key.expires_at > now)  # type: ignore[union-attr]
    if not known:
        raise SignatoryUnknown("Choose a member of the organisation, or a key of it that is in force.")


def revoke_authority(*, authority: SigningAuthority, by: Actor, now: datetime) -> SigningAuthority:
    """Takes an authority back at once. Revoking twice keeps the first time."""
    if authority.revoked_at is None:
        authority.revoked_at = now
        authority.save(update_fields=["revoked_at"])
        before = {"signatory": authority.signatory, "limit": authority.limit.as_json()}
        record(by=by, verb="authority.revoked", subject=authority.public_id, now=now, before=before)
    return authority


def signatories(agreement: MasterAgreement) -> Sequence[SigningAuthority]:
    """Those in force, the highest first."""
    return list(
        agreement.authorities.filter(revoked_at=None).select_related("user", "api_key", "agreement").order_by("-amount")
    )
