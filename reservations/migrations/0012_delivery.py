from pathlib import Path

import django.db.models.deletion
import reservations.delivery.models
from django.db import migrations, models

RULES = Path(__file__).resolve().parent.parent / "delivery" / "sql" / "0012_delivery.sql"
DROP = "DROP TRIGGER append_only ON reservations_deliveryact; DROP TRIGGER append_only ON reservations_noderesult;"
WHO = [('provider', 'By the provider, when it gives access'), ('clock', 'By the clock, as the first day begins')]


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0009_webhooks'),
        ('pricing', '0013_delivery'),
        ('reservations', '0011_choices'),
    ]

    operations = [
        # What was sold before keeps what its contract had: hand-over by the clock.
        migrations.AddField('reservation', 'handover', models.CharField(choices=WHO, default='clock', max_length=10, help_text='As its contract says')),
        migrations.AddField('reservation', 'handed_over_on', models.DateField(null=True, help_text='When access was given to what is not accepted yet')),
        migrations.AlterField('reservation', 'delivered_on', models.DateField(null=True, help_text='Accepted on this day, or deemed so as it begins; null while nothing is handed over')),
        migrations.AddField('reservation', 'accepted_parts', models.JSONField(default=list, help_text='What was accepted in part: GPUs, and how many days late; the rest is not accepted yet')),
        migrations.AddField('reservation', 'moved_days', models.PositiveIntegerField(default=0, help_text='By how many days its end moved with a late start')),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=reservations.delivery.models.new_delivery_id, editable=False, max_length=40, unique=True)),
                ('ready_on', models.DateField(help_text='When the provider says that it will hand over', null=True)),
                ('contact', models.CharField(blank=True, help_text='Whom to ask at the provider', max_length=200)),
                ('access_reference', models.CharField(blank=True, help_text='Where the access details are kept; never the details', max_length=200)),
                ('round', models.PositiveIntegerField(default=0, help_text='How often something was handed over')),
                ('accepted_nodes', models.JSONField(default=list, help_text='Names of the nodes that were accepted in part')),
                ('handed_back_on', models.DateField(null=True)),
                ('free_from', models.DateField(help_text='The first day after hand-back and turnaround', null=True)),
                ('reservation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='delivery', to='reservations.reservation')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='DeliveryAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('ready', 'Ready notice'), ('handover', 'Handed over'), ('results', 'Test results'), ('accepted', 'Accepted'), ('in_part', 'Accepted in part'), ('rejected', 'Rejected'), ('handed_back', 'Handed back')], max_length=15)),
                ('side', models.CharField(choices=[('provider', 'The provider'), ('customer', 'The customer')], max_length=10)),
                ('round', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('by_user_id', models.BigIntegerField(null=True)),
                ('by_key_id', models.BigIntegerField(null=True)),
                ('said', models.JSONField(help_text='What was said: dates, contact, reference, nodes, tests, reason')),
                ('digest', models.CharField(max_length=64)),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='reservations.delivery')),
            ],
            options={
                'ordering': ['delivery_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='EndNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('end', models.DateField()),
                ('told_at', models.DateTimeField()),
                ('reservation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='end_notices', to='reservations.reservation')),
            ],
        ),
        migrations.CreateModel(
            name='NodeResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('node', models.CharField(blank=True, max_length=80)),
                ('test', models.CharField(max_length=40)),
                ('value', models.DecimalField(decimal_places=4, max_digits=14)),
                ('act', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='results', to='reservations.deliveryact')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='ServingRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('inputs', models.CharField(help_text='Digest of what it was worked out from', max_length=64)),
                ('solved_at', models.DateTimeField()),
                ('blocks', models.PositiveIntegerField()),
                ('moved_blocks', models.PositiveIntegerField(help_text='Blocks that had a project and lost some of it')),
                ('moved_gpus', models.PositiveIntegerField()),
                ('unserved_gpus', models.PositiveIntegerField(help_text='GPUs for which no project is ready in time')),
                ('pool', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.pool')),
                ('projection', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.projection')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Serving',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start', models.DateField()),
                ('end', models.DateField()),
                ('gpus', models.PositiveIntegerField()),
                ('project', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.project')),
                ('reservation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='servings', to='reservations.reservation')),
                ('since', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='begun', to='reservations.servingrun')),
                ('until', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ended', to='reservations.servingrun')),
            ],
            options={
                'ordering': ['start', 'id'],
            },
        ),
        migrations.AddConstraint(
            model_name='deliveryact',
            constraint=models.UniqueConstraint(fields=('delivery', 'number'), name='one_act_a_number'),
        ),
        migrations.AddConstraint(
            model_name='endnotice',
            constraint=models.UniqueConstraint(fields=('reservation', 'end'), name='one_notice_of_an_end'),
        ),
        migrations.AddConstraint(
            model_name='noderesult',
            constraint=models.UniqueConstraint(fields=('act', 'node', 'test'), name='one_figure_of_a_test'),
        ),
        migrations.AddIndex(
            model_name='servingrun',
            index=models.Index(fields=['pool', '-id'], name='serving_run_of_pool'),
        ),
        migrations.AddIndex(
            model_name='serving',
            index=models.Index(condition=models.Q(('until', None)), fields=['reservation'], name='serving_now'),
        ),
        migrations.AddConstraint(
            model_name='serving',
            constraint=models.CheckConstraint(condition=models.Q(('gpus__gt', 0), ('start__lt', models.F('end'))), name='serving_is_something'),
        ),
        migrations.RunSQL(RULES.read_text(), DROP),
    ]
