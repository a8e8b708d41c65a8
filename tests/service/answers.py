"""What the API answers: responses, jobs that came to their end, streams of records."""

import base64
import json


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


class Refused(Exception):
    """A request that was meant to start a job was answered with a problem."""

    def __init__(self, response):
        super().__init__(repr(response))
        self.response = response


class Outcome:
    """A job that came to its end: the API's object, and its output byte by byte."""

    def __init__(self, job, stdout, stderr, records):
        self.job, self.stdout, self.stderr, self.records = job, stdout, stderr, records

    @property
    def state(self):
        return self.job["state"]

    @property
    def end(self):
        return self.job["end"] or {}

    @property
    def reason(self):
        return self.end.get("reason")

    @property
    def exit_code(self):
        return self.end.get("exit_code")

    def __repr__(self):
        return f"{self.state} {self.end} stdout={self.stdout[:400]!r} stderr={self.stderr[:400]!r}"


def output_bytes(record):
    """The bytes of an NDJSON output record: text, or base64 where it is not UTF-8."""
    return record["d"].encode("utf-8") if "d" in record else base64.b64decode(record["b64"])


class Stream:
    """An open NDJSON stream; iterating gives its records as they arrive."""

    def __init__(self, connection, response):
        self.connection, self.response = connection, response
        self.headers = dict(response.getheaders())

    def __iter__(self):
        for line in self.response:
            if line.strip():
                yield json.loads(line)

    def close(self):
        self.connection.close()
