from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reservations", "0013_planner")]

    operations = [
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                condition=models.Q(("status__in", ("pending_approval", "pending_payment"))),
                fields=["organisation", "-id"],
                name="reservation_pending",
            ),
        ),
    ]
