"""Where the parts of a stack answer."""

from cargostream.addresses import without_password
from cargostream.settings import Settings


def addresses(settings: Settings) -> dict[str, str]:
    """Each part's address by its name, as people are shown them."""
    return {
        "source Postgres": f"{settings.host}:{settings.source_port}/{settings.source_database}",
        "target Postgres": f"{settings.host}:{settings.target_port}/{settings.target_database}",
        "Kafka": settings.bootstrap,
        "Kafka Connect": settings.connect_url,
        "MLflow": without_password(settings.tracking_uri),
        "worker": f"http://{settings.host}:{settings.worker_port}/readyz",
    }
