"""The demo's mail catcher as a process of its own."""

import http.client
import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from simsim.demo.installation import LOOPBACK, free_port

HOSTILE = '"><script>alert(1)</script>'


class Catcher:
    """A catcher as a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.port, self.smtp_port, self.directory = free_port(None), free_port(None), directory
        self.start()

    def start(self) -> None:
        command = ["--port", str(self.port), "--smtp-port", str(self.smtp_port), "--directory", str(self.directory)]
        self.process = subprocess.Popen([sys.executable, "-m", "simsim.demo.mail_catcher", *command])
        deadline = time.monotonic() + 20
        while True:
            try:
                with smtplib.SMTP(LOOPBACK, self.smtp_port, timeout=5):
                    return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=10)

    def get(self, path: str, host: str = "") -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        connection.request("GET", path, headers={"Host": host or f"{LOOPBACK}:{self.port}"})
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response, body

    def send(self, subject: str, text: str = "Text", html: str = "") -> None:
        message = EmailMessage()
        message["Subject"], message["To"], message["Message-ID"] = subject, "alice@example.com", f"<{subject}@test>"
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        with smtplib.SMTP(LOOPBACK, self.smtp_port, timeout=5) as smtp:
            smtp.send_message(message, from_addr="simsim@example.com")
