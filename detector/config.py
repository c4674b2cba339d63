"""The configuration: one TOML file, every key known, every default written in ``innerwatch.toml`` beside this file."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import Field, ValidationError, field_validator, model_validator

from detector.config_api import ApiConfig
from detector.config_bundles import BundlesConfig
from detector.config_delivery import DeliveryConfig, ReceiverConfig, known_zone
from detector.config_training import TrainingConfig
from detector.errors import ConfigError
from detector.section import Section as _Section

if TYPE_CHECKING:
    from sqlalchemy import URL

    from streams.kafka import KafkaConfig

DEFAULTS = Path(__file__).with_name("innerwatch.toml")


TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Section = TypeVar("Section", bound=_Section)


class KafkaSourceConfig(_Section):
    """The Kafka topic that is read; without servers, none is."""

    servers: tuple[Annotated[str, Field(pattern=r"^[^\s/]+:\d+$")], ...] = ()
    topic: TopicName = "access-events"
    key: Literal["actor", "any"] = "actor"
    group: Annotated[str, Field(min_length=1)] = "innerwatch"
    member: Annotated[str, Field(min_length=1)] | None = None
    session_timeout_s: Annotated[float, Field(ge=1, le=1_800)] = 45.0
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"] = "SCRAM-SHA-512"

    def client(self) -> "KafkaConfig":
        """The same, as the client wants it."""
        # The client takes a seventh of a second to import, which a replay of files should not pay.
        from streams.kafka import KafkaConfig  # noqa: PLC0415

        return msgspec.convert(self.model_dump(mode="json"), KafkaConfig)


class SourceConfig(_Section):
    """Where access events come from."""

    paths: tuple[str, ...] = ()
    kafka: KafkaSourceConfig = KafkaSourceConfig()
    mapping: str = "native"
    follow: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> "SourceConfig":
        if self.paths and self.kafka.servers:
            raise ValueError("paths and kafka.servers are both set; a shard has one log, so name one of them")
        return self


class TopicsConfig(_Section):
    """The topics that are written, at the servers of the source and by its rights; "" is none."""

    alerts: TopicName | Literal[""] = ""
    alerts_format: Literal["innerwatch", "ocsf"] = "innerwatch"
    dead_letters: TopicName | Literal[""] = ""


class ContextConfig(_Section):
    """What is known beside the events, in files or in a topic; all of it is optional."""

    topic: TopicName | Literal[""] = ""
    refresh_s: Annotated[float, Field(ge=1)] = 60.0
    roster: Path | None = None
    assignments: Path | None = None
    honey: Path | None = None
    vips: Path | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "ContextConfig":
        files = [name for name in ("roster", "assignments", "honey", "vips") if getattr(self, name) is not None]
        if self.topic and files:
            raise ValueError(f"topic and {' and '.join(files)} are both set; name either the topic or files")
        return self


class TimeConfig(_Section):
    """Whose clock and whose holidays."""

    zone: str = "Asia/Shanghai"
    country: str = "CN"
    calendar: Path | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)


class IntakeConfig(_Section):
    """Bounds on the order of events."""

    lateness_s: Annotated[float, Field(ge=0, le=86_400)] = 3_600.0
    skew_s: Annotated[float, Field(ge=60)] = 302_400.0
    duplicates: Annotated[int, Field(ge=1, le=10_000_000)] = 65_536


class ProfilesConfig(_Section):
    """Bounds on memory."""

    max_actors: Annotated[int, Field(ge=16, le=1_048_576)] = 200_000
    recent_events: Annotated[int, Field(ge=1_024, le=10_000_000)] = 65_536


class LearningConfig(_Section):
    """How fast a baseline follows, and what it refuses to follow."""

    half_life_days: Annotated[float, Field(ge=2)] = 30.0
    gate_level: Annotated[float, Field(gt=0)] = 14.0
    accept_days: Annotated[int, Field(ge=2)] = 15


class RiskConfig(_Section):
    """The operating point."""

    budget: Annotated[float, Field(gt=0, le=1_000)] = 5.0
    warm_up_days: Annotated[int, Field(ge=1)] = 20
    half_life_days: Annotated[float, Field(gt=0)] = 5.0
    episode_days: Annotated[float, Field(gt=0)] = 10.0


class DetectionsConfig(_Section):
    """Which detections do not run."""

    disabled: tuple[str, ...] = ()


class StateConfig(_Section):
    """Where state is kept between runs."""

    folder: Path | None = None
    database: str | None = None
    password_file: Path | None = None
    checkpoint_events: Annotated[int, Field(ge=1)] = 50_000
    checkpoint_s: Annotated[float, Field(gt=0)] = 60.0

    @property
    def kept(self) -> bool:
        """Whether state is kept at all."""
        return self.folder is not None or self.database is not None

    @field_validator("database")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is not None:
            url = _database_url(value)
            if url.get_backend_name() == "sqlite" and not url.database:
                raise ValueError("an SQLite database without a file keeps nothing; write sqlite:/// and a path")
        return value


class DataConfig(_Section):
    """The classes of data as events name them, the mildest first; `sensitive` and those after it are sensitive."""

    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)] = ("C1", "C2", "C3", "C4", "C5")
    sensitive: str = "C3"

    @model_validator(mode="after")
    def _in_order(self) -> "DataConfig":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes names one twice; name each class once, the mildest first")
        if self.sensitive not in self.classes:
            raise ValueError(f"sensitive is {self.sensitive!r}; name one of classes: {', '.join(self.classes)}")
        return self


class PrivacyConfig(_Section):
    """The key of every pseudonym and token."""

    key_file: Path | None = None


class MetricsConfig(_Section):
    """The endpoints of ``innerwatch run`` and ``innerwatch deliver`` for Prometheus and for probes."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    deliver_port: Annotated[int, Field(ge=0, le=65_535)] = 9466

    @field_validator("host")
    @classmethod
    def _loopback(cls, value: str) -> str:
        if value not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(
                f"{value!r} is not a loopback address; the endpoint has no authentication, so put a "
                "reverse proxy in front of 127.0.0.1"
            )
        return value


class RunConfig(_Section):
    """How ``innerwatch run`` watches over itself."""

    watchdog_s: Annotated[float, Field(ge=10)] = 120.0
    silence_s: Annotated[float, Field(gt=0)] = 3_600.0
    start_s: Annotated[float, Field(ge=0)] = 0.0


class Config(_Section):
    """The whole configuration, frozen. Relative paths are relative to the file they stand in."""

    source: SourceConfig = SourceConfig()
    topics: TopicsConfig = TopicsConfig()
    context: ContextConfig = ContextConfig()
    time: TimeConfig = TimeConfig()
    intake: IntakeConfig = IntakeConfig()
    profiles: ProfilesConfig = ProfilesConfig()
    learning: LearningConfig = LearningConfig()
    risk: RiskConfig = RiskConfig()
    detections: DetectionsConfig = DetectionsConfig()
    state: StateConfig = StateConfig()
    data: DataConfig = DataConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    metrics: MetricsConfig = MetricsConfig()
    run: RunConfig = RunConfig()
    delivery: DeliveryConfig = DeliveryConfig()
    api: ApiConfig = ApiConfig()
    training: TrainingConfig = TrainingConfig()
    bundles: BundlesConfig = BundlesConfig()

    @model_validator(mode="after")
    def _topics_apart(self) -> "Config":
        written = [name for name in (self.topics.alerts, self.topics.dead_letters) if name]
        if written and not self.source.kafka.servers:
            raise ValueError("topics are written at source.kafka.servers, which is not set; name the brokers")
        named = [*written, *([self.context.topic] if self.context.topic else ()), self.source.kafka.topic]
        if len(set(named)) < len(named):
            raise ValueError(
                "topics.alerts, topics.dead_letters, context.topic and source.kafka.topic must be different topics"
            )
        return self

    @model_validator(mode="after")
    def _known_classes(self) -> "Config":
        for name in [name for route in self.delivery.routes for name in route.data_classes]:
            if name not in self.data.classes:
                raise ValueError(f"a route names the data class {name!r}, but data.classes has none of that name")
        return self

    @model_validator(mode="after")
    def _context_in_reach(self) -> "Config":
        if self.context.topic and not self.source.kafka.servers:
            raise ValueError("context.topic is read at source.kafka.servers, which is not set; name the brokers")
        if self.context.topic and self.time.calendar is not None:
            raise ValueError(
                "context.topic and time.calendar are both set; put the corrections into the topic, by keys such as "
                "calendar/2026-05-09, or name no topic"
            )
        return self


def load_config(path: Path | None) -> Config:
    """Read a TOML file into a ``Config``; ``None`` gives the defaults.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown or out of range; the message names
            the file and each offending key.
    """
    if path is None:
        return Config()
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the configuration is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{path}: " + "; ".join(_complaints(error))) from error
    return _anchored(config, path.parent)


def _complaints(error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}; the known keys are listed in {DEFAULTS.name}")
        else:
            place = f"{key!r}: " if key else ""  # of a complaint about several sections there is none
            lines.append(place + item["msg"].removeprefix("Value error, "))
    return lines


def _anchored(config: Config, folder: Path) -> Config:
    """Make each relative path absolute, taken from the folder of the configuration file."""
    config = _moved(config, folder)
    paths = tuple(p if p == "-" or Path(p).is_absolute() else str(folder / p) for p in config.source.paths)
    source = config.source.model_copy(update={"paths": paths})
    state = config.state.model_copy(update={"database": _anchored_database(config.state.database, folder)})
    receivers = {name: _anchored_receiver(one, folder) for name, one in config.delivery.receivers.items()}
    delivery = config.delivery.model_copy(update={"receivers": receivers})
    return config.model_copy(update={"source": source, "state": state, "delivery": delivery})


def _anchored_receiver(receiver: ReceiverConfig, folder: Path) -> ReceiverConfig:
    files: dict[str, Any] = {
        key: str(folder / str(value)) for key, value in receiver.settings.items() if key.endswith("_file")
    }
    if receiver.inbound_secret_file is not None:
        files["inbound_secret_file"] = folder / receiver.inbound_secret_file
    return receiver.model_copy(update=files)


def _anchored_database(database: str | None, folder: Path) -> str | None:
    url = None if database is None else _database_url(database)
    if url is None or url.get_backend_name() != "sqlite" or Path(url.database or "").is_absolute():
        return database
    return url.set(database=str(folder.absolute() / (url.database or ""))).render_as_string()


def _database_url(text: str) -> "URL":
    from alerts.errors import StoreError  # noqa: PLC0415 - SQLAlchemy takes longer to load than the rest of this
    from alerts.place import database_url  # noqa: PLC0415

    try:
        return database_url(text)
    except StoreError as error:
        raise ValueError(str(error)) from None


def _moved(section: Section, folder: Path) -> Section:
    moved: dict[str, Any] = {}
    for key, value in section:
        if isinstance(value, _Section):
            moved[key] = _moved(value, folder)
        elif isinstance(value, Path):
            moved[key] = folder / value
        elif isinstance(value, tuple) and any(isinstance(one, Path) for one in value):
            moved[key] = tuple(folder / path for path in value)
    return section.model_copy(update=moved)


def without_context(config: Config) -> Config:
    """The configuration without anything that is known beside the events.

    >>> without_context(Config(context=ContextConfig(roster="roster.csv"))) == Config()
    True
    """
    time = config.time.model_copy(update={"calendar": None})
    return config.model_copy(update={"context": ContextConfig(), "time": time})


def overridden(config: Config, section: str, **values: Any) -> Config:
    """The configuration with keys of one section replaced; values that are ``None`` leave theirs alone.

    Raises:
        ConfigError: a value is out of range; names the key.

    >>> overridden(Config(), "risk", budget=2.0, warm_up_days=None).risk.budget
    2.0
    """
    former = getattr(config, section)
    given = {key: value for key, value in values.items() if value is not None}
    try:
        changed = type(former).model_validate({**former.model_dump(), **given})
    except ValidationError as error:
        raise ConfigError(f"{section}: " + "; ".join(_complaints(error))) from error
    return config.model_copy(update={section: changed})
