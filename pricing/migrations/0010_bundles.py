from pathlib import Path

import django.db.models.deletion
import pricing.quotes.bundles
from django.db import migrations, models

RULES = Path(__file__).resolve().parent.parent / "quotes" / "sql" / "0010_bundles.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0005_kept_inventory'),
        ('pricing', '0009_on_behalf_of'),
    ]

    operations = [
        migrations.AddField(
            model_name='quote',
            name='bundle_part',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Its place among them, from 0', null=True),
        ),
        migrations.CreateModel(
            name='Bundle',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=pricing.quotes.bundles.new_bundle_id, editable=False, max_length=40, unique=True)),
                ('kind', models.CharField(choices=[('bundle', 'Bundle'), ('ramp', 'Ramp'), ('split', 'Split')], max_length=10)),
                ('total', models.DecimalField(decimal_places=2, help_text='The sum of its parts', max_digits=18)),
                ('list_total', models.DecimalField(decimal_places=2, help_text='Before terms', max_digits=18)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=254)),
                ('expires_at', models.DateTimeField(help_text='Of all its parts')),
                ('client_reference', models.CharField(blank=True, max_length=120, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bundles', to='marketplace.organisation')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='quote',
            name='bundle',
            field=models.ForeignKey(blank=True, db_index=False, help_text='Where it is a part: it moves with the others alone', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='pricing.bundle'),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.UniqueConstraint(condition=models.Q(('bundle__isnull', False)), fields=('bundle', 'bundle_part'), name='one_quote_per_part_of_a_bundle'),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('bundle', None), ('bundle_part', None)), models.Q(('bundle__isnull', False), ('bundle_part__isnull', False)), _connector='OR'), name='a_part_has_a_place'),
        ),
        migrations.AddIndex(
            model_name='bundle',
            index=models.Index(fields=['organisation', '-id'], name='bundle_of_organisation'),
        ),
        migrations.AddConstraint(
            model_name='bundle',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['bundle', 'ramp', 'split'])), name='bundle_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='bundle',
            constraint=models.UniqueConstraint(fields=('organisation', 'client_reference'), name='one_bundle_per_client_reference'),
        ),
        migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop),
    ]
