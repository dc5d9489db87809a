from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

PACKAGE = Path(__file__).resolve().parent.parent
RULES = [PACKAGE / "supply/sql/0010_partners.sql"]

class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0009_webhooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='DisclosurePolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('starts_at', models.DateTimeField()),
                ('milestones_to', models.CharField(choices=[('nobody', 'Nobody else'), ('holders', 'Buyers with reservations there'), ('everybody', 'Everybody')], default='nobody', max_length=10)),
                ('causes_to', models.CharField(choices=[('nobody', 'Nobody else'), ('holders', 'Buyers with reservations there'), ('everybody', 'Everybody')], default='everybody', max_length=10)),
                ('after_days', models.PositiveIntegerField(default=0, help_text='Days from a report until others see it')),
                ('published_by', models.CharField(max_length=254)),
            ],
            options={
                'verbose_name_plural': 'disclosure policies',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='MilestoneReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('forecast', models.DateField(blank=True, null=True)),
                ('actual', models.DateField(blank=True, null=True)),
                ('note', models.TextField(blank=True)),
                ('source', models.CharField(choices=[('staff', 'Staff'), ('provider', 'The provider'), ('import', 'An import')], max_length=10)),
                ('reported_by', models.CharField(max_length=254)),
                ('organisation_id', models.BigIntegerField(help_text='The provider that said so', null=True)),
                ('at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'milestone report',
                'ordering': ['-id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='disruption',
            name='disruption_has_an_effect',
        ),
        migrations.AddField(
            model_name='disruption',
            name='mw_available',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='MW that the whole site has meanwhile (grid limit, heat), cooling in; empty: all of its power', max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name='disruption',
            name='provider',
            field=models.ForeignKey(blank=True, editable=False, help_text="Whose statement it is; none: the market's staff", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.organisation'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='provider',
            field=models.ForeignKey(blank=True, editable=False, help_text="Whose statement it is; none: the market's staff", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.organisation'),
        ),
        migrations.AddConstraint(
            model_name='disruption',
            constraint=models.CheckConstraint(condition=models.Q(('mw_available', None), models.Q(('mw_available__gte', 0), ('site__isnull', False)), _connector='OR'), name='disruption_cuts_a_sites_power'),
        ),
        migrations.AddConstraint(
            model_name='disruption',
            constraint=models.CheckConstraint(condition=models.Q(('delay_days__gt', 0), ('usable_share__isnull', False), ('mw_available__isnull', False), _connector='OR'), name='disruption_has_an_effect'),
        ),
        migrations.AddField(
            model_name='disclosurepolicy',
            name='provider',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='marketplace.organisation'),
        ),
        migrations.AddField(
            model_name='milestonereport',
            name='milestone',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='marketplace.milestone'),
        ),
        migrations.AddConstraint(
            model_name='disclosurepolicy',
            constraint=models.UniqueConstraint(fields=('provider', 'version'), name='one_disclosure_per_version'),
        ),
        migrations.AddConstraint(
            model_name='disclosurepolicy',
            constraint=models.CheckConstraint(condition=models.Q(('after_days__lte', 365)), name='disclosure_within_a_year'),
        ),
        migrations.AddIndex(
            model_name='milestonereport',
            index=models.Index(fields=['milestone', 'at'], name='report_by_milestone'),
        ),
        migrations.RunSQL([path.read_text() for path in RULES], reverse_sql=migrations.RunSQL.noop),
    ]
