"""A session on the console of a running stack, over HTTP."""

import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from stack import PASSWORD, Stack


class Browser:
    """A session of Alice's on the console, with its cookies."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.cookies = stack, SimpleCookie()
        page = self.read("/sign-in/login/")
        self.send("/sign-in/login/", page, {"login": "alice@acme.example", "password": PASSWORD}, status=302)

    def read(self, path: str) -> str:
        return self._ask(path, "GET", None, 200)

    def send(self, path: str, page: str, form: dict[str, str], status: int = 200) -> str:
        found = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)
        assert found
        return self._ask(path, "POST", urlencode({"csrfmiddlewaretoken": found[1]} | form).encode(), status)

    def _ask(self, path: str, method: str, body: bytes | None, status: int) -> str:
        headers = {
            "Host": f"localhost:{self.stack.console_port}",
            "Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = self.stack.get(path, port=self.stack.console_port, headers=headers, method=method, body=body)
        assert answer.status == status, answer.body
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(line)
        return answer.body.decode()
