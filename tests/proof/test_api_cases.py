"""schemathesis over the whole OpenAPI document against a running server: 20,000 requests, or SIMSIM_TEST_REQUESTS."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import GenerationMode

from api_cases import SEED, STEPS, Credentials, try_out, try_sequences, with_known_ids
from settings_for_tests import ON_POSTGRESQL, REQUESTS
from simsim.api.urls import OPERATIONS
from stack import Stack, basic, running

pytestmark = [pytest.mark.covers("B7"), pytest.mark.timeout(6 * 3600)]
TOTAL = int(REQUESTS or 20_000)
CLIENTS = 4
# Each holds its connection for minutes: the suite and test_api_log_streams.py try it.
LASTS_PATH, LASTS = "/accounts/{account_id}/requests/follow", "follow_requests"


def leave_out_what_lasts(document: dict[str, Any]) -> None:
    del document["paths"][LASTS_PATH]
    for methods in document["paths"].values():
        for described in methods.values():
            for response in described["responses"].values():
                response.get("links", {}).pop(LASTS, None)


def headers_of(stack: Stack, *options: str) -> list[str]:
    made = [
        stack.simsim("management-token", "create", "--name", f"C{number}", "--expires", "90d", *options)
        for number in range(CLIENTS)
    ]
    return [basic((each["username"], each["password"]))["Authorization"] for each in made]


def test_no_request_of_many_fails_and_every_answer_is_as_described(tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=ON_POSTGRESQL) as stack:
        token, alice = stack.create_token("Own", expires="400d"), ("--as", "alice@acme.example")
        webhook = stack.simsim(
            "webhook", "add", "--account", stack.account, *alice, "--name", "W", "--url", "https://hooks.example/",
            "--event", "token.created",
        )  # fmt: skip
        link = stack.simsim("token", "hand-over", token["id"], *alice)
        member = stack.simsim("user", "invite", "m@acme.example", "--account", stack.account, "--role", "member")
        review = stack.simsim("access-review", "start", "--account", stack.account, *alice)["id"]
        rows = stack.simsim("access-review", "rows", review)["items"]
        known = {
            "review_id": review, "row_id": str(rows[0]["id"]),
            "account_id": stack.account, "token_id": token["id"], "webhook_id": webhook["id"],
            "delivery_id": stack.simsim("webhook", "test", webhook["id"], *alice)["id"], "hand_over_id": link["id"],
            "email_id": str(stack.simsim("mail", "list")["items"][0]["id"]), "slug": "power-bi", "request_id": "1",
            "user_id": str(member["id"]),
            "management_token_id": stack.simsim(
                "management-token", "create", "--name", "Known", "--expires", "90d", *alice
            )["id"],
        }  # fmt: skip
        people_scopes = ("--scope", "tokens", "--scope", "people")
        credentials = Credentials(
            account=headers_of(stack, *alice, *people_scopes),
            operator=headers_of(stack, "--scope", "operator"),
            own=[basic((token["username"], token["password"]))["Authorization"]],
        )
        base = f"http://127.0.0.1:{stack.console_port}"
        answer = stack.get("/api/v1/openapi.json", port=stack.console_port, headers={"Host": "localhost"})
        document = json.loads(answer.body)
        leave_out_what_lasts(document)
        loaded: Any = schemathesis.openapi.from_dict(with_known_ids(document, known))
        loaded.config.update(base_url=f"{base.replace('127.0.0.1', 'localhost')}/api/v1")
        print(f"SIMSIM_TEST_SEED={SEED} repeats these cases")
        began, tried = time.monotonic(), Counter[str]()
        each = TOTAL // (3 * len(OPERATIONS))
        for mode in GenerationMode:
            for found in loaded.get_all_operations():
                tried += try_out(found.ok(), mode, credentials, each)
        tried += try_sequences(loaded, credentials, TOTAL // (3 * STEPS))
        print(f"{tried.total():,} requests in {time.monotonic() - began:.0f} s: {sorted(tried.items())}")
        assert tried.total() > TOTAL // 3
        assert not [status for status in tried if status >= "500"]
