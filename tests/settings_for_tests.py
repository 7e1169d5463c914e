"""The product's settings on scratch state: SQLite, or a real PostgreSQL when SIMSIM_TEST_DATABASE says so."""

import atexit
import os
import shutil
import tempfile

import postgresql_server

SCRATCH = tempfile.mkdtemp(prefix="simsim-tests-")
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
REQUESTS, CASES_SEED = os.environ.get("SIMSIM_TEST_REQUESTS"), os.environ.get("SIMSIM_TEST_SEED")
for name in [name for name in os.environ if name.startswith("SIMSIM_") and name != "SIMSIM_TEST_DATABASE"]:
    del os.environ[name]
os.environ["SIMSIM_DATA_DIR"] = SCRATCH

ON_POSTGRESQL = os.environ.get("SIMSIM_TEST_DATABASE") == "postgresql"
if ON_POSTGRESQL:
    os.environ["SIMSIM_DATABASE_URL"] = postgresql_server.create_database("simsim")
# Nothing is migrated here, and only `migrate` makes secrets.
os.environ["SIMSIM_SECRET_KEY"] = "a-secret-key-of-the-tests-and-of-nothing-else"
os.environ["SIMSIM_TOKEN_KEYS"] = "dGhpcy1pcy1hLWtleS1vZi10aGUtdGVzdHMtYWxvbmU"

from simsim.config.settings import *  # noqa: E402, F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# In-process tests sign people in by the dozen; the real hasher is used by the processes that the other tests start.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
