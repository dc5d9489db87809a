import pricing.quotes.contracts
from django.db import migrations, models

WHO = [('provider', 'By the provider, when it gives access'), ('clock', 'By the clock, as the first day begins')]
HANDOVER = 'Whose act delivery is. By the clock: as in versions from before providers handed over'
READY = 'Days before hand-over by which the provider says when it will be; 0: no notice'
END = 'Days before the end on which the customer is reminded of it; 0: not'
TESTS = 'By name: scope (node, fabric), rule (at_least, at_most) and threshold. Empty: no tests are named'
SHOWN = "Whether a customer sees which project's GPUs will serve it"
ACCEPTANCE = 'Days from hand-over, none before the first day, to test; silence then is acceptance'


class Migration(migrations.Migration):

    dependencies = [
        ('pricing', '0016_purchase'),
    ]

    operations = [
        # First as it was: the versions that are there hand over by the clock, give no notice and name no test.
        migrations.AddField('contractpolicy', 'handover', models.CharField(choices=WHO, default='clock', max_length=10, help_text=HANDOVER)),
        migrations.AddField('contractpolicy', 'ready_notice_days', models.PositiveSmallIntegerField(default=0, help_text=READY)),
        migrations.AddField('contractpolicy', 'end_notice_days', models.PositiveSmallIntegerField(default=0, help_text=END)),
        migrations.AddField('contractpolicy', 'acceptance_tests', models.JSONField(null=True, blank=True, help_text=TESTS)),
        migrations.AddField('contractpolicy', 'project_shown', models.BooleanField(default=False, help_text=SHOWN)),
        # From here on as it is shipped.
        migrations.AlterField('contractpolicy', 'handover', models.CharField(choices=WHO, default='provider', max_length=10, help_text=HANDOVER)),
        migrations.AlterField('contractpolicy', 'ready_notice_days', models.PositiveSmallIntegerField(default=7, help_text=READY)),
        migrations.AlterField('contractpolicy', 'end_notice_days', models.PositiveSmallIntegerField(default=14, help_text=END)),
        migrations.AlterField('contractpolicy', 'acceptance_tests', models.JSONField(default=pricing.quotes.contracts.shipped_tests, null=True, blank=True, help_text=TESTS)),
        migrations.AlterField('contractpolicy', 'project_shown', models.BooleanField(default=True, help_text=SHOWN)),
        migrations.AlterField('contractpolicy', 'acceptance_days', models.PositiveSmallIntegerField(default=3, help_text=ACCEPTANCE)),
    ]
