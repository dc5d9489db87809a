from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.comparison
import marketplace.outbox.models
from django.db import migrations, models

PACKAGE = Path(__file__).resolve().parent.parent
RULES = [PACKAGE / "outbox/sql/0009_webhooks.sql"]

class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0008_screening'),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('milliseconds', models.PositiveIntegerField()),
                ('status', models.PositiveSmallIntegerField(help_text='HTTP status; none where nothing was answered', null=True)),
                ('error', models.CharField(blank=True, max_length=200)),
                ('answer', models.TextField(blank=True, help_text="The first bytes of the answer's body")),
            ],
            options={
                'verbose_name': 'webhook attempt',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookCursor',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('tx', models.BigIntegerField()),
                ('event_id', models.BigIntegerField(default=0)),
                ('floor', models.BigIntegerField(default=0, help_text='Ids up to here came with a restored database, and are read')),
            ],
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.outbox.models.new_delivery_id, editable=False, max_length=40, unique=True)),
                ('event_id', models.BigIntegerField()),
                ('event_public_id', models.CharField(max_length=40)),
                ('event_name', models.CharField(max_length=60)),
                ('event_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=10)),
                ('tries', models.PositiveIntegerField(default=0, help_text='Since it was last asked for: places it in the schedule')),
                ('next_at', models.DateTimeField(help_text='When it is due')),
                ('leased_until', models.DateTimeField(help_text='A worker has it in hand until then', null=True)),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'webhook delivery',
                'verbose_name_plural': 'webhook deliveries',
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.outbox.models.new_endpoint_id, editable=False, max_length=40, unique=True)),
                ('organisation_id', models.BigIntegerField(db_index=True)),
                ('url', models.CharField(max_length=500)),
                ('description', models.CharField(blank=True, max_length=200)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), default=list, help_text='Names; none means every event', size=None)),
                ('status', models.CharField(choices=[('enabled', 'Enabled'), ('disabled', 'Disabled'), ('removed', 'Removed')], default='enabled', max_length=10)),
                ('disabled_because', models.CharField(blank=True, max_length=200)),
                ('failing_since', models.DateTimeField(help_text='The first failure since something was delivered', null=True)),
                ('is_slow', models.BooleanField(default=False, help_text='Its last answer took so long that it has a lane apart')),
                ('claimed_at', models.DateTimeField(help_text='When its turn last came', null=True)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'webhook endpoint',
            },
        ),
        migrations.CreateModel(
            name='WebhookSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('salt', models.CharField(max_length=64)),
                ('fingerprint', models.CharField(help_text='SHA-256 of the secret: tells that the master key is gone', max_length=64)),
                ('created_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='event',
            name='tx',
            field=models.BigIntegerField(db_default=django.db.models.functions.comparison.Cast(django.db.models.functions.comparison.Cast(models.Func(function='pg_current_xact_id'), models.TextField()), models.BigIntegerField()), editable=False, help_text='The transaction that wrote it'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['tx', 'id'], name='event_transaction'),
        ),
        migrations.AddConstraint(
            model_name='webhookcursor',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='one_webhook_cursor'),
        ),
        migrations.AddField(
            model_name='webhookattempt',
            name='delivery',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='marketplace.webhookdelivery'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['enabled', 'disabled', 'removed'])), name='endpoint_status'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'disabled'), _negated=True), models.Q(('disabled_because', ''), _negated=True), _connector='OR'), name='endpoint_says_why'),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='endpoint',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='marketplace.webhookendpoint'),
        ),
        migrations.AddField(
            model_name='webhooksecret',
            name='endpoint',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='secrets', to='marketplace.webhookendpoint'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['endpoint', 'next_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('leased_until__isnull', False), ('status', 'pending')), fields=['endpoint', 'leased_until'], name='delivery_leased'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['endpoint', '-id'], name='delivery_newest'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(fields=('endpoint', 'event_id'), name='one_delivery_per_endpoint_and_event'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'delivered', 'failed'])), name='delivery_status'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('status', 'pending')), models.Q(models.Q(('status', 'pending'), _negated=True), models.Q(('finished_at', None), _negated=True)), _connector='OR'), name='delivery_is_finished'),
        ),
        migrations.AddConstraint(
            model_name='webhooksecret',
            constraint=models.UniqueConstraint(condition=models.Q(('ends_at', None)), fields=('endpoint',), name='one_newest_webhook_secret'),
        ),
        migrations.RunSQL([path.read_text() for path in RULES], reverse_sql=migrations.RunSQL.noop),
    ]
