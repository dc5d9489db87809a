from pathlib import Path

from django.db import migrations

RULES = Path(__file__).resolve().parent.parent / "curve" / "sql" / "0001_frozen.sql"


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial"), ("marketplace", "0002_ledger")]
    operations = [
        migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop)
    ]
