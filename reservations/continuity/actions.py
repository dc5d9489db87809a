"""Keeping, changing and deleting scenarios. Only its author changes one; an administrator may remove a shared one."""

from datetime import datetime
from typing import Any

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import Organisation
from marketplace.units import clock
from reservations.continuity.asked import parse_stored
from reservations.continuity.documents import without_tokens
from reservations.continuity.holdings import known_places
from reservations.continuity.models import LONGEST_NAME, VISIBILITIES, Scenario, ScenarioResult
from reservations.continuity.queries import Answer, ScenarioNotFound, visible, work_out

MOST_SCENARIOS = 200  # of one author
MOST_RESULTS = 20  # of one scenario: the oldest but the first make room


class NotTheAuthor(Exception):
    """Somebody else kept it."""

    def __init__(self, author: str) -> None:
        super().__init__(f"This scenario is {author}'s, who alone can change it. Nothing was changed.")


class WrongName(ValueError):
    """A name is needed, and has a length."""

    def __init__(self) -> None:
        super().__init__(f"Give it a name of 1 to {LONGEST_NAME} characters.")


class WrongVisibility(ValueError):
    def __init__(self) -> None:
        super().__init__(f"Choose {' or '.join(word for word, _ in VISIBILITIES)}.")


class TooManyScenarios(Exception):
    """One author keeps as many as one may."""

    def __init__(self) -> None:
        super().__init__(
            f"You keep {MOST_SCENARIOS} scenarios, the most that one may. Delete one first. Nothing was kept."
        )


class ScenarioArchived(Exception):
    """It is archived: it can be looked at, brought back and deleted."""

    def __init__(self) -> None:
        super().__init__("This scenario is archived. Bring it back first. Nothing was changed.")


def save_scenario(*, name: str, visibility: str, answer: Answer, organisation: Organisation, by: Actor) -> Scenario:
    """Keeps a question with its answer. Raises WrongName, WrongVisibility or TooManyScenarios."""
    now, name = clock.now(), _name(name)
    _check_visibility(visibility)
    # Locked so that two at once do not both take the last place.
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    own = Scenario.objects.of(organisation.pk).filter(author_user_id=by.user_id if by.key_id is None else None)
    if own.filter(author_key_id=by.key_id).count() >= MOST_SCENARIOS:
        raise TooManyScenarios
    scenario = Scenario.objects.create(
        organisation=organisation,
        name=name,
        question=answer.question.kind,
        inputs=answer.question.as_json(),
        visibility=visibility,
        author=by.label,
        author_user_id=by.user_id if by.key_id is None else None,
        author_key_id=by.key_id,
        created_at=now,
        changed_at=now,
    )
    _add_result(scenario, answer, by)
    record(
        by=by, verb="scenario.kept", subject=scenario.public_id, now=now, after={"name": name, "visibility": visibility}
    )
    return scenario


def work_out_again(*, public_id: str, organisation_id: int, by: Actor) -> Scenario:
    """Asks the question again, of the portfolio and the market as they are now; the earlier answers stay."""
    scenario = _own(public_id, organisation_id, by)
    if scenario.archived_at is not None:
        raise ScenarioArchived
    now = clock.now()
    asked = parse_stored(scenario.question, scenario.inputs, today=now.date(), known=known_places())
    _add_result(scenario, work_out(question=asked, organisation_id=organisation_id, now=now), by)
    _make_room(scenario)
    scenario.changed_at = now
    scenario.save(update_fields=["changed_at"])
    return scenario


def change_scenario(
    *,
    public_id: str,
    organisation_id: int,
    by: Actor,
    name: str | None = None,
    visibility: str | None = None,
    is_archived: bool | None = None,
) -> Scenario:
    """Renames, shares, archives or brings back: what is not given stays. Only its author may."""
    scenario, now = _own(public_id, organisation_id, by), clock.now()
    before = _told(scenario)
    if name is not None:
        scenario.name = _name(name)
    if visibility is not None:
        _check_visibility(visibility)
        scenario.visibility = visibility
    if is_archived is not None and is_archived != (scenario.archived_at is not None):
        scenario.archived_at = now if is_archived else None
    after = _told(scenario)
    if after != before:
        scenario.changed_at = now
        scenario.save(update_fields=["name", "visibility", "archived_at", "changed_at"])
        record(by=by, verb="scenario.changed", subject=public_id, now=now, before=before, after=after)
    return scenario


def delete_scenario(*, public_id: str, organisation_id: int, by: Actor, is_admin: bool) -> None:
    """Deletes a scenario with all its answers. It cannot be undone. Its author may, and an administrator one that the
    organisation sees."""
    scenario = _found(public_id, organisation_id, by)
    if not scenario.is_by(by) and not is_admin:
        raise NotTheAuthor(scenario.author)
    record(by=by, verb="scenario.deleted", subject=public_id, now=clock.now(), before=_told(scenario))
    scenario.delete()


def _found(public_id: str, organisation_id: int, by: Actor) -> Scenario:
    seen = visible(organisation_id=organisation_id, to=by).filter(public_id=public_id)
    scenario = seen.select_for_update().first()
    if scenario is None:
        raise ScenarioNotFound
    return scenario


def _own(public_id: str, organisation_id: int, by: Actor) -> Scenario:
    scenario = _found(public_id, organisation_id, by)
    if not scenario.is_by(by):
        raise NotTheAuthor(scenario.author)
    return scenario


def _add_result(scenario: Scenario, answer: Answer, by: Actor) -> ScenarioResult:
    return ScenarioResult.objects.create(
        scenario=scenario,
        at=answer.at,
        by=by.label,
        projection=answer.projection,
        price_versions=list(answer.price_versions),
        tape=answer.tape,
        document=without_tokens(answer.document),
    )


def _make_room(scenario: Scenario) -> None:
    """The first answer stays: it is what the scenario was kept for."""
    later = list(scenario.results.order_by("pk").values_list("pk", flat=True))[1:]
    scenario.results.filter(pk__in=later[: max(len(later) - MOST_RESULTS + 1, 0)]).delete()


def _name(name: str) -> str:
    found = name.strip()
    if not 1 <= len(found) <= LONGEST_NAME:
        raise WrongName
    return found


def _check_visibility(word: str) -> None:
    if word not in dict(VISIBILITIES):
        raise WrongVisibility


def _told(scenario: Scenario) -> dict[str, Any]:
    at: datetime | None = scenario.archived_at
    return {"name": scenario.name, "visibility": scenario.visibility, "archived": at is not None}
