import pricing.quotes.contracts
from django.db import migrations, models

HELP = (
    "If delivery is late: credit by the day, grace, cap, what excuses it, long stop, hours to choose. "
    "Empty: no terms on delay, as in versions from before there were any"
)


class Migration(migrations.Migration):

    dependencies = [
        ('pricing', '0011_change_holds'),
    ]

    operations = [
        # Without a default first: the versions that are there said nothing about delay, and stay in force so.
        migrations.AddField(
            model_name='contractpolicy',
            name='delay',
            field=models.JSONField(null=True, blank=True, help_text=HELP),
        ),
        migrations.AlterField(
            model_name='contractpolicy',
            name='delay',
            field=models.JSONField(default=pricing.quotes.contracts.shipped_delay, null=True, blank=True, help_text=HELP),
        ),
    ]
