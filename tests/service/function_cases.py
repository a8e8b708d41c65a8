"""Functions for test_functions.py and test_function_callers.py, and how they are called."""

import socket

from harness import wait_until

BASH = "/usr/bin/bash"
CAT = ["/usr/bin/cat"]
ALL_BYTES = bytes(range(256))
MIB = 1024 * 1024
OUTPUT_LARGE = 12 * MIB

SHOW = ('printf "%s|" "$1" "$2" "$3" "$4"; shift 4; printf "%s;" "$@"')

# Heads that may not be passed on. Each is what a program prints, and a word of the reason.
BAD_HEADS = {
    "no-end": (b"Content-Type: text/plain\n", "no empty line"),
    "no-head": (b"", "no empty line"),
    "no-colon": (b"Content-Type text/plain\n\nx", "no colon"),
    "cookie": (b"Set-Cookie: a=b\n\nx", "may not set"),
    "bare-cr": (b"ETag: \"a\"\rSet-Cookie: a=b\n\nx", "printable"),
    "bare-cr-name": (b"\rETag: a\n\nx", "name"),
    "nul": (b"ETag: a\0b\n\nx", "printable"),
    "high-byte": (b"ETag: \xc3\xa4\n\nx", "printable"),
    "blank-before-colon": (b"ETag : a\n\nx", "name"),
    "folded": (b"ETag: a\n b\n\nx", "blank"),
    "empty-value": (b"ETag:\n\nx", "empty"),
    "empty-name": (b": a\n\nx", "name"),
    "long-value": (b"ETag: " + b"a" * 2000 + b"\n\nx", "1024"),
    "long-head": (b"".join(b"X%d: %s\n" % (i, b"a" * 1000) for i in range(9)) + b"\nx", "may not set"),
    "long-line": (b"ETag: " + b"a" * 9000 + b"\n\nx", "8 KiB"),
    "length": (b"Content-Length: 1\n\nx", "may not set"),
    "chunked": (b"Transfer-Encoding: chunked\n\nx", "may not set"),
    "connection": (b"Connection: close\n\nx", "may not set"),
    "cors": (b"Access-Control-Allow-Origin: *\n\nx", "may not set"),
    "csp": (b"Content-Security-Policy: sandbox allow-scripts\n\nx", "may not set"),
    "nosniff": (b"X-Content-Type-Options: none\n\nx", "may not set"),
    "encoding": (b"Content-Encoding: gzip\n\nx", "may not set"),
    "our-own": (b"Sallyport-Job: 1\n\nx", "may not set"),
    "twice": (b"ETag: a\netag: b\n\nx", "twice"),
    "type-twice": (b"Content-Type: text/plain\nContent-Type: text/css\n\nx", "twice"),
    "status-twice": (b"Status: 200\nStatus: 201\n\nx", "twice"),
    "status-text": (b"Status: OK\n\nx", "Status"),
    "status-low": (b"Status: 101\n\nx", "Status"),
    "status-high": (b"Status: 600\n\nx", "Status"),
    "status-long": (b"Status: 2000\n\nx", "Status"),
    "type": (b"Content-Type: text\n\nx", "media type"),
    "html": (b"Content-Type: Text/HTML; charset=utf-8\n\n<script>x</script>", "browsers run"),
    "svg": (b"Content-Type: image/svg+xml\n\n<svg/>", "browsers run"),
    "script-url": (b"Location: javascript:alert(1)\n\nx", "Location"),
    "other-host": (b"Location: //evil.example/\n\nx", "Location"),
    "location-200": (b"Status: 200\nLocation: /x\n\nx", "Location"),
}


def printf(data):
    """A program that prints these bytes."""
    return ["/usr/bin/printf", "".join(f"\\{byte:03o}" for byte in data)]


def prints(data, **more):
    return {"exec": printf(data), **more}


def route(path, **more):
    return {"path": "/" + path, **more}


COMMANDS = {
    "echo": {"exec": CAT, "stdin": "body", "route": route("echo", methods=["POST", "PUT", "PATCH"])},
    "bytes": prints(ALL_BYTES, route=route("bytes", methods=["GET", "POST"])),
    "two-streams": {"exec": [BASH, "-c", "for i in 1 2 3; do echo out$i; echo err$i >&2; sleep 0.02; done"],
                    "route": route("two/streams")},
    "exits": {"exec": [BASH, "-c", 'echo "code $1"; exit "$1"', "x", "{code}"],
              "params": {"code": {"type": "int", "required": True}},
              "route": route("exits", methods=["GET"], http_status={3: 404, 4: 204, 5: 503, 0: 201})},
    "others": {"exec": [BASH, "-c", 'echo "code $1"; exit "$1"', "x", "{code}"],
               "params": {"code": {"type": "int", "required": True}},
               "route": route("others", methods=["GET"], http_status={"*": 500}, type="text/plain; charset=utf-8")},
    "show": {"exec": [BASH, "-c", SHOW, "x", "{text}", "{whole}", "{real}", "{flag}", "{list...}"],
             "params": {"text": {"type": "string", "default": "-none", "allow_dash": True}, "whole": {"type": "int", "default": 7},
                        "real": {"type": "number", "default": 0.5}, "flag": {"type": "bool", "default": False},
                        "list": {"type": "list", "of": {"type": "int"}, "default": []},
                        "word": {"type": "enum", "values": ["a", "b"]}, "key": {"type": "secret"}},
             "route": route("show", methods=["GET", "POST"])},
    "needs": {"exec": ["/usr/bin/echo", "{name}"], "params": {"name": {"type": "string", "required": True, "max_length": 5}},
              "route": route("needs", methods=["GET", "POST"])},
    "picture": {"exec": CAT, "stdin": "body", "stdin_max": "1KiB", "route": route("picture", accept=["image/png", "text/*"])},
    "slow": {"exec": ["/usr/bin/sleep", "60"], "timeout": "1s", "grace": "1s", "route": route("slow")},
    "killed": {"exec": [BASH, "-c", "echo said; kill -KILL $$"], "route": route("killed")},
    "missing": {"exec": ["/usr/bin/echo"], "workdir": "/nowhere", "route": route("missing")},
    "chatty": {"exec": [BASH, "-c", "head -c 100000 /dev/zero"], "output": {"max": "64KiB", "when_full": "discard"},
               "route": route("chatty")},
    "large": {"exec": ["/usr/bin/head", "-c", str(OUTPUT_LARGE), "/dev/zero"], "route": route("large")},
    "json": {"exec": CAT, "stdin": "body", "route": route("json", response="json")},
    "json-pieces": {"exec": [BASH, "-c", "printf '['; for ((i = 0; i < 6000; i++)); do printf 1,; printf x >&2; done; printf '1]'"],
                    "route": route("json-pieces", response="json")},
    "keeps": {"exec": ["/usr/bin/sleep", "60"], "params": {"key": {"type": "secret"}}, "route": route("keeps")},
    "cgi": {"exec": CAT, "stdin": "body", "route": route("cgi", response="cgi", type="text/plain")},
    "page": {"exec": CAT, "stdin": "body", "route": route("page", response="cgi", type="text/html", methods=["POST"])},
    "cgi-get": prints(b"ETag: \"v1\"\r\nCache-Control: max-age=60\r\nContent-Type: Text/CSS; charset=UTF-8\r\n\r\nbody\r\n",
                      route=route("cgi-get", response="cgi", methods=["GET"])),
    "cgi-exit": {"exec": [BASH, "-c", "printf 'Status: 418 I am\\n\\nno tea'; exit 3"],
                 "route": route("cgi-exit", response="cgi", http_status={3: 500})},
    "one-get": prints(b"got", route=route("shared", methods=["GET"])),
    "one-post": prints(b"posted", route=route("shared", methods=["POST"])),
    "wait": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s", "grace": "1s", "route": route("wait")},
    "tied": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s", "grace": "1s", "stdin": "body", "on_disconnect": "cancel",
             "route": route("tied")},
    "tied-once": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s", "grace": "1s", "on_disconnect": "cancel",
                  "dedupe": {"window": "60s"}, "route": route("tied-once")},
    "nap": {"exec": [BASH, "-c", "sleep 1; echo rested"], "stdin": "body", "route": route("nap")},
    "single": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s", "concurrency": {"limit": 1, "when_full": "reject"},
               "route": route("single")},
    "lane": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s", "concurrency": {"limit": 1, "max_queue": 1},
             "route": route("lane")},
    "patient": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s", "concurrency": {"limit": 1, "max_wait": "1s"},
                "route": route("patient")},
    "once": {"exec": ["/usr/bin/date", "+%N"], "dedupe": {"window": "60s"}, "route": route("once")},
    "fast": prints(b"ok", route=route("fast", methods=["POST", "DELETE"])),
    "plain": prints(b"no function"),
}


class Calling:
    """What the tests below do to an instance."""

    def call(self, path, body=None, method="POST", token="ours", timeout=60, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and "Content-Type" not in headers:
            headers["Content-Type"] = "application/octet-stream"
        return self.instance.request(method, "/r/" + path, body, headers=headers, token=token, timeout=timeout)

    def assert_problem(self, answer, status, code):
        self.assertEqual((answer.status, answer.json().get("code")), (status, code), answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")

    def assert_output(self, answer, body, status=200):
        self.assertEqual((answer.status, answer.body), (status, body), answer.headers)
        self.assertEqual(answer.headers["Content-Length"], str(len(body)))

    def open(self, path, body=b"", token=None, method="POST"):
        """A call whose client can be taken away."""
        connection = socket.create_connection(("127.0.0.1", self.instance.port), timeout=60)
        connection.sendall((f"{method} /r/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token or self.instance.token}"
                            f"\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
        return connection

    def jobs(self, command):
        return self.instance.request("GET", f"/v1/jobs?command={command}").json()["items"]

    def wait_for_job(self, command, state="running", count=1):
        self.assertTrue(wait_until(lambda: sum(job["state"] == state for job in self.jobs(command)) >= count, 20),
                        self.jobs(command))
        return self.jobs(command)[0]["id"]

    def cancel_all(self, command):
        for job in self.jobs(command):
            if not job["end"]:
                self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        for job in self.jobs(command):
            self.instance.wait(job["id"])
