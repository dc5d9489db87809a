from pathlib import Path

import django.db.models.deletion
import marketplace.parties.agreements
import marketplace.parties.spending
from django.conf import settings
from django.db import migrations, models

PACKAGE = Path(__file__).resolve().parent.parent
RULES = [PACKAGE / "parties/sql/0007_budgets.sql"]


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0006_returns'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApprovalChain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.parties.spending.new_chain_id, editable=False, max_length=40, unique=True)),
                ('above', models.DecimalField(decimal_places=2, help_text='For totals above this; 0 for every one', max_digits=18)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('created_at', models.DateTimeField()),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approval_chains', to='marketplace.organisation')),
            ],
            options={
                'ordering': ['above'],
            },
        ),
        migrations.CreateModel(
            name='ApprovalPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(unique=True)),
                ('starts_at', models.DateTimeField()),
                ('published_by', models.CharField(max_length=254)),
                ('hours', models.PositiveSmallIntegerField(default=24, help_text="From the acceptance; never past the block's first day")),
            ],
            options={
                'verbose_name_plural': 'approval policies',
                'ordering': ['-version'],
                'constraints': [models.CheckConstraint(condition=models.Q(('hours__gte', 1), ('hours__lte', 336)), name='approval_within_two_weeks', violation_error_message='An approval waits for 1 to 336 hours.')],
            },
        ),
        migrations.CreateModel(
            name='ApprovalStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('role', models.CharField(choices=[('approver', 'Approver'), ('admin', 'Administrator')], max_length=10, null=True)),
                ('chain', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='marketplace.approvalchain')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='BudgetEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('claim_id', models.BigIntegerField()),
                ('budget_id', models.BigIntegerField()),
                ('reserved', models.DecimalField(decimal_places=2, help_text='Change of what is reserved', max_digits=18)),
                ('spent', models.DecimalField(decimal_places=2, help_text='Change of what is spent', max_digits=18)),
                ('at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'budget entries',
                'indexes': [models.Index(fields=['claim_id'], name='budget_entry_claim'), models.Index(fields=['budget_id'], name='budget_entry_budget')],
            },
        ),
        migrations.CreateModel(
            name='CostCentre',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.parties.spending.new_cost_centre_id, editable=False, max_length=40, unique=True)),
                ('code', models.CharField(help_text="The organisation's own, such as “4711”", max_length=40)),
                ('name', models.CharField(max_length=120)),
                ('period', models.CharField(choices=[('month', 'Month'), ('quarter', 'Quarter'), ('year', 'Year')], default='quarter', max_length=10)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('is_default', models.BooleanField(default=False, help_text='Charged where a purchase names none')),
                ('created_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cost_centres', to='marketplace.organisation')),
            ],
            options={
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='BudgetClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('holder', models.CharField(help_text='Public id of the reservation', max_length=40)),
                ('status', models.CharField(choices=[('reserved', 'reserved'), ('spent', 'spent'), ('released', 'released')], max_length=10)),
                ('expires_at', models.DateTimeField(help_text='What is reserved ends here, whoever is down.', null=True)),
                ('created_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('cost_centre', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='marketplace.costcentre')),
            ],
        ),
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start', models.DateField()),
                ('end', models.DateField(help_text='Not included')),
                ('amount', models.DecimalField(decimal_places=2, max_digits=18)),
                ('reserved', models.DecimalField(decimal_places=2, default=0, max_digits=18)),
                ('spent', models.DecimalField(decimal_places=2, default=0, max_digits=18)),
                ('cost_centre', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='budgets', to='marketplace.costcentre')),
            ],
            options={
                'ordering': ['start'],
            },
        ),
        migrations.CreateModel(
            name='MasterAgreement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.parties.agreements.new_agreement_id, editable=False, max_length=40, unique=True)),
                ('document_version', models.CharField(max_length=40)),
                ('document_digest', models.CharField(help_text='SHA-256 of the signed document, in hexadecimal', max_length=64)),
                ('signed_on', models.DateField()),
                ('signed_by', models.CharField(help_text='Who signed for the organisation', max_length=200)),
                ('in_force_from', models.DateField()),
                ('until', models.DateField(blank=True, help_text='Not included: no longer in force as this day begins', null=True)),
                ('recorded_at', models.DateTimeField()),
                ('recorded_by', models.CharField(max_length=254)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='marketplace.organisation')),
                ('seller', models.ForeignKey(blank=True, help_text="Empty: with Headroom, as principal or as the seller's agent, for every pool", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.organisation')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='SigningAuthority',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=marketplace.parties.agreements.new_authority_id, editable=False, max_length=40, unique=True)),
                ('amount', models.DecimalField(decimal_places=2, help_text='The most that one purchase may cost', max_digits=18)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('granted_at', models.DateTimeField()),
                ('granted_by', models.CharField(max_length=254)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('agreement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='authorities', to='marketplace.masteragreement')),
                ('api_key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.apikey')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'signing authorities',
                'ordering': ['-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='approvalchain',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('organisation', 'above', 'currency'), name='one_approval_chain_an_amount'),
        ),
        migrations.AddConstraint(
            model_name='approvalchain',
            constraint=models.CheckConstraint(condition=models.Q(('above__gte', 0)), name='approval_from_an_amount'),
        ),
        migrations.AddConstraint(
            model_name='approvalstep',
            constraint=models.UniqueConstraint(fields=('chain', 'position'), name='one_approval_step_a_position'),
        ),
        migrations.AddConstraint(
            model_name='approvalstep',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('role__isnull', True), ('user__isnull', False)), models.Q(('role__isnull', False), ('user__isnull', True)), _connector='OR'), name='approval_step_by_role_or_person'),
        ),
        migrations.AddConstraint(
            model_name='costcentre',
            constraint=models.UniqueConstraint(fields=('organisation', 'code'), name='one_cost_centre_per_code'),
        ),
        migrations.AddConstraint(
            model_name='costcentre',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None), ('is_default', True)), fields=('organisation',), name='one_default_cost_centre'),
        ),
        migrations.AddConstraint(
            model_name='costcentre',
            constraint=models.CheckConstraint(condition=models.Q(('period__in', ('month', 'quarter', 'year'))), name='known_budget_period'),
        ),
        migrations.AddIndex(
            model_name='budgetclaim',
            index=models.Index(condition=models.Q(('status', 'reserved')), fields=['cost_centre', 'expires_at'], name='budget_reserved_until'),
        ),
        migrations.AddConstraint(
            model_name='budgetclaim',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'released'), _negated=True), fields=('holder',), name='one_live_budget_claim_per_holder'),
        ),
        migrations.AddConstraint(
            model_name='budgetclaim',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'reserved'), _negated=True), ('expires_at__isnull', False), _connector='OR'), name='a_reserved_budget_expires'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(fields=('cost_centre', 'start'), name='one_budget_a_period'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='budget_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('reserved__gte', 0), ('spent__gte', 0)), name='budget_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='masteragreement',
            constraint=models.CheckConstraint(condition=models.Q(('until', None), ('until__gt', models.F('in_force_from')), _connector='OR'), name='agreement_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='masteragreement',
            constraint=models.CheckConstraint(condition=models.Q(('document_digest__regex', '^[0-9a-f]{64}$')), name='agreement_digest_is_sha256'),
        ),
        migrations.AddConstraint(
            model_name='signingauthority',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('api_key__isnull', False), ('user', None)), models.Q(('api_key', None), ('user__isnull', False)), _connector='OR'), name='authority_of_one_signatory'),
        ),
        migrations.AddConstraint(
            model_name='signingauthority',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='authority_is_for_an_amount'),
        ),
        migrations.AddConstraint(
            model_name='signingauthority',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('agreement', 'user', 'currency'), name='one_authority_a_person'),
        ),
        migrations.AddConstraint(
            model_name='signingauthority',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('agreement', 'api_key', 'currency'), name='one_authority_a_key'),
        ),
        migrations.RunSQL([path.read_text() for path in RULES], reverse_sql=migrations.RunSQL.noop),
    ]
