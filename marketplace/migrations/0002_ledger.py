from pathlib import Path

from django.db import migrations

RULES = Path(__file__).resolve().parent.parent / "capacity" / "sql" / "0001_ledger.sql"


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]
    operations = [
        migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop)
    ]
