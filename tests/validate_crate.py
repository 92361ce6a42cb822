"""Validate an RO-Crate by rocrate-validator, without a network: its JSON-LD context is read from a file.

Run: .venv-crate/bin/python tests/validate_crate.py FOLDER CONTEXT_FILE; prints the issues, ends with their number.

The file is the context of RO-Crate 1.3 that comes with the package rocrate. It differs from that of 1.1, which the
profiles of workflow runs build on, in the addresses of Bioschemas' terms; these are put right here.
"""

import io
import sys
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.response import addinfourl

import requests
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from rocrate_validator.utils.http import HttpRequester

CONTEXT_URL = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "workflow-run-crate-0.5"


def of_version_1_1(context: bytes) -> bytes:
    """Context with the addresses of RO-Crate 1.1."""
    return context.replace(b"https://bioschemas.org/terms/", b"https://bioschemas.org/")


class FromFile(urllib.request.BaseHandler):
    """Answers with the context for its address, and with an error for any other."""

    handler_order = 100  # before the handler that would go to the network

    def __init__(self, context: bytes) -> None:
        self.context = context

    def https_open(self, request: urllib.request.Request) -> addinfourl:
        """Open an address for urllib."""
        self.check(request.full_url)
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        response = addinfourl(io.BytesIO(self.context), headers, request.full_url, 200)
        response.msg = "OK"
        return response

    def get(self, url: str, **_options: Any) -> requests.Response:
        """Get an address for requests."""
        self.check(url)
        response = requests.Response()
        response.status_code, response.url, response.raw = 200, url, io.BytesIO(self.context)
        response.headers["Content-Type"] = "application/ld+json"
        return response

    @staticmethod
    def check(url: str) -> None:
        """Refuse every address but one."""
        if url.rstrip("/") != CONTEXT_URL:
            raise OSError(f"{url}: no network in this test")


def main(crate: str, context: str) -> int:
    """Validate; return the number of issues."""
    local = FromFile(of_version_1_1(Path(context).read_bytes()))
    urllib.request.install_opener(urllib.request.build_opener(local))
    HttpRequester.get = lambda _self, url, **options: local.get(url, **options)
    settings = ValidationSettings(
        rocrate_uri=crate,
        profile_identifier=PROFILE,
        requirement_severity=Severity.REQUIRED,
        abort_on_first=False,
    )
    issues = validate(settings).get_issues()
    for issue in issues:
        print(f"{issue.check.identifier}: {issue.message}")
    return len(issues)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
