"""The service that wraps the keys, from the settings: Vault's transit engine, AWS KMS, or none."""

import re
from collections.abc import Mapping
from functools import cache

from simsim.config.addresses import prove_characters, split_url
from simsim.config.setting_sources import PREFIX, read_sources
from simsim.delivery.authorities import prove_authorities
from simsim.key_wrappers.aws_kms import LOOPBACK, AwsKms
from simsim.key_wrappers.key_memory import KeyMemory
from simsim.key_wrappers.key_texts import AWS_KMS, VAULT
from simsim.key_wrappers.vault import VaultTransit
from simsim.problem import Unusable

WRAPPER, KEY, CONTEXT = f"{PREFIX}KEY_WRAPPER", f"{PREFIX}KEY_WRAPPER_KEY", f"{PREFIX}KEY_WRAPPER_CONTEXT"
URL, TOKEN, MOUNT = f"{PREFIX}VAULT_URL", f"{PREFIX}VAULT_TOKEN", f"{PREFIX}VAULT_MOUNT"
NAMESPACE, CA = f"{PREFIX}VAULT_NAMESPACE", f"{PREFIX}VAULT_CA"
_is_context = re.compile(r"[A-Za-z0-9._:/-]{1,100}").fullmatch
_is_name = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*").fullmatch
_is_path = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*/?").fullmatch
_is_token = re.compile(r"[\x21-\x7e]+").fullmatch
# Not an alias: if it were moved to another key, that key would open nothing that we have.
_is_key_arn = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+").fullmatch


def read_key_memory(given: Mapping[str, str]) -> KeyMemory:
    """Return the memory of the service's keys; raise Unusable, naming the setting, for a bad value. Asks nothing.

    `given` has the settings' values by name.
    """
    service = given[WRAPPER]
    prove_complete(service, given)
    if not service:
        return plain_memory()
    if not _is_context(given[CONTEXT]):
        raise Unusable("%(name)s must have 1 to 100 letters, digits and ._:/-", name=CONTEXT)
    if service == AWS_KMS:
        if not _is_key_arn(given[KEY]):
            raise Unusable("%(name)s must be a key's ARN: arn:aws:kms:REGION:ACCOUNT:key/ID", name=KEY)
        return aws_memory(given[KEY], given[CONTEXT])
    prove_vault(given)
    return vault_memory(
        url=given[URL].rstrip("/"),
        mount=given[MOUNT].rstrip("/"),
        key=given[KEY],
        context=given[CONTEXT],
        namespace=given[NAMESPACE].rstrip("/"),
        authorities=given[CA],
    )


def prove_complete(service: str, given: Mapping[str, str]) -> None:
    """Raise Unusable for a setting that is missing, or that belongs to a service that is not chosen."""
    needed = {"": (), AWS_KMS: (KEY, CONTEXT), VAULT: (KEY, CONTEXT, URL, TOKEN)}[service]
    for name in needed:
        if not given[name]:
            raise Unusable("%(wrapper)s is set, and %(name)s is not", wrapper=WRAPPER, name=name)
    allowed = (*needed, NAMESPACE, CA) if service == VAULT else needed
    for name in (KEY, CONTEXT, URL, TOKEN, NAMESPACE, CA):
        if given[name] and name not in allowed:
            wanted = WRAPPER if name in {KEY, CONTEXT} else f"{WRAPPER}={VAULT}"
            raise Unusable("%(name)s is set, and %(wanted)s is not", name=name, wanted=wanted)


def prove_vault(given: Mapping[str, str]) -> None:
    prove_characters(URL, given[URL])
    parts = split_url(URL, given[URL], {"http", "https"})
    if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or "#" in given[URL]:
        raise Unusable("%(name)s must be a scheme, a host and a port only: https://vault.example:8200", name=URL)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Unusable("%(name)s: http:// is allowed only for this machine, use https://", name=URL)
    for name, is_good in ((KEY, _is_name), (MOUNT, _is_path)):
        if not is_good(given[name]):
            raise Unusable("%(name)s must have letters, digits and ._- only", name=name)
    if given[NAMESPACE] and not _is_path(given[NAMESPACE]):
        raise Unusable("%(name)s must have letters, digits and ._-/ only", name=NAMESPACE)
    prove_authorities(CA, given[CA])
    prove_token(given[TOKEN])


def prove_token(token: str) -> str:
    """Return the token; raise Unusable for a text that can't be one, without showing it."""
    if not _is_token(token):
        raise Unusable("%(name)s must be one line of ASCII without spaces", name=TOKEN)
    return token


def current_token() -> str:
    """Return the token as its file or its setting has it now."""
    found = read_sources().get("vault_token")
    return prove_token(found.value if found else "")


# One memory for each set of values, however often a process reads its settings.
@cache
def plain_memory() -> KeyMemory:
    return KeyMemory()


@cache
def aws_memory(arn: str, context: str) -> KeyMemory:
    return KeyMemory(AWS_KMS, AwsKms(arn, context))


@cache
def vault_memory(*, url: str, mount: str, key: str, context: str, namespace: str, authorities: str) -> KeyMemory:
    transit = VaultTransit(
        url=url,
        mount=mount,
        key=key,
        context=f"simsim-token-keys:{context}",
        token=current_token,
        namespace=namespace,
        authorities=prove_authorities(CA, authorities),
    )
    return KeyMemory(VAULT, transit)
