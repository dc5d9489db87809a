from pathlib import Path

from django.db import migrations

RULES = Path(__file__).resolve().parent.parent / "capacity" / "sql" / "0003_returns.sql"


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0005_kept_inventory")]
    operations = [migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop)]
