from pathlib import Path

from django.db import migrations

RULES = Path(__file__).resolve().parent.parent / "quotes" / "sql" / "0011_change_holds.sql"


class Migration(migrations.Migration):
    dependencies = [("pricing", "0010_bundles")]
    operations = [migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop)]
