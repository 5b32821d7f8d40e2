"""Every setting of cargostream, in one frozen object.

Precedence: environment (`CARGOSTREAM_…`, and the ecosystem's own `MLFLOW_TRACKING_URI`), then `stack.env` in the home
folder (what the runner remembers: ports that it had to move), then the defaults below. Passwords come from files in
`<home>/secrets`, named as the field, or from the environment.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cargostream.errors import UsageError

CLONE = Path(__file__).resolve().parent.parent


def default_home() -> Path:
    """`.cargostream` in a clone, the user's XDG data folder when installed as a package."""
    if named := os.environ.get("CARGOSTREAM_HOME"):
        return Path(named).expanduser().resolve()
    if (CLONE / "pyproject.toml").is_file():
        return CLONE / ".cargostream"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share").expanduser() / "cargostream"


class Settings(BaseSettings):
    """Frozen and validated at start. Each field's description is what the README's table of settings shows."""

    model_config = SettingsConfigDict(env_prefix="CARGOSTREAM_", frozen=True, extra="forbid", populate_by_name=True)

    home: Path = Field(default_factory=default_home, description="Folder of all state: data, logs, secrets, downloads")
    cache: Path | None = Field(None, description="Folder of downloaded jars; default: cache in home")
    images: Path | None = Field(None, description="Image store, a folder; default: images in home")

    maven_mirror: str = Field("", description="Maven repository to fetch jars from; default: Maven Central")

    host: str = Field("127.0.0.1", description="Address that every service listens on and is reached at")
    source_port: int = Field(15432, ge=1, le=65535, description="Source Postgres")
    target_port: int = Field(15433, ge=1, le=65535, description="Target Postgres")
    kafka_port: int = Field(19092, ge=1, le=65535, description="Kafka broker")
    controller_port: int = Field(19093, ge=1, le=65535, description="Kafka controller (inside the broker's process)")
    connect_port: int = Field(18083, ge=1, le=65535, description="Kafka Connect's REST API")
    mlflow_port: int = Field(15000, ge=1, le=65535, description="MLflow server")
    worker_port: int = Field(18000, ge=1, le=65535, description="Worker's health; a second process takes the next one")

    source_database: str = Field("cargostream_source", description="Database that holds the table `cargo`")
    target_database: str = Field("cargostream_target", description="Database that holds `cargo_prediction`")
    writer_password: SecretStr = Field(SecretStr(""), description="Role cargostream_writer (source)")
    capture_password: SecretStr = Field(SecretStr(""), description="Role cargostream_capture (source, Debezium)")
    sink_password: SecretStr = Field(SecretStr(""), description="Role cargostream_sink (both servers, Connect's sinks)")
    dashboard_password: SecretStr = Field(SecretStr(""), description="Role cargostream_dashboard (both, read only)")
    operator_password: SecretStr = Field(SecretStr(""), description="Role cargostream_operator (both servers)")
    mlflow_password: SecretStr = Field(SecretStr(""), description="Role cargostream_mlflow (MLflow's own database)")
    admin_password: SecretStr = Field(SecretStr(""), description="Superuser postgres (both servers; schema only)")

    mlflow_tracking_uri: str = Field(
        "", validation_alias=AliasChoices("mlflow_tracking_uri", "MLFLOW_TRACKING_URI"),
        description="MLflow server to use (MLFLOW_TRACKING_URI); default: the runner's own")
    model_name: str = Field("cargo-ground", description="Registered model whose alias `champion` is followed")

    worker_processes: int = Field(1, ge=1, le=8, description="Worker processes; at most one a partition works")
    worker_threads: int = Field(0, ge=0, le=64, description="Threads for images and model; 0: its share of the cores")
    window: int = Field(64, ge=1, le=4096, description="Rows in flight per worker process")
    image_patience_s: float = Field(2.0, ge=0, le=600, description="How long a missing image may be late")
    image_max_bytes: int = Field(20_000_000, ge=1, description="Largest image file that is read")
    image_max_pixels: int = Field(50_000_000, ge=1, description="Largest image that is decoded")
    image_timeout_s: float = Field(20.0, gt=0, description="How long reading and predicting one image may take")
    alias_poll_s: float = Field(2.0, gt=0, description="How often the worker asks MLflow who is champion")
    shadow_share: float = Field(0.2, ge=0, le=1, description="Share of rows that a challenger predicts too, in shadow")
    drift_window: int = Field(50, ge=20, le=10_000, description="Predictions tested for drift at once")
    drift_false_alarm_rows: int = Field(100_000, ge=1000, description="Rows in which one false alarm of drift is due")
    verify_rate: int = Field(1000, ge=1, le=100_000, description="Rows a second that the verification's sweep compares")
    history_days: int = Field(30, ge=1, description="Days that predictions stay in the history")
    log_json: bool = Field(False, description="Worker's logs as JSON lines")

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap address, host:port."""
        return f"{self.host}:{self.kafka_port}"

    @property
    def effective_threads(self) -> int:
        """Threads for images and model in one worker process: all cores shared out, unless a number was given."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.worker_threads or max(1, cores // self.worker_processes)

    @property
    def connect_url(self) -> str:
        return f"http://{self.host}:{self.connect_port}"

    @property
    def tracking_uri(self) -> str:
        return self.mlflow_tracking_uri or f"http://{self.host}:{self.mlflow_port}"

    @property
    def image_store(self) -> Path:
        return self.images or self.home / "images"

    @property
    def download_cache(self) -> Path:
        return self.cache or self.home / "cache"


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """A setting that is spelt wrong would otherwise be as good as none."""
    known = {f"CARGOSTREAM_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        if name.startswith("CARGOSTREAM_") and name not in known:
            near = get_close_matches(name, known, 1)
            raise UsageError(f"{name} is not a setting{f'; did you mean {near[0]}?' if near else '.'} The README has "
                             "the list.")


def load_settings(home: Path | None = None) -> Settings:
    """The settings as they stand now.

    Raises:
        UsageError: a variable has a value that it cannot have; the message names it.
    """
    _refuse_unknown(os.environ)
    home = home or default_home()
    secrets = home / "secrets"
    try:
        return Settings(
            home=home, _env_file=home / "stack.env", _secrets_dir=secrets if secrets.is_dir() else None)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith("MLFLOW") else f"CARGOSTREAM_{name.removeprefix('CARGOSTREAM_')}"
        raise UsageError(f"{name} is set to {first.get('input')!r}, which cannot be used: {first['msg']}.") from None


