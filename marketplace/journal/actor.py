"""Who acts: a person, an API key of an organisation, or the system itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """The author of a change. `organisation_id` is the tenant for which it happens, None for the market itself."""

    label: str
    user_id: int | None = None
    organisation_id: int | None = None
    key_id: int | None = None
    is_staff: bool = False

    def acting_for(self, organisation_id: int) -> "Actor":
        """The same person, acting for a customer: sales staff in the admin."""
        return Actor(self.label, self.user_id, organisation_id, self.key_id, self.is_staff)


SYSTEM = Actor("system")
