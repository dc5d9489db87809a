import datetime
from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
import pricing.demand.models
from django.db import migrations, models


RULES = Path(__file__).resolve().parent.parent / "demand" / "sql" / "0005_demand.sql"

# Enquiries from before this version: what they asked for stands in the need as it was posted.
FROM_NEED = """
    UPDATE pricing_enquiry SET
        quantity = COALESCE((need->'quantity'->>'max')::int, (need->>'quantity')::int),
        days = COALESCE((need->'duration_days'->>'max')::int, (need->>'duration_days')::int),
        start_from = (need->'start'->>'from')::date,
        start_to = (need->'start'->>'to')::date,
        firmness = need->>'firmness',
        accelerators = ARRAY(SELECT jsonb_array_elements_text(COALESCE(need->'accelerators', '[]'))),
        sites = ARRAY(SELECT jsonb_array_elements_text(COALESCE(need->'sites', '[]'))),
        jurisdictions = ARRAY(SELECT jsonb_array_elements_text(COALESCE(need->'jurisdictions', '[]'))),
        sellers = ARRAY(SELECT jsonb_array_elements_text(COALESCE(need->'sellers', '[]'))),
        outcome = CASE WHEN offers = 0 THEN 'refused' ELSE 'offered' END,
        wish = md5(need::text)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0002_ledger'),
        ('pricing', '0004_signals'),
    ]

    operations = [
        migrations.CreateModel(
            name='DemandForecast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=pricing.demand.models.new_forecast_id, editable=False, max_length=40, unique=True)),
                ('first_day', models.DateField(help_text='First day of the first week')),
                ('weeks', models.PositiveIntegerField()),
                ('inputs_digest', models.CharField(help_text='SHA-256 of everything it was made of', max_length=64)),
                ('assumptions', models.JSONField()),
                ('learnt', models.JSONField(help_text='What was learnt from the wishes seen: volume, classes, worth, shapes')),
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='PoolDemand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('expected', django.contrib.postgres.fields.ArrayField(base_field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None), size=None)),
                ('low', django.contrib.postgres.fields.ArrayField(base_field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None), help_text='Exceeded with 90 % probability', size=None)),
                ('high', django.contrib.postgres.fields.ArrayField(base_field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None), help_text='Exceeded with 10 % probability', size=None)),
                ('on_the_books', django.contrib.postgres.fields.ArrayField(base_field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None), help_text='Sold and held when it was made', size=None)),
                ('volume', models.FloatField(help_text='Times the assumed volume')),
                ('seen', models.JSONField(help_text='GPU-days quoted, taken, lost and refused in the last four weeks')),
            ],
            options={
                'verbose_name_plural': 'pool demand',
            },
        ),
        migrations.AddField(
            model_name='enquiry',
            name='accelerators',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='Keys; empty for any', size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='days',
            field=models.PositiveIntegerField(default=1, help_text='Length of the block, the most of a range'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='ended_at',
            field=models.DateTimeField(blank=True, help_text='When the quote was taken or let go', null=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='firmness',
            field=models.CharField(choices=[('firm', 'Firm'), ('standard', 'Standard'), ('standby', 'Standby')], default='firm', max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='jurisdictions',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='Empty for any', size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='limit_price',
            field=models.DecimalField(blank=True, decimal_places=4, help_text='Of a bid or place on the waitlist', max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='offered_pools',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='Pools that had an offer for it', size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='offered_prices',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), default=list, help_text='Theirs, USD per GPU-hour, in the same order', size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='outcome',
            field=models.CharField(choices=[('offered', 'Offered'), ('refused', 'Refused: nothing fits'), ('quoted', 'Quoted'), ('taken', 'Taken'), ('lost', 'Lost: the quote was let go')], default='offered', max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='pool',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.pool'),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='quantity',
            field=models.PositiveIntegerField(default=1, help_text='GPUs, the most of a range'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='quote',
            field=models.CharField(blank=True, help_text='The quote made of it', max_length=40, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='quoted_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='quoted_days',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='quoted_gpus',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='sellers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='Public ids; empty for any', size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='sites',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='Public ids; empty for any', size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='source',
            field=models.CharField(choices=[('search', 'Search'), ('waitlist', 'Waitlist'), ('bid', 'Bid'), ('quote', 'Quote')], default='search', max_length=10),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='start_from',
            field=models.DateField(default=datetime.date(2026, 1, 1)),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='start_to',
            field=models.DateField(default=datetime.date(2026, 1, 1), help_text='Included'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='enquiry',
            name='unit_price',
            field=models.DecimalField(blank=True, decimal_places=4, help_text='Quoted, USD per GPU-hour', max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name='enquiry',
            name='wish',
            field=models.CharField(default='', help_text='The same for searches of the same need', max_length=32),
            preserve_default=False,
        ),
        migrations.RunSQL(FROM_NEED, reverse_sql=migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='enquiry',
            index=models.Index(fields=['organisation', '-id'], name='enquiry_of_organisation'),
        ),
        migrations.AddIndex(
            model_name='enquiry',
            index=models.Index(condition=models.Q(('pool__isnull', False)), fields=['pool', 'quoted_at'], name='enquiry_of_pool'),
        ),
        migrations.AddConstraint(
            model_name='enquiry',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['offered', 'refused', 'quoted', 'taken', 'lost'])), name='enquiry_outcome_is_known'),
        ),
        migrations.AddConstraint(
            model_name='enquiry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('pool', None), ('quote', None), ('quoted_at', None)), models.Q(('pool__isnull', False), ('quote__isnull', False), ('quoted_at__isnull', False), ('quoted_days__isnull', False), ('quoted_gpus__isnull', False), ('unit_price__isnull', False)), _connector='OR'), name='enquiry_quote_has_a_pool'),
        ),
        migrations.AddConstraint(
            model_name='enquiry',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), models.Q(('outcome__in', ['taken', 'lost']), ('quote__isnull', False)), _connector='OR'), name='enquiry_ends_with_an_outcome'),
        ),
        migrations.AddField(
            model_name='demandforecast',
            name='seller',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='demand_forecasts', to='marketplace.organisation'),
        ),
        migrations.AddField(
            model_name='pooldemand',
            name='forecast',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pools', to='pricing.demandforecast'),
        ),
        migrations.AddField(
            model_name='pooldemand',
            name='pool',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.pool'),
        ),
        migrations.AddIndex(
            model_name='demandforecast',
            index=models.Index(fields=['seller', '-created_at'], name='forecast_of_seller'),
        ),
        migrations.AddConstraint(
            model_name='pooldemand',
            constraint=models.UniqueConstraint(fields=('forecast', 'pool'), name='one_demand_per_pool'),
        ),
        migrations.RunSQL(RULES.read_text(), reverse_sql=migrations.RunSQL.noop),
    ]
