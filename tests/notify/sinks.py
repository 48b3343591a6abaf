"""A mail server and a web service of this machine, which take what is sent and answer what a test wants."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MailSink:
    """Speaks enough SMTP to take a letter. `answers` replaces what is said to a command, by its first word."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.said: list[str] = []
        self.answers: dict[str, str] = {}
        self.port = 0

    def answer(self, command: str) -> str:
        """What is said to a command."""
        word = command.partition(" ")[0].upper()
        usual = {"EHLO": "250-sink\r\n250 AUTH PLAIN", "DATA": "354 go on", "AUTH": "235 ok", "QUIT": "221 bye"}
        return self.answers.get(word) or usual.get(word, "250 ok")


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """A mail server on loopback, without TLS."""
    sink = MailSink()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 sink")
            while line := self.rfile.readline():
                command = line.decode().strip()
                sink.said.append(command)
                answer = sink.answer(command)
                self._say(answer)
                if command.upper() == "DATA" and answer.startswith("354"):
                    lines = []
                    while (text := self.rfile.readline()) != b".\r\n":
                        lines.append(text.decode())
                    sink.letters.append("".join(lines))
                    self._say(sink.answers.get(".", "250 taken"))
                if command.upper() == "QUIT":
                    return

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Session) as server:
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()


class WebSink:
    """Takes posts and answers `status` with `body`."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []
        self.status = 200
        self.body = "{}"
        self.location = ""
        self.url = ""


@contextmanager
def web_sink() -> Iterator[WebSink]:
    """A web service on loopback."""
    sink = WebSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            sink.posts.append((self.path, self.rfile.read(size).decode()))
            self.send_response(sink.status)
            if sink.location:
                self.send_header("Location", sink.location)
            self.send_header("Content-Length", str(len(sink.body)))
            self.end_headers()
            self.wfile.write(sink.body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        sink.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
