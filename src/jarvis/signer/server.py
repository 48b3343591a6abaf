"""The signer's socket: private, for our own user only, one bounded frame at a time, every mistake an answer.

It does no I/O but this socket and its state folder, and knows no other part of Jarvis than the domain. One loop over
the sockets that are ready, and nothing else: docs/decisions/015-less-between-an-order-and-the-wire.md.
"""

import json
import math
import os
import selectors
import socket
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, SigningPolicy, VenueName
from jarvis.signer import frames
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.signer.policy import policy_from
from jarvis.signer.process import peer_uid
from jarvis.signer.vault import wipe

MAX_SOCKET_PATH = 100
CHECK_SECONDS = 0.5
_MAX_CONNECTIONS, _BACKLOG = 512, 100
_PAUSE_SECONDS = 1.0
_KEPT_CREDENTIALS, _LONGEST_KEPT = 4096, 8 * 1024
_HASH_BYTES = 32

Head = Mapping[str, object]
_read = json.JSONDecoder().raw_decode
_write = json.JSONEncoder(separators=(",", ":")).encode


class SocketPlaceError(Exception):
    """The socket cannot be where it was asked for; the message says what to do."""


class SignerServer:
    """Answers on a Unix socket for one SigningCore: `listen`, then `serve`, until `stop` is called from anywhere."""

    def __init__(self, core: SigningCore, path: Path, *, allowed_uid: int | None = None) -> None:
        self._answers = Answers(core)
        self._path = path
        self._allowed_uid = os.geteuid() if allowed_uid is None else allowed_uid
        self._selector = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._waking, self._woken = socket.socketpair()
        self._accepts_again_at = math.inf
        self._open: set[_Connection] = set()
        self._is_stopped = False

    def listen(self) -> None:
        """Take connections. Raises SocketPlaceError if the folder is not private, or another signer answers there."""
        try:
            _private_folder(self._path)
            _remove_dead_socket(self._path)
            self._listening.bind(os.fspath(self._path))
            self._path.chmod(0o600)
            self._listening.listen(_BACKLOG)
        except BaseException:
            self._close()
            raise
        for each in (self._listening, self._waking, self._woken):
            each.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, lambda _: None)
        self._selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def serve(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Answer until `stop` is called or `goes_on` says no, which is asked at least twice a second.

        Then every connection is closed and the socket removed.
        """
        try:
            while not self._is_stopped and goes_on():
                for key, events in self._selector.select(CHECK_SECONDS):
                    key.data(events)
                if time.monotonic() >= self._accepts_again_at:
                    self._accepts_again_at = math.inf
                    self._selector.register(self._listening, selectors.EVENT_READ, self._accept)
        finally:
            for connection in tuple(self._open):
                connection.end()
            self._close()
            self._path.unlink(missing_ok=True)

    def stop(self) -> None:
        """End `serve` soon; may be called by another thread and by a signal's handler."""
        self._is_stopped = True
        with suppress(OSError):  # it is ending already
            self._waking.send(b"!")

    def _accept(self, _: int) -> None:
        try:
            connection, _address = self._listening.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            # No descriptors are left: asking again at once would be all that this process does.
            _report(error)
            self._selector.unregister(self._listening)
            self._accepts_again_at = time.monotonic() + _PAUSE_SECONDS
            return
        if len(self._open) >= _MAX_CONNECTIONS or peer_uid(connection) != self._allowed_uid:
            connection.close()
        else:
            self._open.add(_Connection(connection, self._answers, self._open, self._selector))

    def _close(self) -> None:
        self._selector.close()
        for each in (self._listening, self._waking, self._woken):
            each.close()


class _Connection:
    """One asker: its frames are answered in their order, each before the next one is looked at."""

    __slots__ = ("_among", "_answers", "_inbox", "_selector", "_socket", "_unsent")

    def __init__(
        self,
        connection: socket.socket,
        answers: "Answers",
        among: "set[_Connection]",
        selector: selectors.BaseSelector,
    ) -> None:
        self._socket = connection
        self._answers = answers
        self._among = among
        self._selector = selector
        self._inbox = frames.Inbox()
        self._unsent = b""
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, self.proceed)

    def end(self) -> None:
        """Close at once, whatever the asker has not read yet."""
        if self in self._among:
            self._among.discard(self)
            self._selector.unregister(self._socket)
            self._socket.close()
            self._inbox.wipe()

    def proceed(self, events: int) -> None:
        """Read and answer, or go on sending, as far as it goes now."""
        try:
            if events & selectors.EVENT_WRITE:
                self._send(self._unsent)
                self._answer_all()
            elif self._receive():
                self._answer_all()
        except (OSError, frames.MalformedFrameError):
            self.end()  # Whoever has gone, or speaks another language, is not answered.
        except Exception as error:  # noqa: BLE001 - the connection's top: one of them must not end the signer
            _report(error)
            self.end()

    def _receive(self) -> bool:
        try:
            size = self._socket.recv_into(self._inbox.free())
        except BlockingIOError:
            return False
        if not size:
            self.end()
        self._inbox.filled(size)
        return size > 0

    def _answer_all(self) -> None:
        while not self._unsent and (frame := self._inbox.take()) is not None:
            head, beside = frame
            answer = bytearray()
            try:
                answer = self._answers.to(head, beside)
                self._send(answer)
            finally:
                wipe(beside)
                wipe(answer)

    def _send(self, answer: bytes | bytearray) -> None:
        """Send as much as is taken. An asker that does not read its answers is not read either."""
        try:
            sent = self._socket.send(answer)
        except BlockingIOError:
            sent = 0
        waited, self._unsent = bool(self._unsent), bytes(answer[sent:])
        if waited != bool(self._unsent):
            awaited = selectors.EVENT_WRITE if self._unsent else selectors.EVENT_READ
            self._selector.modify(self._socket, awaited, self.proceed)


class Answers:
    """What the signer says to each request, as frames.

    A head is one JSON object, or two with a line end between: first the credential that is meant, then what to do with
    it. The first one is the same each time, so that it is read once; nothing in it is secret.
    """

    def __init__(self, core: SigningCore) -> None:
        self._core = core
        self._credentials: dict[bytes, Credential] = {}

    def to(self, text: bytes, beside: bytearray) -> bytearray:
        """The answer to one request. Raises MalformedFrameError if its head cannot be read at all."""
        row, _, wish = text.rpartition(b"\n")
        head = _object(wish)
        try:
            match head.get("do"):
                case "sign":
                    return self._sign(row, head)
                case "seal":
                    return self._seal(head, beside)
                case "identify":
                    identity = self._core.identify(self._credential(row))
                    return _pack({"public_id": identity.public_id, "fingerprint": identity.fingerprint})
                case "ping":
                    return self._ping()
                case "reseal":
                    sealed, name = self._core.reseal(self._credential(row))
                    return _pack({"fingerprint": name}, sealed)
                case "key_names":
                    current, following = self._core.key_names()
                    return _pack({"current": current, "following": following})
                case "fence_mark":
                    return _pack({"mark": self._core.fence_mark(_text(head, "account_id"))})
                case "backup_key":
                    name, key = self._core.backup_key(bytes(beside))
                    return _pack({"key_name": name}, key)
                case "seal_seed":
                    return _pack({}, self._core.seal_seed(_text(head, "user_id"), beside))
                case "match_code":
                    return self._match_code(head, beside)
                case "reseal_seed":
                    return _pack({}, self._core.reseal_seed(_text(head, "user_id"), bytes(beside)))
                case "seal_secret":
                    return _pack({}, self._core.seal_secret(*_row(head), beside))
                case "open_secret":
                    return self._open_secret(head, beside)
                case "reseal_secret":
                    return _pack({}, self._core.reseal_secret(*_row(head), bytes(beside)))
                case "seal_policy":
                    return _pack({}, self._core.seal_policy(self._credential(row), _policy(head)))
                case "check_policy":
                    self._core.check_policy(self._credential(row))
                    return _pack({})
                case "reseal_policy":
                    return _pack({}, self._core.reseal_policy(self._credential(row)))
                case "seal_audit":
                    return _pack({}, self._core.seal_audit(_number(head, "number"), bytes(beside)))
                case "check_audit_seal":
                    verdict = self._core.check_audit_seal(
                        _number(head, "number"), bytes(beside[:_HASH_BYTES]), bytes(beside[_HASH_BYTES:])
                    )
                    return _pack({"verdict": verdict.value})
                case "audit_mark":
                    return _pack({"mark": self._core.audit_mark()})
                case _:
                    raise SignerRefused("malformed", "the signer does not know this request")
        except SignerRefused as refusal:
            return _pack({"error": "refused", "code": refusal.code, "message": str(refusal)})
        except InvalidSecret as problem:
            return _pack({"error": "invalid_secret", "code": problem.code, "message": str(problem)})
        except SignerUnavailable as problem:
            return _pack({"error": "unavailable", "code": "state", "message": str(problem)})
        except frames.MalformedFrameError:
            raise
        except Exception as error:  # noqa: BLE001 - the connection's top: one bad request must not end the signer
            _report(error)
            return _pack({"error": "unavailable", "code": "internal", "message": "the signer failed"})

    def _open_secret(self, head: Head, beside: bytearray) -> bytearray:
        secret = self._core.open_secret(*_row(head), bytes(beside))
        try:
            return _pack({}, secret)
        finally:
            wipe(secret)

    def _match_code(self, head: Head, beside: bytearray) -> bytearray:
        now = None if head.get("now") is None else _number(head, "now")
        step = self._core.match_code(_text(head, "user_id"), bytes(beside), _text(head, "code"), now)
        return _pack({"step": step})

    def _sign(self, row: bytes, head: Head) -> bytearray:
        parameters = head.get("parameters")
        if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
            raise SignerRefused("malformed", "parameters are names with texts")
        call = self._core.sign(self._credential(row), _number(head, "fence"), _text(head, "operation"), parameters)
        return _pack({"method": call.method, "path": call.path, "headers": dict(call.headers)}, call.body)

    def _credential(self, row: bytes) -> Credential:
        known = self._credentials.get(row)
        if known is None:
            known = _credential(_object(row or b"{}"))
            if len(row) <= _LONGEST_KEPT:
                if len(self._credentials) >= _KEPT_CREDENTIALS:
                    self._credentials.clear()
                self._credentials[row] = known
        return known

    def _seal(self, head: Head, beside: bytearray) -> bytearray:
        first = _number(head, "key_size")
        second = first + _number(head, "secret_size")
        sealed = self._core.seal(
            account_id=_text(head, "account_id"),
            venue=_text(head, "venue"),
            credential_id=_text(head, "credential_id"),
            environment=_environment(head),
            revision=_number(head, "revision"),
            api_key=beside[:first],
            secret=beside[first:second],
            passphrase=beside[second:],
        )
        return _pack({}, sealed)

    def _ping(self) -> bytearray:
        counters = self._core.counters
        return _pack(
            {
                "process_id": os.getpid(),
                "signed": counters.signed,
                "refused": counters.refused,
                "security_events": counters.security_events,
            }
        )


def _private_folder(path: Path) -> None:
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise SocketPlaceError(f"the socket's path {path} is longer than {MAX_SOCKET_PATH} bytes; use a shorter one")
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise SocketPlaceError(f"the signer's folder {folder} must be private: run `chmod 700 {folder}`")


def _remove_dead_socket(path: Path) -> None:
    """Remove what a killed signer left behind; a living one keeps its place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(os.fspath(path))
        except FileNotFoundError:
            return
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise SocketPlaceError(f"a signer answers already at {path}")


def _object(head: bytes) -> Head:
    try:
        text = str(head, "utf-8")
        found, end = _read(text)
    except (ValueError, RecursionError):
        raise frames.MalformedFrameError("a frame's head is not JSON") from None
    if not isinstance(found, dict) or end != len(text):
        raise frames.MalformedFrameError("a frame's head is not an object")
    return found


def _pack(head: Head, beside: bytes | bytearray = b"") -> bytearray:
    return frames.pack(_write(head).encode(), beside)


def _credential(head: Head) -> Credential:
    return Credential(
        account_id=AccountId(_text(head, "account_id")),
        venue=VenueName(_text(head, "venue")),
        credential_id=CredentialId(_text(head, "credential_id")),
        environment=_environment(head),
        sealed=_text(head, "sealed").encode("ascii", errors="replace"),
        revision=_number(head, "revision"),
        policy=str(head.get("policy") or "").encode("ascii", errors="replace") or None,
    )


def _policy(head: Head) -> SigningPolicy:
    largest = head.get("largest")
    if not isinstance(largest, dict):
        raise SignerRefused("malformed", "a policy names pairs and quantities")
    return policy_from(largest)


def _environment(head: Head) -> Environment:
    try:
        return Environment(head.get("environment"))
    except ValueError:
        raise SignerRefused("malformed", "environment is live or sandbox") from None


def _row(head: Head) -> tuple[str, str]:
    return _text(head, "user_id"), _text(head, "row_id")


def _text(head: Head, name: str) -> str:
    value = head.get(name)
    if not isinstance(value, str):
        raise SignerRefused("malformed", f"{name} must be a text")
    return value


def _number(head: Head, name: str) -> int:
    value = head.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise SignerRefused("malformed", f"{name} must be a whole number that is not negative")
    return value


def _report(error: BaseException) -> None:
    """One line on stderr: kind and place, never the text or the values of an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "?" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    sys.stderr.write(f"signer_failed kind={type(error).__name__} place={place}\n")
    sys.stderr.flush()
