"""Fetch a file over HTTP: resumed where it broke off, retried, checked against its sha256, put in place whole."""

from __future__ import annotations

import fcntl
import http.client
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from lim.utils.errors import InputError, unwritable
from lim.utils.files import sha256_of

OFFLINE_HELP = (
    "give files you already have with --from DIR, or use the embedded set, which needs no download: "
    "python -m data.prepare arithmetic"
)
CHUNK = 1 << 16
ATTEMPTS = 5


def fetch(url: str, target: Path, sha256: str, *, wait: float = 1.0, timeout: float = 30.0) -> Path:
    """Fetch `url` to `target` and return it; a target that already has this sha256 is left as it is.

    What has arrived is kept in `<target>.partial`, from which the next attempt, or the next run, goes on (HTTP
    Range). `wait` is the pause in seconds before the second attempt, doubled each time. Raises InputError where
    the host cannot be reached, answers with an error, keeps breaking off, or serves other bytes.
    """
    if target.is_file() and sha256_of(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with open(target.with_name(target.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_file() and sha256_of(target) == sha256:  # another process was quicker
            return target
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(wait * 2 ** (attempt - 1))
            resumed = partial.is_file() and partial.stat().st_size > 0
            try:
                _transfer(url, partial, timeout)
            except urllib.error.HTTPError as error:
                if error.code not in (408, 416, 429) and error.code < 500:
                    raise InputError(
                        f"{url}: the server answers {error.code} {error.reason}; {OFFLINE_HELP}"
                    ) from None
                if error.code == 416:  # nothing after what we have: either it is whole or it is another file
                    if sha256_of(partial) == sha256:
                        partial.replace(target)
                        return target
                    partial.unlink()
                reason = f"{error.code} {error.reason}"
                continue
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and (here := unwritable(error, partial)):  # this disk, not the network
                    raise here from None
                cause = error.reason if isinstance(error, urllib.error.URLError) else error
                reason = str(cause) or type(cause).__name__
                if isinstance(cause, socket.gaierror | ConnectionRefusedError):
                    break
                continue
            found = sha256_of(partial)
            if found == sha256:
                partial.replace(target)
                return target
            partial.unlink()
            if not resumed:
                raise InputError(
                    f"{url}: sha256 is {found}, expected {sha256}: not the file this version was made for; "
                    f"{OFFLINE_HELP}"
                )
            reason = "the resumed file had a wrong checksum"
    raise InputError(f"{url}: cannot be fetched ({reason}); {OFFLINE_HELP}")


def _transfer(url: str, partial: Path, timeout: float) -> None:
    """Append to `partial` what it lacks. Raises OSError or HTTPException where the transfer breaks off."""
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "limr-data"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=timeout) as response:
        if have and not (
            response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        ):
            have = 0  # the server sends the whole file
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with progress, open(partial, "ab" if have else "wb") as file:
            task = progress.add_task(url.rsplit("/", 1)[-1], total=total, completed=have)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                progress.update(task, completed=have)
    if total is not None and have < total:
        raise ConnectionError(f"broke off after {have:,} of {total:,} bytes")
