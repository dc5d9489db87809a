from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = "Market"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Celery has to know its app in every process that may send a task: web and management commands too.
        from marketplace import celery  # noqa: F401
