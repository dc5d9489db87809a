from pathlib import Path

from django.db import migrations, models

RULES = Path(__file__).resolve().parent.parent / "quotes" / "sql" / "0016_purchase.sql"


class Migration(migrations.Migration):
    dependencies = [("pricing", "0012_delay")]

    operations = [
        migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="quote",
            index=models.Index(
                condition=models.Q(("client_reference__isnull", False)),
                fields=["organisation", "client_reference"],
                name="quote_of_client_reference",
            ),
        ),
    ]
