"""Settings, of which those that differ between machines come from the environment."""

from __future__ import annotations

import os
from pathlib import Path

DEBUG = os.environ.get("DJANGO_DEBUG", "") == "1"
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "a secret for the own machine")
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")
BASE_DIR = Path(__file__).resolve().parent.parent

# There is no SQL database: apps of Django's that need one (admin, auth, sessions in the database)
# are left out.
DATABASES: dict[str, dict[str, str]] = {}
# Where the data is; ``python -m cqlengine`` reads this, too.
CQLENGINE = {
    "HOSTS": os.environ.get("CASSANDRA_HOSTS", "127.0.0.1").split(","),
    "PORT": int(os.environ.get("CASSANDRA_PORT", "9042")),
    "KEYSPACE": os.environ.get("CASSANDRA_KEYSPACE", "reading_log"),
}
REPLICATION_FACTOR = int(os.environ.get("CASSANDRA_REPLICATION_FACTOR", "1"))

INSTALLED_APPS = ["reading"]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEST_RUNNER = "reading.testing.KeyspaceRunner"
# Nobody logs in, so there is no cookie that a foreign page could misuse.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "reading.middleware.MapperErrors",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
TIME_ZONE = "UTC"
USE_TZ = True
