"""What an operator may set, each from an environment variable HOMEWARD_<NAME>."""

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.languages import installed
from app.core.store_address import parse


class Settings(BaseSettings):
    """Every setting has a safe default; `make run` works with none of them given."""

    model_config = SettingsConfigDict(env_prefix="HOMEWARD_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("var/data"), description="Folder of the database and the sealed photos.")
    key_file: Path = Field(
        Path("var/keys/homeward.key"),
        description="File with the root secret, mode 0600, outside the data folder and its backups.",
    )
    key_command: str = Field(
        "", description="Command that prints the key file's text, from a key service; empty reads the file."
    )
    database_url: str = Field("", description="SQLAlchemy address; empty means SQLite inside data_dir.")
    photo_store_url: str = Field(
        "",
        description="Bucket of the photos, as s3://bucket/prefix?endpoint=https://store.example.org; "
        "empty keeps them in data_dir.",
    )
    photo_store_secret_file: Path | None = Field(
        None, description="File with the bucket's access key and secret key, a line each, mode 0600."
    )
    host: str = Field("127.0.0.1", description="Address the web process listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the web process listens on.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes started by `homeward run`.")
    secure_cookies: bool = Field(
        default=True, description="Send cookies over HTTPS only; switch off for a trial on plain HTTP."
    )
    default_language: str = Field("zh", description="Language when a reader names none.")
    timezone: str = Field("Asia/Shanghai", description="Zone of times that people type and read.")
    emergency_number: str = Field("110", pattern="^[0-9]{2,6}$", description="Number shown for danger now.")
    operator_name: str = Field("Homeward", description="Authority named on pages and in answers.")
    review_lease_minutes: int = Field(15, ge=1, description="How long a reviewer holds a claimed candidate.")
    short_list: int = Field(10, ge=1, le=50, description="Most candidates of a face that are shown first.")
    face_index: str = Field(
        "memory",
        pattern="^(memory|pgvector)$",
        description="Where faces are searched: in each worker's memory, or by pgvector in PostgreSQL.",
    )
    golden_rate: float = Field(
        0.05, ge=0, le=0.5, description="Known answers mixed in for each candidate that is proposed."
    )
    priority_danger: float = Field(40, ge=0, description="Weight in the queue: the sender saw danger.")
    priority_age: float = Field(15, ge=0, description="Weight in the queue: how young the child is.")
    priority_freshness: float = Field(15, ge=0, description="Weight in the queue: how fresh the tip is.")
    priority_corroboration: float = Field(10, ge=0, description="Weight in the queue: tips and places.")
    priority_waiting: float = Field(20, ge=0, description="Weight in the queue: how long it has waited.")
    acknowledge_hours: float = Field(24, gt=0, description="An area opens a tip within this, or it goes up.")
    acknowledge_danger_hours: float = Field(2, gt=0, description="The same for a tip with danger now.")
    decide_hours: float = Field(168, gt=0, description="A tip is a lead or closed within this, or goes up.")
    lead_hours: float = Field(48, gt=0, description="A lead has its case within this.")
    referral_answer_hours: float = Field(24, gt=0, description="An agency answers a referral within this.")
    referral_days: float = Field(14, gt=0, description="An agency reports an outcome within this.")
    sighting_km: float = Field(30, gt=0, description="Sightings are suggested within this distance.")
    sighting_days: float = Field(14, gt=0, description="Sightings are suggested within this time.")
    session_idle_minutes: int = Field(30, ge=1, description="An officer's session ends after this rest.")
    session_hours: int = Field(10, ge=1, description="An officer's session ends after this at the latest.")
    job_lease_seconds: float = Field(60, gt=0, description="A job unheard of for this long is taken up anew.")
    job_attempts: int = Field(5, ge=1, description="Tries of a job before a person has to look at it.")
    drain_seconds: float = Field(
        20, gt=0, le=3600, description="A worker told to end finishes its job within this, or gives it back."
    )
    backlog_jobs: int = Field(
        50_000, ge=1, description="With more jobs waiting, imports pause and partners' bulk is put off."
    )
    backlog_minutes: float = Field(
        15, gt=0, description="With work this far behind its turn, the same; single tips are always taken."
    )
    public_url: str = Field(
        "", pattern="^(https?://[^/ ]+)?$", description="Address citizens know, as https://tips.example.org."
    )
    work_cost: int = Field(
        20_000, ge=1, description="Work asked of a browser when many knock: the highest number it may try."
    )
    enquiry_seconds: float = Field(20, ge=0, description="Everybody who asks about a photo waits this long.")
    enquiries_per_hour: int = Field(600, ge=1, description="Photos that may be asked about, all together.")
    smtp_url: str = Field(
        "", description="Where notices by e-mail go, as smtps://user:password@host:465; empty offers none."
    )
    mail_from: str = Field("", description="Sender of notices by e-mail.")
    push_contact: str = Field(
        "", description="Address that push services may write to, as mailto:; empty offers no push."
    )
    partner_minute_quota: int = Field(120, ge=1, description="Tips a channel may send in a minute.")
    partner_day_quota: int = Field(20_000, ge=1, description="Tips a channel may send in 24 hours.")
    upload_hours: float = Field(24, gt=0, description="An unfinished upload or package is kept this long.")
    void_days: float = Field(7, gt=0, description="Voiding a channel's tips can be undone for this long.")
    webhooks_inside: bool = Field(
        default=False, description="Webhooks and push may go to http and to private addresses; for trials."
    )
    second_factor: bool = Field(
        default=True,
        description="Ask for a second factor of every role that sees photos; off only for a trial.",
    )
    step_up_minutes: int = Field(
        10, ge=1, description="How long a fresh proof of who one is serves for exports and unsealing."
    )
    oidc_issuer: str = Field(
        "", description="Address of the force's own sign-in (OpenID Connect); empty offers none."
    )
    oidc_client_id: str = Field("", description="Homeward's name there.")
    oidc_secret_file: Path | None = Field(None, description="File with Homeward's secret there, mode 0600.")
    console_url: str = Field(
        "",
        pattern="^(https?://[^/ ]+)?$",
        description="Address officers know, as https://console.example.org.",
    )
    working_hours: str = Field(
        "07-21", pattern="^[0-2][0-9]-[0-2][0-9]$", description="Hours of the day that are ordinary for work."
    )
    bulk_views: int = Field(120, ge=1, description="Photos opened in an hour from which it is unusual.")
    header_seconds: float = Field(10, gt=0, description="A request's head has to arrive within this.")
    body_seconds: float = Field(
        60, gt=0, description="A body may rest this long, and 4 KB/s more are fast enough."
    )
    disk_reserve_mb: int = Field(
        256, ge=0, description="Tips are refused, politely, before less than this is free on the disk."
    )
    backup_recipients: str = Field(
        "", description="Public keys (age1...) that backups are sealed to, with commas between."
    )
    tip_days: float = Field(90, gt=0, description="A closed tip that led to nothing is erased after this.")
    open_tip_days: float = Field(
        365, gt=0, description="A tip on which nobody decided is closed as expired after this."
    )
    template_days: float = Field(
        30, gt=0, description="Face templates of a closed tip that led to nothing are erased after this."
    )
    contact_days: float = Field(
        30, gt=0, description="A closed tip's contact and notices are erased after this."
    )
    case_years: float = Field(10, gt=0, description="Photos of a closed case are kept this long.")
    record_years: float = Field(10, gt=0, description="A closed record is kept this long.")
    session_days: float = Field(90, gt=0, description="Ended sessions of officers are forgotten after this.")
    retention_share: float = Field(
        0.05, gt=0, le=1, description="A night that would erase a larger share than this asks a person first."
    )
    flood_factor: float = Field(
        8, gt=1, description="An hour with this many times its usual tips counts as a flood."
    )
    flood_least: int = Field(20, ge=2, description="Fewer tips in an hour than this are never a flood.")
    receipt_memory_kib: int = Field(19_456, ge=8, description="Argon2id memory for receipt codes, KiB.")
    receipt_passes: int = Field(2, ge=1, description="Argon2id passes for receipt codes.")

    @field_validator("photo_store_url")
    @classmethod
    def _store_address(cls, value: str) -> str:
        if value:
            parse(value)
        return value

    @field_validator("default_language")
    @classmethod
    def _known_language(cls, value: str) -> str:
        if value not in installed():
            msg = f"there are no catalogs for the language {value!r}"
            raise ValueError(msg)
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        ZoneInfo(value)
        return value

    @property
    def database_address(self) -> str:
        """The database to use: the one set, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'homeward.sqlite'}"

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that people type and read."""
        return ZoneInfo(self.timezone)
