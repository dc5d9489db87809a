from django.db import migrations, models

WHO = [('provider', 'By the provider, when it gives access'), ('clock', 'By the clock, as the first day begins')]


class Migration(migrations.Migration):

    dependencies = [
        ('pricing', '0013_delivery'),
        ('reservations', '0008_unpaid_changes'),
    ]

    operations = [
        # What was sold before keeps what its contract had: hand-over by the clock.
        migrations.AddField('reservation', 'handover', models.CharField(choices=WHO, default='clock', max_length=10, help_text='As its contract says')),
        migrations.AddField('reservation', 'handed_over_on', models.DateField(null=True, help_text='When access was given to what is not accepted yet')),
        migrations.AlterField('reservation', 'delivered_on', models.DateField(null=True, help_text='Accepted on this day, or deemed so as it begins; null while nothing is handed over')),
        migrations.AddField('reservation', 'accepted_parts', models.JSONField(default=list, help_text='What was accepted in part: GPUs, and how many days late; the rest is not accepted yet')),
        migrations.AddField('reservation', 'moved_days', models.PositiveIntegerField(default=0, help_text='By how many days its end moved with a late start')),
    ]
