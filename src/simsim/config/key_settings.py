"""The settings about the installation's own secrets: where they are, and what wraps the keys that encrypt passwords."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from simsim.config import secret_files, setting_sources
from simsim.config.kept_keys import GivenKeys, KeptKeys
from simsim.config.key_services import read_key_memory
from simsim.config.setting_sources import PREFIX, read_sources
from simsim.key_wrappers import key_texts
from simsim.key_wrappers.key_memory import KeyMemory
from simsim.key_wrappers.key_texts import KEY_BYTES
from simsim.problem import Unusable


class KeySettings(BaseSettings):
    """`docs/operators/keys.md` and `docs/operators/key-services.md` explain them."""

    data_dir: Path = Field(default_factory=setting_sources.data_dir)
    secret_key: SecretStr = Field(default=SecretStr(""), repr=False)
    token_keys: SecretStr = Field(default=SecretStr(""), repr=False)
    key_wrapper: Literal["", "vault", "aws-kms"] = ""
    key_wrapper_key: str = ""
    key_wrapper_context: str = ""
    vault_url: str = ""
    vault_token: SecretStr = Field(default=SecretStr(""), repr=False)
    vault_mount: str = "transit"
    vault_namespace: str = ""
    vault_ca: str = ""

    @property
    def keys_dir(self) -> Path:
        return self.data_dir.absolute() / "keys"

    def key_memory(self) -> KeyMemory:
        """Return what wraps and unwraps the keys; raise Unusable for a bad value."""
        names = [name for name in type(self).model_fields if name.startswith(("key_wrapper", "vault_"))]
        return read_key_memory({PREFIX + name.upper(): self.text(name) for name in names})

    def prove_keys(self) -> None:
        """Raise Unusable, in one line that names the setting, for a bad value. Unwraps no key, and asks no service."""
        if text := self.secret_key.get_secret_value():
            secret_files.prove_secret_key(text)
        if "token_keys" in self.model_fields_set:
            key_texts.split(self.token_keys.get_secret_value())
        self.key_memory()

    def key_ring(self) -> GivenKeys:
        """Return the keys that encrypt passwords, the newest first, each 32 bytes long.

        The sequence is empty if there are none. If they are in the data directory, it follows the file there. Wrapped
        keys are unwrapped when it is first read, which raises Unusable if that fails.
        """
        if given := self.token_keys.get_secret_value():
            return GivenKeys(given, self.key_memory())
        return KeptKeys(PREFIX + "TOKEN_KEYS", self.keys_dir / "token_keys", self.key_memory())

    def django_secret(self) -> str:
        """Return the key that signs sessions, or "" if there is none."""
        return self.secret_key.get_secret_value() or self.kept_secret("secret_key")

    def prove_secrets(self) -> None:
        """Raise Unusable if one of the two secrets is missing, or if a key can't be unwrapped."""
        for name, is_there in (("token_keys", bool(self.key_ring())), ("secret_key", bool(self.django_secret()))):
            if not is_there:
                raise Unusable(
                    "%(name)s is not set, and there is no file %(path)s (simsim doctor explains)",
                    name=PREFIX + name.upper(), path=str(self.keys_dir / name),
                )  # fmt: skip

    def origin_of_keys(self) -> str:
        """Return the source of the keys that encrypt passwords, in words for people."""
        given = read_sources().get("token_keys")
        return given.origin if given else str(self.keys_dir / "token_keys")

    def kept_secret(self, name: str) -> str:
        """Return a secret from the data directory, or "" if it is not there."""
        return secret_files.kept_secret(PREFIX + name.upper(), self.keys_dir / name)

    def keep_secret_key(self, text: str) -> Path:
        """Store the key that signs sessions in the data directory, and return its file."""
        return self._keep("secret_key", text)

    def keep_keys(self, keys: Sequence[bytes], *, plain: bool = False) -> Path:
        """Store the keys in the data directory, in place of those that are there, and return their file.

        They are wrapped if the settings name a service and `plain` is false. Raises Unusable, and changes nothing, if
        the service doesn't answer.
        """
        return self._keep("token_keys", self.written_keys(keys, plain=plain))

    def written_keys(self, keys: Sequence[bytes], *, plain: bool = False) -> str:
        """Return the keys as a list for a file or a setting, wrapped as in `keep_keys`."""
        return (KeyMemory() if plain else self.key_memory()).wrap_all(keys)

    def make_missing_secrets(self) -> list[Path]:
        """Create the missing secrets in the data directory, and return their files.

        Only for an empty database, under the lock of migrations: a new key could not decrypt data encrypted with a lost
        one, and two nodes must not make different ones.
        """
        missing = [name for name in ("token_keys", "secret_key") if not self.text(name) and not self.kept_secret(name)]
        for name in missing:
            is_ring = name == "token_keys"
            made = self.written_keys([os.urandom(KEY_BYTES)]) if is_ring else secrets.token_urlsafe(KEY_BYTES)
            secret_files.make_secret(self.keys_dir / name, made)
        return [self.keys_dir / name for name in missing]

    def text(self, name: str) -> str:
        """Return a setting of text, which may be secret."""
        value: str | SecretStr = getattr(self, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    def _keep(self, name: str, text: str) -> Path:
        secret_files.replace_secret(self.keys_dir / name, text)
        return self.keys_dir / name
