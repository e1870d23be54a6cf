"""A small server for one person on one machine: loopback only, a random token in every address, read-only.

Werkzeug's threaded server, as in TensorBoard. An address that lacks the token, a Host that is not this machine
(DNS rebinding), and any method but GET and HEAD are refused. Pages may load nothing but what their policy names.
"""

from __future__ import annotations

import errno
import hmac
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from lim.utils.errors import InputError

HOSTS = ["127.0.0.1", "localhost"]
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class Source(Protocol):
    """What is looked at. Both raise InputError, in one line, where files cannot be read."""

    def page(self) -> tuple[str, str]:
        """(HTML, its content-security policy)."""
        ...

    def answer(self, name: str, asked: Mapping[str, str]) -> Any:
        """The answer, for JSON, to a question of the page; KeyError or ValueError for one that makes no sense."""
        ...


class App:
    """The pages of some sources: `/<token>/<number>/`, and each one's questions below it."""

    def __init__(self, sources: Sequence[Source], token: str | None = None) -> None:
        self.sources = list(sources)
        self.token = token or secrets.token_urlsafe(24)

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        request = Request(environ)
        try:
            response = self.respond(request)
        except InputError as error:
            response = as_json({"error": str(error)}, 409)
        except (KeyError, ValueError, IndexError):
            response = as_json({"error": "no such prompt, sample or page"}, 404)
        except HTTPException as error:
            response = plain(error.description or "", error.code or 500)
        except Exception as error:  # the page says so, and the others are still answered
            sys.stderr.write(f"{request.path.rpartition('/')[2]}: {type(error).__name__}: {error}\n")
            response = as_json({"error": f"the viewer failed: {type(error).__name__}: {error}"}, 500)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Content-Security-Policy", NOTHING)
        return response(environ, start_response)

    def respond(self, request: Request) -> Response:
        if not host_is_trusted(request.environ.get("HTTP_HOST", ""), HOSTS):
            return plain("this viewer answers to 127.0.0.1 and localhost only", 403)
        if request.method not in ("GET", "HEAD"):
            return plain("this viewer only shows", 405)
        token, _, path = request.path.lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode()):
            return plain("open the address that `lim view` printed: it ends in a token", 403)
        number, _, name = path.partition("/")
        if not path:
            return Response(status=302, headers={"Location": f"/{self.token}/0/"})
        if not number.isascii() or not number.isdecimal() or int(number) >= len(self.sources):
            raise NotFound("no such page")
        source = self.sources[int(number)]
        if not name:
            html, policy = source.page()
            return Response(
                html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
            )
        return as_json(source.answer(name, request.args.to_dict()))


def plain(text: str, status: int) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def as_json(value: Any, status: int = 200) -> Response:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Response(text, status=status, content_type="application/json; charset=utf-8")


class _Quiet(WSGIRequestHandler):
    """Keeps the terminal for the one line that is of use."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def open_server(app: App, port: int = 0) -> BaseWSGIServer:
    """The server, listening on 127.0.0.1; port 0 is any free one. InputError where the port cannot be had."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

    listening = socket(AF_INET, SOCK_STREAM)
    try:
        listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        what = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({os.strerror(error.errno or 0)})"
        raise InputError(f"--port {port}: {what}; name another, or leave it out to take a free one") from None
    server = make_server(
        "127.0.0.1", listening.getsockname()[1], app, threaded=True, request_handler=_Quiet, fd=listening.fileno()
    )
    listening.close()
    return server


def serve(app: App, port: int = 0) -> None:
    """Print the address and answer until Ctrl-C, which is the way to end it."""
    server = open_server(app, port)
    sys.stdout.write(f"http://127.0.0.1:{server.port}/{app.token}/\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.2)  # comes back on Ctrl-C, and closes
    sys.stderr.write("closed\n")
