from typing import Any

from django.core.management.base import BaseCommand

from marketplace.parties.staff_roles import ensure_staff_groups


class Command(BaseCommand):
    help = "Makes the groups Sales and Supply planner, or brings their permissions back to what the code says."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, group in ensure_staff_groups().items():
            self.stdout.write(f"{name}: {group.permissions.count()} permissions")
