import django.db.models.deletion
from django.db import migrations, models

STATES = [
    ("pending_approval", "Waits for approval"),
    ("pending_payment", "Waits for payment"),
    ("scheduled", "Scheduled"),
    ("delivering", "Handed over"),
    ("delivered", "Delivered"),
    ("ended", "Ended"),
    ("cancelled", "Cancelled"),
    ("released", "Released"),
]
PENDING = ("pending_approval", "pending_payment")
# Every reservation so far is scheduled: the clock moves it on at its first day, by the next sweep.
FILL = """
    UPDATE reservations_reservation SET delivered_on = LEAST(start + 1, "end"),
        next_at = start::timestamp AT TIME ZONE 'UTC'
"""


class Migration(migrations.Migration):
    dependencies = [("reservations", "0001_initial")]

    operations = [
        migrations.AlterField(
            "reservation", "status", models.CharField(choices=STATES, default="scheduled", max_length=20)
        ),
        migrations.AddField(
            "reservation",
            "deadline",
            models.DateTimeField(
                help_text="Of a pending state: past it the capacity is free again", null=True
            ),
        ),
        migrations.AddField(
            "reservation",
            "next_at",
            models.DateTimeField(help_text="When the clock moves it on; null in a final state", null=True),
        ),
        migrations.AddField("reservation", "delivered_on", models.DateField(null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            "reservation",
            "delivered_on",
            models.DateField(help_text="Delivery is deemed accepted as this day begins"),
        ),
        migrations.AddIndex(
            "reservation",
            models.Index(
                condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="reservation_next_at"
            ),
        ),
        migrations.AddConstraint(
            "reservation",
            models.CheckConstraint(
                condition=models.Q(("status__in", PENDING), _negated=True)
                | models.Q(("deadline__isnull", False)),
                name="pending_until_a_deadline",
            ),
        ),
        migrations.CreateModel(
            "ReservationTransition",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action", models.CharField(max_length=20)),
                ("before", models.CharField(choices=STATES, max_length=20)),
                ("after", models.CharField(choices=STATES, max_length=20)),
                ("at", models.DateTimeField(help_text="When it was written down")),
                (
                    "effective_at",
                    models.DateTimeField(help_text="When it took effect: earlier where a sweep was late"),
                ),
                ("by", models.CharField(max_length=254)),
                ("by_user_id", models.BigIntegerField(null=True)),
                ("by_key_id", models.BigIntegerField(null=True)),
                ("reason", models.CharField(blank=True, max_length=2000)),
                (
                    "reservation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transitions",
                        to="reservations.reservation",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
    ]
