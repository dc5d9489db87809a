from pathlib import Path

from django.db import migrations, models

RULES = Path(__file__).resolve().parent.parent / "capacity" / "sql" / "0002_limits_written.sql"


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0004_promises")]
    operations = [
        migrations.CreateModel(
            name="LimitsWritten",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by_transaction", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "limits written",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_row_of_limits_written")
                ],
            },
        ),
        migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop),
    ]
