"""One request and its answer over HTTP, by the standard library. No redirect is followed: a token goes nowhere else."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode, urlsplit

from jarvis.client.errors import Broken, NotAllowed, NotFound, NotSignedIn, Refused, TooMany, Unreachable
from jarvis.client.settings import Place

API = "/api/v1"
QueryValue = str | int | bool | date | datetime | None
_MOST_BYTES = 64 * 1024 * 1024
_BY_STATUS: Mapping[int, type[Refused]] = {401: NotSignedIn, 403: NotAllowed, 404: NotFound}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def path_of(path: str, query: Mapping[str, QueryValue]) -> str:
    """The path with its query; what is None is left out, instants are ISO 8601."""
    given = {name: _text(value) for name, value in query.items() if value is not None and value != ""}
    return f"{API}{path}?{urlencode(given)}" if given else f"{API}{path}"


def headers_of(place: Place, **more: str) -> dict[str, str]:
    """What every request says."""
    return {"Authorization": f"Bearer {place.token}", "User-Agent": "jarvis-client", **more}


def send(place: Place, method: str, path: str, body: bytes | None, timeout: float, key: str = "") -> Answer:
    """The answer to one request, whatever its status. Raises Unreachable."""
    parts = urlsplit(place.url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    headers = headers_of(place, Accept="application/json")
    if key:
        headers["Idempotency-Key"] = key
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, f"{parts.path}{path}", body=body, headers=headers)
        answer = connection.getresponse()
        read = answer.read(_MOST_BYTES)
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, read)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"{place.url}: the certificate is not trusted ({error.verify_message})") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{place.url} does not answer; is Jarvis running there?") from error
    finally:
        connection.close()


def problem_of(answer: Answer) -> Refused | Unreachable:
    """The error that an answer of 300 and above means."""
    try:
        said = json.loads(answer.body)["error"]
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"what answered (status {answer.status}) is no Jarvis; look at JARVIS_URL")
    if answer.status == 429:
        wait = answer.headers.get("retry-after", "")
        return TooMany(answer.status, code, message, float(wait) if wait.isdecimal() else 1.0)
    if answer.status >= 500:
        return Broken(answer.status, code, message)
    return _BY_STATUS.get(answer.status, Refused)(answer.status, code, message)


def _text(value: QueryValue) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
    return str(value)
