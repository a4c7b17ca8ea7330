"""An HTTP server on 127.0.0.1 that sends files as slowly, or as badly, as a test wants."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server sends; tests change it while it runs."""

    files: dict[str, bytes]
    delay_s: float = 0.0
    # Of a file: what each of the next requests gets, a status, "hang", "reset" or "cut".
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    # User and password that are needed, as the browser's header has them.
    authorization: str | None = None
    port: int = 0
    n_requests: Counter = field(default_factory=Counter)
    n_at_once: int = 0
    most_at_once: int = 0
    order: list[str] = field(default_factory=list)
    # Of a file: the headers of the last request.
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    # Requests wait for it.
    gate: threading.Event | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, name: str, *, user: str = "", query: str = "") -> str:
        return f"http://{user and user + '@'}127.0.0.1:{self.port}/{name}{query and '?' + query}"


@contextmanager
def serving(files: Mapping[str, bytes], *, delay_s: float = 0.0) -> Iterator[FileServer]:
    files_served = FileServer(dict(files), delay_s)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            name = self.path.partition("?")[0].lstrip("/")
            with files_served.lock:
                files_served.n_requests[name] += 1
                files_served.order.append(name)
                files_served.headers[name] = dict(self.headers)
                files_served.n_at_once += 1
                files_served.most_at_once = max(files_served.most_at_once, files_served.n_at_once)
                faults = files_served.faults.get(name)
                fault = faults.pop(0) if faults else None
            try:
                if files_served.gate is not None:
                    files_served.gate.wait(30)
                time.sleep(files_served.delay_s)
                self.send(name, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with files_served.lock:
                    files_served.n_at_once -= 1

        def send(self, name, fault):
            if fault == "hang":
                files_served.ended.wait(60)
                self.close_connection = True
                return
            if fault == "reset":
                self.close_connection = True
                self.connection.close()
                return
            body, status = files_served.files.get(name, b""), fault if isinstance(fault, int) else 200
            if name in files_served.redirects:
                status = 302
            elif files_served.authorization not in (None, self.headers.get("Authorization")):
                status = 401
            elif status == 200 and name not in files_served.files:
                status = 404
            self.send_response(status)
            if status == 302:
                self.send_header("Location", files_served.redirects[name])
            sent = body if status == 200 else b""
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            if fault == "cut":
                self.wfile.write(sent[:len(sent) // 2])
                self.close_connection = True
                return
            self.wfile.write(sent)

    class Server(ThreadingHTTPServer):
        daemon_threads, request_queue_size, block_on_close = True, 256, False

        def handle_error(self, *_):  # a client that gave up
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        files_served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield files_served
        finally:
            files_served.ended.set()
            server.shutdown()
            thread.join()
