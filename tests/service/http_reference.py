"""A second reader of requests, written from RFC 9110 and RFC 9112 by itself: what one request of our strictness is, as regular
expressions over the whole of it, where the service looks at one byte after the other."""

import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (.*) HTTP/([0-9]\.[0-9])", re.DOTALL)
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
FIELD = re.compile(rb"(" + TOKEN + rb"):(.*)", re.DOTALL)
TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*")
HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,18}")
CHUNK = re.compile(rb"([1-9A-Fa-f][0-9A-Fa-f]{0,7})\r\n")
LAST_CHUNK = b"0\r\n\r\n"

METHODS = {b"GET": False, b"HEAD": False, b"DELETE": False, b"OPTIONS": False, b"TRACE": False, b"POST": True, b"PUT": True, b"PATCH": True}
SINGLE = {b"host", b"content-length", b"transfer-encoding", b"expect", b"connection", b"content-type", b"authorization",
          b"idempotency-key", b"range", b"last-event-id"}
HEAD_MAX, FIELDS_MAX, TARGET_MAX, BODY_MAX = 16 * 1024, 100, 8 * 1024, 512 * 1024


class Refused(Exception):
    """The status that it is answered with."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


def refuse_unless(holds, status=400):
    if not holds:
        raise Refused(status)


def split_head(data):
    """The lines of the head, and what stands behind it."""
    end = data.find(b"\r\n\r\n")
    early = data[:end + 4] if 0 <= end < HEAD_MAX else data[:HEAD_MAX]
    bare = re.search(rb"(?<!\r)\n|\r(?!\n|\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", early)
    refuse_unless(bare is None and not early.startswith(b"\r\n"))
    refuse_unless(0 <= end and end + 4 <= HEAD_MAX, 431)
    return data[:end].split(b"\r\n"), data[end + 4:]


def read_line(line):
    refuse_unless(b"\t" not in line)
    match = REQUEST_LINE.fullmatch(line)
    refuse_unless(match is not None)
    method, target, version = match.groups()
    refuse_unless(version in (b"1.0", b"1.1"), 505)
    refuse_unless(len(target) <= TARGET_MAX, 414)
    refuse_unless(TARGET.fullmatch(target) is not None and not target.startswith((b"/.", b"//")))
    refuse_unless(method in METHODS, 501)
    return method, target, version


def read_fields(lines):
    values = {}
    for number, line in enumerate(lines):
        refuse_unless(number < FIELDS_MAX, 431)
        match = FIELD.fullmatch(line)
        refuse_unless(match is not None)
        name = match[1].lower()
        refuse_unless(not (name in SINGLE and name in values))
        values[name] = match[2].strip(b" \t")
    return values


def read_chunks(data):
    """The body's bytes; None while its end is not there."""
    body = b""
    while not data.startswith(LAST_CHUNK):
        if LAST_CHUNK.startswith(data):
            return None
        match = CHUNK.match(data)
        if match is None:
            refuse_unless(re.fullmatch(rb"[1-9A-Fa-f][0-9A-Fa-f]{0,7}\r?", data) is not None)
            return None
        size, data = int(match[1], 16), data[match.end():]
        body += data[:size]
        refuse_unless(len(body) <= BODY_MAX, 413)
        refuse_unless(b"\r\n".startswith(data[size:size + 2]))
        if len(data) < size + 2:
            return None
        data = data[size + 2:]
    return body


def read_body(method, version, values, data):
    length, coding = values.get(b"content-length"), values.get(b"transfer-encoding")
    refuse_unless(length is None or coding is None)
    if coding is not None:
        refuse_unless(coding.lower() == b"chunked" and version == b"1.1" and METHODS[method])
        return read_chunks(data)
    if length is None:
        return b""
    refuse_unless(LENGTH.fullmatch(length) is not None and int(length) < 2 ** 63)
    refuse_unless(int(length) == 0 or METHODS[method])
    refuse_unless(int(length) <= BODY_MAX, 413)
    return data[:int(length)] if len(data) >= int(length) else None


def read_request(data):
    """Method, target and body of the request that `data` begins with; the body is None while it is not whole. Or Refused."""
    lines, rest = split_head(data)
    method, target, version = read_line(lines[0])
    values = read_fields(lines[1:])
    host = values.get(b"host")
    refuse_unless(host is None and version == b"1.0" or host is not None and HOST.fullmatch(host) is not None)
    refuse_unless(values.get(b"expect", b"100-continue").lower() == b"100-continue", 417)
    return method, target, read_body(method, version, values, rest)
