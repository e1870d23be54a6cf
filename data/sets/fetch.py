"""Fetch a small file over HTTP, checked against its sha256."""

from __future__ import annotations

import hashlib
import http.client
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from lim.utils.errors import InputError, one_line
from lim.utils.files import atomic_path, sha256_of

OFFLINE_HELP = (
    "give files you already have with --from DIR, or use the embedded set, which needs no download: "
    "python -m data.prepare arithmetic"
)
ATTEMPTS = 5


def fetch(url: str, target: Path, sha256: str, *, wait: float = 1.0, timeout: float = 30.0) -> Path:
    """Fetch `url` to `target` and return it; a target that already has this sha256 is left as it is.

    `wait` is the pause in seconds before the second of five attempts, doubled each time. Raises InputError where
    the host cannot be reached, answers with an error, breaks off each time, or serves other bytes.
    """
    if target.is_file() and sha256_of(target) == sha256:
        return target
    request = urllib.request.Request(url, headers={"User-Agent": "limr-data"})
    for attempt in range(ATTEMPTS):
        time.sleep(wait * 2 ** (attempt - 1) if attempt else 0)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                body = response.read()
            break
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            again = error.code in (408, 429) or error.code >= 500
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            reason, again = one_line(cause), not isinstance(cause, socket.gaierror | ConnectionRefusedError)
        if not again or attempt == ATTEMPTS - 1:
            raise InputError(f"{url}: cannot be fetched ({reason}); {OFFLINE_HELP}")
    if (found := hashlib.sha256(body).hexdigest()) != sha256:
        raise InputError(
            f"{url}: sha256 is {found}, expected {sha256}: not the file this version was made for; {OFFLINE_HELP}"
        )
    with atomic_path(target) as partial:
        partial.write_bytes(body)
    return target
