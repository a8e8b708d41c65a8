"""Requests as bytes, and the status that each is answered with. What follows each of them is a request of its own for /after; what
stands in bodies is one for /smuggled, which nobody may ever execute."""

import collections

Case = collections.namedtuple("Case", "name data status")

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HOST = b"Host: 127.0.0.1\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)

FINE = 200       # GET /healthz
NOT_HERE = 401   # POST /healthz: taken as a request, body and all; who asks is asked first
NEEDS_TOKEN = 401
NOT_US = 421


def get(fields=b"", line=b"GET /healthz HTTP/1.1", host=HOST):
    return line + b"\r\n" + host + fields + b"\r\n"


def post(fields=b"", body=b"", line=b"POST /healthz HTTP/1.1"):
    return get(fields, line) + body


def sized(value, body=SMUGGLED):
    return post(b"Content-Length:" + value + b"\r\n", body)


def coded(value, body=CHUNKS):
    return post(b"Transfer-Encoding:" + value + b"\r\n", body)


def chunked(body):
    return post(CHUNKED, body)


def named(items, make, status):
    return [Case(f"{make.__name__} {item!r}"[:90], make(item), status) for item in items]


def with_line(line):
    return get(line=line)


def with_target(target):
    return get(line=b"GET " + target + b" HTTP/1.1")


def with_version(version):
    return get(line=b"GET /healthz " + version)


def with_field(field):
    return get(field + b"\r\n")


def with_host(value):
    return get(host=b"Host:" + value + b"\r\n")


LINES = [
    *named([b"GET", b"GET /healthz", b"GET  HTTP/1.1", b"/healthz HTTP/1.1", b" GET /healthz HTTP/1.1", b"GET\t/healthz HTTP/1.1",
            b"GET /healthz\tHTTP/1.1", b"G\x45T\x0b/healthz HTTP/1.1", b"G(T /healthz HTTP/1.1", b"G\xc3\x89T /healthz HTTP/1.1",
            b"GET, /healthz HTTP/1.1", b"\"GET\" /healthz HTTP/1.1", b"GET: /healthz HTTP/1.1", b"{} /healthz HTTP/1.1",
            b"HTTP/1.1 200 OK", b"GET /healthz HTTP/1.1 ", b"GET /healthz HTTP/1.1\t", b"GET /healthz HTTP/1.1 x",
            b"GET /healthz  HTTP/1.1", b"GET  /healthz HTTP/1.1", b"GET /healthz x HTTP/1.1"], with_line, 400),
    *named([b"get /healthz HTTP/1.1", b"Get /healthz HTTP/1.1", b"BREW /healthz HTTP/1.1", b"PROPFIND /healthz HTTP/1.1",
            b"GETT /healthz HTTP/1.1", b"GE /healthz HTTP/1.1", b"A-Z.~'`|^_!#$%&*+ /healthz HTTP/1.1", b"X" * 300 + b" /healthz HTTP/1.1",
            b"CONNECT / HTTP/1.1"], with_line, 501),
    *named([b"CONNECT example.org:443 HTTP/1.1", b"OPTIONS * HTTP/1.1"], with_line, 400),
    *named([b"OPTIONS /healthz HTTP/1.1", b"TRACE /healthz HTTP/1.1", b"DELETE /healthz HTTP/1.1", b"PUT /healthz HTTP/1.1",
            b"PATCH /healthz HTTP/1.1"], with_line, NOT_HERE),
    Case("nothing but an empty line", b"\r\n", 400),
    Case("an empty line in front", b"\r\n" + get(), 400),
    Case("many empty lines in front", b"\r\n\r\n\r\n" + get(), 400),
    Case("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("TLS where none is", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)), 400),
    Case("SSH where none is", b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", 400),
]

VERSIONS = [
    *named([b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9"], with_version, 505),
    *named([b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/-1.1", b"HTTP/+1.1",
            b"HTTP/4294967297.1", b"http/1.1", b"Http/1.1", b"HTTP1.1", b"HTTPS/1.1", b"ICAP/1.0", b"HTTP /1.1", b"HTTP/ 1.1",
            b"HTTP/1 .1", b"HTTP/2", b"HTTP\\1.1"], with_version, 400),
    Case("no Host in 1.0 is fine", get(b"Connection: keep-alive\r\n", b"GET /healthz HTTP/1.0", b""), FINE),
]

TARGETS = [
    *named([b"http://127.0.0.1/healthz", b"https://example.org/healthz", b"127.0.0.1:80", b"healthz", b"*", b"?a=b", b"#", b"/healthz#a",
            b"/healthz?a#b", b"/h\xc3\xa4", b"/\xff", b"/healthz\x7f", b"./healthz", b"../healthz", b"\\healthz", b"//healthz", b"//evil.example.org/healthz", b"//a:99999/", b"//healthz\\..", b"///",
            b"/.", b"/./healthz", b"/../healthz", b"/.well-known/x", b"/.refused/3"], with_target, 400),
    *named([b"/%", b"/%4", b"/%zz", b"/%4g", b"/%00", b"/healthz%00", b"/healthz%00/x", b"/%0a", b"/%0d%0aX:%20y", b"/a%2fb", b"/a%2Fb",
            b"/a/%2e%2e/healthz", b"/a/%2E./healthz", b"/a/../healthz", b"/a/./healthz", b"/%5c", b"/a%5c..%5cb", b"/%c0%ae%c0%ae/x%2f",
            b"/%7f", b"/a\\b"], with_target, NEEDS_TOKEN),
    *named([b"/%68ealthz", b"/health%7A", b"/healthz?"], with_target, FINE),
    *named([b"/healthz/", b"/HEALTHZ", b"/healthz;a=b", b"/healthz//", b"/%2568ealthz", b"/nothing", b"/"], with_target,
           NEEDS_TOKEN),
    Case("a target of 8 KiB", with_target(b"/" + b"a" * 8190), NEEDS_TOKEN),
    Case("a target longer than 8 KiB", with_target(b"/" + b"a" * 8192), 414),
]

CONTROLS = [bytes([number]) for number in (*range(0x00, 0x09), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f)]


def with_control_in_value(control):
    return with_field(b"X-A: a" + control + b"b")


def with_control_in_target(control):
    return with_target(b"/healthz" + control)


def with_mark_in_name(mark):
    return with_field(b"X" + mark + b"A: b")


ENDS = [
    Case("bare line feeds everywhere", b"GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    Case("a bare line feed behind the request line", b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n", 400),
    Case("a bare line feed behind a field", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\n\r\n", 400),
    Case("a bare line feed at the end", b"GET /healthz HTTP/1.1\r\n" + HOST + b"\n", 400),
    Case("a bare carriage return in a field", with_field(b"X-A: a\rX-B: b"), 400),
    Case("a bare carriage return as the end", b"GET /healthz HTTP/1.1\r" + HOST + b"\r\n", 400),
    Case("two carriage returns", with_field(b"X-A: a\r"), 400),
    Case("a carriage return in front of the colon", with_field(b"X-A\r: a"), 400),
    Case("a line feed first", b"\n" + get(), 400),
    Case("a blank line of blanks", b"GET /healthz HTTP/1.1\r\n" + HOST + b" \r\n\r\n", 400),
]

FIELDS = [
    *named(CONTROLS, with_control_in_value, 400),
    *named([b"\x00", b"\x01", b"\x0b", b"\x1f"], with_control_in_target, 400),
    *named([b"(", b")", b",", b"/", b";", b"<", b"=", b">", b"?", b"@", b"[", b"\\", b"]", b"{", b"}", b'"', b" ", b"\t", b"\x80", b"\xff"],
           with_mark_in_name, 400),
    *named([b"X-A : b", b"X-A\t: b", b" : b", b": b", b":", b"X-A", b"X-A b", b"Host : 127.0.0.1", b"Content-Length : 4",
            b"Transfer-Encoding : chunked"], with_field, 400),
    *named([b"X-A: a\r\n b", b"X-A: a\r\n\tb", b"X-A: a\r\n ", b"Content-Length: 0\r\n 5", b"Transfer-Encoding:\r\n chunked"], with_field, 400),
    Case("a fold before the first field", b"GET /healthz HTTP/1.1\r\n " + HOST + b"\r\n", 400),
    *named([b"X-A:", b"X-A: ", b"X-A:b", b"X-A: \t b\t ", b"X-A: b\tc", b"X-A: \xff\x80", b"X-A: :", b"X-A: \"a, b\"", b"!#$%&'*+-.^_`|~: b",
            b"0: 1", b"X-A: b\r\nX-A: c"], with_field, FINE),
    *named([b"Host: 127.0.0.1", b"host: 127.0.0.1", b"Authorization: Bearer a\r\nAuthorization: Bearer b", b"Range: bytes=0-\r\nRange: bytes=1-",
            b"Content-Type: a/b\r\nContent-Type: a/b", b"Connection: close\r\nConnection: keep-alive", b"Expect: 100-continue\r\nExpect: x",
            b"Idempotency-Key: a\r\nIdempotency-Key: b"], with_field, 400),
]

HOSTS = [
    Case("no Host", get(host=b""), 400),
    Case("Host only in the target", get(line=b"GET http://127.0.0.1/healthz HTTP/1.1", host=b""), 400),
    *named([b"", b" ", b" a b", b" a,b", b" a/b", b" http://a", b" u@a", b" a?b", b" a#b", b" a\\b", b" \xc3\xa4", b" a%41", b" 'a'", b" *",
            b" " + b"a" * 256], with_host, 400),
]

# What names us, and what does not: over TCP only.
NAMES = [
    *named([b" 127.0.0.1", b" 127.0.0.1:80", b" 10.1.2.3", b" [::1]", b" [2001:db8::1]:8443", b" localhost", b" LOCALHOST:1",
            b" jobs.example.org", b" Jobs.Example.org:8443"], with_host, FINE),
    *named([b" example.org", b" evil.example.org", b" jobs.example.org.", b" xjobs.example.org", b" localhost.evil.org", b" 127.0.0.1.evil.org",
            b" 127.1", b" 2130706433", b" 0x7f.0.0.1", b" [::1", b" ::1", b" [localhost]", b" localhost:99999", b" localhost:-1", b" localhost:x"],
           with_host, NOT_US),
]

LENGTHS = [
    *named([b"+44", b" +44", b"-44", b"-0", b" 0x2c", b" 0x0", b" 044", b" 00", b" 4 4", b" 44,44", b" 44, 44", b" 44;", b" 44.0", b" 4.4e1", b" 44L",
            b"", b" ", b" a", b" \"44\"", b" 18446744073709551660", b" 9223372036854775808", b" 99999999999999999999999999", b" 4_4",
            b" \xd9\xa4\xd9\xa4", b" ,44", b" 44\xc2\xa0"], sized, 400),
    *named([b" 44\x0b", b"\x0b44", b" 44\x00", b" 44\x00junk"], sized, 400),
    Case("two lengths", post(b"Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED), 400),
    Case("two lengths, the other way", post(b"Content-Length: 44\r\nContent-Length: 0\r\n", SMUGGLED), 400),
    Case("two equal lengths", post(LENGTH + LENGTH, SMUGGLED), 400),
    Case("two lengths, spelled apart", post(b"content-length: 0\r\nCONTENT-LENGTH: 44\r\n", SMUGGLED), 400),
    Case("a length larger than any body", sized(b" 10000000000"), 413),
    Case("a length larger than small bodies", sized(b" 600000"), 413),
    Case("a length, exactly", post(LENGTH, SMUGGLED), NOT_HERE),
    Case("a length behind a tab", sized(b"\t%d\t" % len(SMUGGLED)), NOT_HERE),
    Case("a length of nothing", sized(b" 0", b""), NOT_HERE),
    Case("a POST without a word of its body", post(), NOT_HERE),
]

CODINGS = [
    *named([b" gzip", b" identity", b" deflate", b" compress", b" x-chunked", b" chunked2", b" xchunked", b" chunke", b" \"chunked\"", b" 'chunked'",
            b" chunked;", b" chunked;q=1", b" chunked ;a=b", b" chunked,", b" ,chunked", b" chunked, chunked", b" gzip, chunked", b" chunked, gzip",
            b" chunked, identity", b" identity, chunked", b" chunked gzip", b" cow", b"", b" ", b" chun ked", b" c%68unked", b" chunked\xa0",
            b" \xefchunked"], coded, 400),
    *named([b"\x0bchunked", b" chunked\x00", b" chunked\x0b", b"\x0cchunked", b" chunked\x1f"], coded, 400),
    Case("two codings", post(CHUNKED + CHUNKED, CHUNKS), 400),
    Case("identity beside chunked", post(b"Transfer-Encoding: identity\r\n" + CHUNKED, CHUNKS), 400),
    Case("length before coding", post(LENGTH + CHUNKED, CHUNKS), 400),
    Case("coding before length", post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    Case("a length of nothing beside a coding", post(b"Content-Length: 0\r\n" + CHUNKED, CHUNKS), 400),
    Case("a coding in 1.0", post(CHUNKED, CHUNKS, b"POST /healthz HTTP/1.0"), 400),
    Case("a coding in any case", coded(b" Chunked"), NOT_HERE),
    Case("a coding in capitals", coded(b"\tCHUNKED \t"), NOT_HERE),
    Case("TE is no coding", post(b"TE: chunked, trailers\r\n"), NOT_HERE),
    Case("a name that is nearly that of the coding", post(b"Transfer-Encodin: chunked\r\n"), NOT_HERE),
    Case("underscores for dashes", post(b"Transfer_Encoding: chunked\r\nContent_Length: 44\r\n"), NOT_HERE),
]

CHUNK_FRAMES = [
    *named([b"0x3\r\nabc\r\n0\r\n\r\n", b"+3\r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n", b"-0\r\n\r\n", b" 3\r\nabc\r\n0\r\n\r\n",
            b"3 \r\nabc\r\n0\r\n\r\n", b"\t3\r\nabc\r\n0\r\n\r\n", b"3\t\r\nabc\r\n0\r\n\r\n", b"03\r\nabc\r\n0\r\n\r\n", b"00\r\n\r\n", b"000\r\n\r\n",
            b"\r\n0\r\n\r\n", b"3\r\nabc\r\n\r\n", b"3\r\nabc\r\n\r\n0\r\n\r\n", b"3\nabc\n0\n\n", b"3\r\nabc\n0\r\n\r\n", b"3\nabc\r\n0\r\n\r\n",
            b"3\r\nabc\r\n0\n\r\n", b"3\r\nabc\r\n0\r\n\n", b"3\rabc\r\n0\r\n\r\n", b"3\r\rabc\r\n0\r\n\r\n", b"3\r\nab\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n",
            b"3\r\nabc0\r\n\r\n", b"3;a=b\r\nabc\r\n0\r\n\r\n", b"3;\r\nabc\r\n0\r\n\r\n", b"3; a\r\nabc\r\n0\r\n\r\n", b"0;a=b\r\n\r\n",
            b"3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n", b"0\r\nX-A: b\r\n\r\n", b"0\r\nContent-Length: 44\r\n\r\n", b"0\r\nHost: evil\r\n\r\n", b"0\r\n \r\n\r\n",
            b"0\r\n\r\r\n", b"g\r\n\r\n", b"3junk\r\nabc\r\n0\r\n\r\n", b"3\x00\r\nabc\r\n0\r\n\r\n", b"3\x0b\r\nabc\r\n0\r\n\r\n", b"\x003\r\nabc\r\n0\r\n\r\n",
            b"3,3\r\nabc\r\n0\r\n\r\n", b"3.0\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\n", b"8000000000000000\r\n", b"10000000000000000\r\n",
            b"000000003\r\nabc\r\n0\r\n\r\n", b"\"3\"\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\n0\r\n\r\n", b"\xd9\xa3\r\nabc\r\n0\r\n\r\n"], chunked, 400),
    *named([b"100000\r\n" + b"a" * 600000, b"80000\r\n" + b"a" * 0x80000 + b"\r\n1\r\n"], chunked, 413),
    *named([b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", CHUNKS,
            b"1\r\na\r\n" * 50 + b"0\r\n\r\n", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"], chunked, NOT_HERE),
]

BODIES = [
    Case("GET with a body", get(LENGTH) + SMUGGLED, 400),
    Case("GET with chunks", get(CHUNKED) + CHUNKS, 400),
    Case("HEAD with a body", get(LENGTH, b"HEAD /healthz HTTP/1.1") + SMUGGLED, 400),
    Case("HEAD with chunks", get(CHUNKED, b"HEAD /healthz HTTP/1.1") + CHUNKS, 400),
    Case("DELETE with a body", get(LENGTH, b"DELETE /healthz HTTP/1.1") + SMUGGLED, 400),
    Case("OPTIONS with a body", get(LENGTH, b"OPTIONS /healthz HTTP/1.1") + SMUGGLED, 400),
    Case("TRACE with a body", get(LENGTH, b"TRACE /healthz HTTP/1.1") + SMUGGLED, 400),
    Case("GET with a length of nothing", get(b"Content-Length: 0\r\n"), FINE),
    Case("PUT with a body", post(LENGTH, SMUGGLED, b"PUT /healthz HTTP/1.1"), NOT_HERE),
    Case("a body in 1.0", post(LENGTH + b"Connection: keep-alive\r\n", SMUGGLED, b"POST /healthz HTTP/1.0"), NOT_HERE),
]

EXPECTATIONS = [
    *named([b"Expect: 100", b"Expect: 200-ok", b"Expect: 100-continue, x", b"Expect: 100-continue;a=b", b"Expect:", b"Expect: 100-continued"],
           with_field, 417),
    Case("an expectation and its body at once", post(LENGTH + b"Expect: 100-continue\r\n", SMUGGLED), NOT_HERE),
    Case("an expectation without a body", with_field(b"Expect: 100-Continue"), FINE),
    Case("an upgrade nobody does", get(b"Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), FINE),
]

BOUNDS = [
    Case("a head of 16 KiB and more", get(b"X-A: " + b"a" * 16384 + b"\r\n"), 431),
    Case("a line that never ends", b"GET /" + b"a" * 20000, 431),
    Case("a head of many small fields", get(b"A:b\r\n" * 4000), 431),
    Case("a hundred fields and one", get(b"X: y\r\n" * 100), 431),
    Case("a hundred fields", get(b"X: y\r\n" * 99), FINE),
    Case("a head of nearly 16 KiB", get(b"X-A: " + b"a" * 16000 + b"\r\n"), FINE),
]

CASES = [*LINES, *VERSIONS, *TARGETS, *ENDS, *FIELDS, *HOSTS, *LENGTHS, *CODINGS, *CHUNK_FRAMES, *BODIES, *EXPECTATIONS, *BOUNDS]
