"""Settings: the environment is read here, once. Every variable is described in docs/settings.md (a test compares).

Secure by default: without DEBUG there is no default that would be wrong in production. A variable `X` may be given
as `X_FILE`, the path of a file that holds the value, so that secrets need not stand in the environment.
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from cdp.operations import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}
ENVIRONMENT: set[str] = set()


def env(name: str, default: str = "") -> str:
    """The value of an environment variable, or of the file that `NAME_FILE` names."""
    ENVIRONMENT.add(name)
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}") from None
    return os.environ.get(name, default)


def env_bool(name: str, default: bool) -> bool:
    """True or false; anything else than the usual words is refused."""
    value = env(name, "1" if default else "0").lower()
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be one of 1/true/yes/on or 0/false/no/off")
    return value in _TRUE


def env_int(name: str, default: int) -> int:
    """A whole number."""
    try:
        return int(env(name, str(default)))
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number") from None


def env_word(name: str, default: str, words: tuple[str, ...]) -> str:
    """One of these words."""
    value = env(name, default).lower()
    if value not in words:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(words)}")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """Comma-separated words."""
    return [word.strip() for word in env(name, default).split(",") if word.strip()]


def mail(url: str) -> dict[str, Any]:
    """Django's settings of outgoing mail from `smtp://user:password@host:587?tls=1`, `smtps://...` (TLS from the first
    byte), `console:` (written to standard output) or, with none, files below DATA_DIR/mail."""
    if not url:
        return {"EMAIL_BACKEND": "cdp.access.mailing.Files", "EMAIL_FILE_PATH": DATA_DIR / "mail"}
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == -1:
        raise ImproperlyConfigured("EMAIL_URL looks like smtp://user:password@host:587?tls=1, smtps://... or console:")
    tls = parse_qs(parts.query).get("tls", ["1" if port == 587 else "0"])[-1].lower()
    if tls not in _TRUE | _FALSE:
        raise ImproperlyConfigured("tls in EMAIL_URL is 1 (STARTTLS) or 0")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or (465 if parts.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and tls in _TRUE,
    }


def database(url: str) -> dict[str, Any]:
    """Django's settings of one PostgreSQL database from `postgresql://user:password@host:port/name?host=/socket/dir`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("a database URL must begin with postgresql://")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "cdp.database",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": query,
    }


DEBUG = env_bool("DEBUG", False)
DATA_DIR = Path(env("DATA_DIR", str(BASE_DIR / ".data"))).resolve()
KEYRING = Path(env("KEYRING", str(DATA_DIR.parent / f"{DATA_DIR.name}.keyring.json"))).resolve()
KEYRING_INSIDE_DATA_DIR = env_bool(
    "KEYRING_INSIDE_DATA_DIR", False
)  # else refused: copies of the data would hold its keys
# What was erased, so that a restored backup does not bring it back; kept apart from the databases, like the keyring.
ERASURE_JOURNAL = Path(env("ERASURE_JOURNAL", str(KEYRING.with_name(f"{KEYRING.stem}.erasures.jsonl")))).resolve()
PORT = env_int("PORT", 8000)
LISTEN = env("LISTEN", "127.0.0.1")
PUBLIC_URL = env("PUBLIC_URL", f"http://localhost:{PORT}").rstrip("/")


def _secret_key() -> str:
    """The given secret key, or one made at first start and kept beside the keyring's owner-only file."""
    given = env("SECRET_KEY")
    if given:
        return given
    path = DATA_DIR / "secret_key"
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()


SECRET_KEY = _secret_key()
_host = urlsplit(PUBLIC_URL).hostname or ""
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if _host == "localhost" else _host)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- servers -------------------------------------------------------------------------------------------------------
# With no URL set, PostgreSQL and Valkey are started embedded under DATA_DIR. CDP_NO_SERVERS lets tools such as type
# checkers read the settings without starting anything.
_database_url, _owner_url, _vault_url = env("DATABASE_URL"), env("OWNER_DATABASE_URL"), env("VAULT_DATABASE_URL")
_broker_url, ADMIN_DATABASE_URL = env("BROKER_URL"), env("ADMIN_DATABASE_URL")
if _database_url and not _vault_url:
    raise ImproperlyConfigured(
        "DATABASE_URL is set, so VAULT_DATABASE_URL must be too: the vault is a database of its own"
    )
EMBEDDED = not (_database_url and _broker_url) and not env_bool("CDP_NO_SERVERS", False)
if EMBEDDED:
    _servers = embedded.ensure(DATA_DIR, postgres=not _database_url, valkey=not _broker_url)
    _broker_url = _broker_url or _servers.broker_url
    if not _database_url:
        _database_url, _owner_url, _vault_url = _servers.database_url, _servers.owner_url, _servers.vault_url
        ADMIN_DATABASE_URL = ADMIN_DATABASE_URL or _servers.admin_url
_database_url = _database_url or "postgresql://nobody@/none"

DATABASES = {
    "default": database(_database_url),
    "owner": database(_owner_url or _database_url),
    "vault": database(_vault_url or _database_url),
}
DATABASE_ROUTERS = ["cdp.vault.routing.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = _broker_url or "memory://"
CELERY_TASK_DEFAULT_QUEUE = env("BROKER_QUEUE", "celery")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- application ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "axes",
    "csp",
    "cdp.vault",
    "cdp.outbox",
    "cdp.audit",
    "cdp.access",
    "cdp.sources",
    "cdp.catalogue",
    "cdp.alerts",
    "consent",
    "identity",
    "cdp.events",
    "cdp.groups",
    "segments",
    "cdp.pipeline",
    "cdp.connectors",
    "cdp.console",
    "cdp.operations",
    "cdp.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cdp.access.middleware.RequestId",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "cdp.access.middleware.PagePolicy",
    "axes.middleware.AxesMiddleware",
]
MIDDLEWARE_OF_KEYS = [  # cdp/access/keyed.py
    "django.middleware.security.SecurityMiddleware",
    "cdp.access.middleware.RequestId",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "cdp.urls"
WSGI_APPLICATION = "cdp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"
ANONYMOUS_USER_NAME = None  # guardian: nobody who is not signed in holds any permission
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env("TIME_ZONE", "UTC")
CURRENCY = env("CURRENCY", "EUR")
REGION = env("REGION", "US")  # how a phone number without a country code is read (ISO 3166-1 alpha-2)
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True

# --- security ------------------------------------------------------------------------------------------------------
_https = PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = _https and env_bool("SECURE_SSL_REDIRECT", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_PROXY", False) else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # django-unfold's Alpine.js evaluates expressions in attributes.
        "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
    }
}

# --- ingestion (03: documented limits of the wire) -------------------------------------------------------------------
MAX_EVENT_BYTES = env_int("MAX_EVENT_BYTES", 32 * 1024)
MAX_BATCH_BYTES = env_int("MAX_BATCH_BYTES", 500 * 1024)
MAX_BATCH_EVENTS = env_int("MAX_BATCH_EVENTS", 2500)
WEB_THREADS = env_int("WEB_THREADS", 64)
WEB_PROCESSES = env_int("WEB_PROCESSES", 1)
WORKER_PROCESSES = env_int("WORKER_PROCESSES", min(2, os.cpu_count() or 1))
PIPELINE_BATCH = env_int("PIPELINE_BATCH", 2000)
MEMBERSHIP_MEMORY = env_int("MEMBERSHIP_MEMORY", 500)  # megabytes of people at hand (segments/memory.py)
RETRAIN_MATCHING_DAYS = env_int("RETRAIN_MATCHING_DAYS", 30)  # a new version of the matching model; 0: never
RESIDUE_DAYS = env_int("RESIDUE_DAYS", 30)  # how long rejections, uploads and error reports are kept (04)

# Requests in a time (100/s, 600/m); none: no limit. Of an API key, a signed-in person, a source on the wire.
RATE_LIMIT_KEYS = env("RATE_LIMIT_KEYS", "1000/s")
RATE_LIMIT_PEOPLE = env("RATE_LIMIT_PEOPLE", "100/s")
RATE_LIMIT_SOURCES = env("RATE_LIMIT_SOURCES", "none")
# Valkey or Redis; with another broker each process counts alone.
RATE_LIMIT_URL = env("RATE_LIMIT_URL", CELERY_BROKER_URL)

# --- doors ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "cdp.access.authentication.KeyAuthentication",
        "cdp.access.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["cdp.access.permission.ScopeRequired"],
    "DEFAULT_PAGINATION_CLASS": "cdp.access.pagination.CursorPagination",
    "DEFAULT_RENDERER_CLASSES": ["cdp.access.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["cdp.access.body.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "cdp.access.openapi.Schema",
    "EXCEPTION_HANDLER": "cdp.access.problems.handler",
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Customer data platform",
    "DESCRIPTION": "Profiles, consents, segments and the audit trail. Errors are problem details (RFC 9457).",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "ENUM_NAME_OVERRIDES": {
        "LegalBasis": "consent.models.Basis",
        "SourceBasis": "cdp.sources.create.BASES",
        "SourceKind": "cdp.sources.models.Source.Kind",
        "IdentifierKind": "cdp.catalogue.identifiers.KINDS",
        "MergeKind": "identity.models.Merge.Kind",
        "ReviewState": "identity.models.Review.State",
    },
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Customer data platform",
    "SITE_HEADER": "Customer data",
    "SITE_SYMBOL": "diversity_3",
    "SITE_URL": None,  # there is no other site to return to
    "SHOW_HISTORY": False,
    "LOGIN": {"form": "cdp.access.sign_in.SignInForm"},
    "DASHBOARD_CALLBACK": "cdp.console.home.dashboard",
    # No search box: it would put what is typed, and so perhaps a name, into an address.
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "cdp.console.home.navigation"},
}

# --- mail ----------------------------------------------------------------------------------------------------------
_mail = mail(env("EMAIL_URL"))
EMAIL_CONFIGURED = _mail["EMAIL_BACKEND"] != "cdp.access.mailing.Files"
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH")
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST", "localhost"), _mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER", ""), _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.get("EMAIL_USE_SSL", False), _mail.get("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env("EMAIL_FROM", f"cdp@{_host or 'localhost'}")
PASSWORD_RESET_TIMEOUT = 3600  # seconds that the link in a mail works

# --- watching ------------------------------------------------------------------------------------------------------
METRICS_TOKEN = env("METRICS_TOKEN")  # none: /metrics answers this machine alone
ALERT_EMAILS = env_list("ALERT_EMAILS")

# --- logs: ids only (a personal value in a log line is a bug that the canary test finds) ------------------------------
LOG_LEVEL = env("LOG_LEVEL", "INFO").upper()
LOG_FORMAT = env_word("LOG_FORMAT", "json", ("json", "console"))
ACCESS_LOG = env_word("ACCESS_LOG", "doors", ("all", "doors", "errors", "off"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "cdp.access.logs.formatter", "form": LOG_FORMAT}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Their messages quote requests, statements and values.
        "django.db.backends": {"level": "ERROR", "propagate": False},
        "django.request": {"level": "ERROR"},
        "axes": {"level": "ERROR"},
        # `cdp.celery` writes a line for each job; of Celery's own only the templates could be written ("Task %(name)s received").
        "celery": {"level": "WARNING"},
        "_granian": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "granian.access": {"level": "ERROR", "propagate": False},  # it would write paths: ours writes patterns
    },
}
