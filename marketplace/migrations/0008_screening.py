from pathlib import Path

import django.db.models.deletion
import marketplace.screening.models
from django.db import migrations, models

PACKAGE = Path(__file__).resolve().parent.parent
RULES = [PACKAGE / "screening/sql/0008_screening.sql"]


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0007_authority'),
    ]

    operations = [
        migrations.CreateModel(
            name='ListedName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('source', models.CharField(help_text='Which list, and its date', max_length=120)),
                ('listed_at', models.DateTimeField()),
                ('listed_by', models.CharField(max_length=254)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='ScreeningPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(unique=True)),
                ('starts_at', models.DateTimeField()),
                ('published_by', models.CharField(max_length=254)),
                ('reason', models.CharField(max_length=200)),
                ('is_on', models.BooleanField(default=False, help_text='Switched on, whatever is not allowed is denied')),
                ('rules', models.JSONField(default=list, help_text='Rows of the table, the first that fits decides')),
            ],
            options={
                'verbose_name_plural': 'screening policies',
                'ordering': ['-version'],
            },
        ),
        migrations.CreateModel(
            name='EndCustomer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.screening.models.new_end_customer_id, editable=False, max_length=40, unique=True)),
                ('name', models.CharField(help_text='Its legal name', max_length=200)),
                ('country', models.CharField(help_text='ISO 3166-1 alpha-2, such as DE', max_length=2)),
                ('ultimate_parent', models.CharField(blank=True, max_length=200)),
                ('ultimate_parent_country', models.CharField(blank=True, max_length=2)),
                ('end_use', models.CharField(choices=[('commercial', 'Commercial'), ('research', 'Research'), ('public_sector', 'Public sector'), ('defence', 'Defence'), ('unknown', 'Unknown')], default='commercial', help_text='As declared', max_length=20)),
                ('created_at', models.DateTimeField()),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='end_customers', to='marketplace.organisation')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ClearanceProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('end_use', models.CharField(choices=[('commercial', 'Commercial'), ('research', 'Research'), ('public_sector', 'Public sector'), ('defence', 'Defence'), ('unknown', 'Unknown')], default='commercial', max_length=20)),
                ('cleared_until', models.DateField(help_text='Not included')),
                ('reason', models.CharField(max_length=2000)),
                ('proposed_at', models.DateTimeField()),
                ('proposed_by', models.CharField(max_length=254)),
                ('proposed_by_user_id', models.BigIntegerField()),
                ('confirmed', models.BooleanField(null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=254)),
                ('decided_by_user_id', models.BigIntegerField(blank=True, null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.organisation')),
                ('end_customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.endcustomer')),
            ],
            options={
                'verbose_name': 'screening request',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Clearance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('cleared', 'Cleared'), ('blocked', 'Blocked')], default='pending', max_length=10)),
                ('cleared_until', models.DateField(blank=True, help_text='Not included', null=True)),
                ('end_use', models.CharField(choices=[('commercial', 'Commercial'), ('research', 'Research'), ('public_sector', 'Public sector'), ('defence', 'Defence'), ('unknown', 'Unknown')], default='unknown', help_text='As established', max_length=20)),
                ('changed_at', models.DateTimeField()),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='clearances', to='marketplace.organisation')),
                ('end_customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='clearances', to='marketplace.endcustomer')),
            ],
            options={
                'ordering': ['organisation__name', 'pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='endcustomer',
            constraint=models.UniqueConstraint(condition=models.Q(('archived_at', None)), fields=('organisation', 'name', 'country'), name='one_end_customer_a_name'),
        ),
        migrations.AddConstraint(
            model_name='endcustomer',
            constraint=models.CheckConstraint(condition=models.Q(('country__regex', '^[A-Z]{2}$')), name='end_customer_has_a_country'),
        ),
        migrations.AddConstraint(
            model_name='clearanceproposal',
            constraint=models.UniqueConstraint(condition=models.Q(('decided_at', None)), fields=('organisation', 'end_customer'), name='one_open_proposal_a_party', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='clearanceproposal',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by_user_id', None), models.Q(('decided_by_user_id', models.F('proposed_by_user_id')), _negated=True), _connector='OR'), name='two_persons_clear'),
        ),
        migrations.AddConstraint(
            model_name='clearance',
            constraint=models.UniqueConstraint(fields=('organisation', 'end_customer'), name='one_clearance_a_party', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='clearance',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'cleared'), _negated=True), ('cleared_until__isnull', False), _connector='OR'), name='cleared_until_a_date'),
        ),
        migrations.RunSQL([path.read_text() for path in RULES], reverse_sql=migrations.RunSQL.noop),
    ]
