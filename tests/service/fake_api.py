"""A server that says what a test tells it to: the API's shapes without a job behind them.

    with FakeApi() as api:
        api.submit_streams = [[first_record(), record(0, b"so far"), api.BREAK]]    # what a submit gets, and then no more
        api.output_streams = [[first_record(), record(6, b"the rest"), end_record()]]

It exists so that the command line can be shown lost connections, gaps and refusals, which a real server gives seldom.
"""

import base64
import http.server
import json
import socketserver
import sys
import threading
import time
import urllib.parse

ID = "01jd8k3v9x5q2m7r4t6w8y0b1c"


def record(offset, data, stream="out"):
    line = {"type": "output", "off": offset, "t": "2026-03-01T10:00:00.500Z", "s": stream}
    try:
        line["d"] = data.decode()
    except UnicodeDecodeError:
        line["b64"] = base64.b64encode(data).decode()
    return line


def job(state="running", **end):
    ended = end or state not in ("queued", "starting", "running", "stopping")
    return {
        "id": ID, "url": f"/v1/jobs/{ID}", "command": "demo", "state": state, "queued_reason": None, "position": None, "params": {},
        "actor": {"id": "ci", "via": "token", "addr": None}, "labels": {}, "reason": None,
        "created_at": "2026-03-01T10:00:00.000Z", "started_at": "2026-03-01T10:00:00.000Z",
        "finished_at": "2026-03-01T10:00:42.000Z" if ended else None,
        "end": dict({"reason": "exited", "exit_code": 0, "signal": None, "message": None}, **end) if ended else None,
        "output": {"bytes": 0, "truncated": False},
    }


def end_record(state="succeeded", **end):
    return dict({"type": "end", "id": ID, "state": state, "reason": "exited", "exit_code": 0, "signal": None, "message": None,
                 "started_at": "2026-03-01T10:00:00.000Z", "finished_at": "2026-03-01T10:00:42.000Z"}, **end)


def first_record(state="running"):
    return dict(job(state), type="job")


class BreakOff(Exception):
    """Ends a stream in its middle, as a lost connection does."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status, code, detail, errors=None, headers=()):
        body = {"type": "x", "title": code, "status": status, "code": code, "detail": detail}
        if errors:
            body["errors"] = errors
        self.answer(status, body, "application/problem+json", headers)

    def stream(self, steps):
        """Steps are records, raw bytes, numbers (seconds to sleep), functions (called), or BreakOff."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Sallyport-Job", ID)
        self.end_headers()
        for step in steps:
            if step is BreakOff:
                self.wfile.flush()
                self.connection.shutdown(2)
                self.close_connection = True
                return
            if callable(step):
                step()
            elif isinstance(step, (int, float)):
                time.sleep(step)
            else:
                data = step if isinstance(step, bytes) else json.dumps(step, ensure_ascii=False).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def handle_any(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        path, _, query = self.path.partition("?")
        seen = {"method": self.command, "path": path, "query": dict(urllib.parse.parse_qsl(query)),
                "headers": dict(self.headers), "body": json.loads(body) if body else None}
        self.server.api.requests.append(seen)
        try:
            self.server.api.route(self, seen)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = handle_any


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Clients that detach break connections; that is no error here."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class FakeApi:
    BREAK = BreakOff

    def __init__(self):
        self.requests = []
        self.schema = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}
        self.submit_streams = []        # one list of steps for each submit
        self.output_streams = []        # and for each GET of the output
        self.job = job("succeeded")
        self.overrides = {}             # path -> function(handler, seen)

    def __enter__(self):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.api = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    def asked(self, method, ending):
        return [seen for seen in self.requests if seen["method"] == method and seen["path"].endswith(ending)]

    def route(self, handler, seen):
        path, method = seen["path"], seen["method"]
        if path in self.overrides:
            self.overrides[path](handler, seen)
        elif path == "/v1/commands":
            handler.answer(200, {"items": [{"name": "demo", "title": "A demo"}, {"name": "deploy-web", "title": "Deploy"}], "next_cursor": None})
        elif path == "/v1/commands/demo":
            handler.answer(200, {"name": "demo", "title": "A demo", "params_schema": self.schema})
        elif path == "/v1/commands/demo/jobs" and "ndjson" in seen["headers"].get("Accept", ""):
            handler.stream(self.submit_streams.pop(0))
        elif path == "/v1/commands/demo/jobs":
            handler.answer(202, job("queued"))
        elif path == f"/v1/jobs/{ID}/output":
            handler.stream(self.output_streams.pop(0))
        elif path in (f"/v1/jobs/{ID}/cancel", f"/v1/jobs/{ID}/signal"):
            handler.answer(202, dict(job("stopping"), changed=True))
        elif path == f"/v1/jobs/{ID}":
            handler.answer(200, self.job, headers=[("ETag", 'W/"7"')])
        elif path == "/v1/jobs":
            handler.answer(200, {"items": [self.job], "next_cursor": None})
        else:
            handler.problem(404, "not-found", "There is nothing here.")
