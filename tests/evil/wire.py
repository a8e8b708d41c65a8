"""Messages as one process of ours writes them to another, for tests that stand in the place of one that was taken over.

The numbers and the fields are read from the program's own tables (include/sallyport/proto/messages.h, src/proto/), so that nobody
has to write them down a second time.
"""

import glob
import os
import re
import struct

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAGIC = 0x31307073
ID_BYTES = 16
NUMBERS = {"U8": "<B", "BOOL": "<B", "U32": "<I", "U64": "<Q", "I64": "<q"}
EVIDENCE_FIELDS = [("U8", "kind"), ("BYTES", "secret"), ("TEXT", "address")]
ENTRY_STRING, ENTRY_INTEGER, ENTRY_BOOL, ENTRY_LIST, ENTRY_ITEM, ENTRY_FILE = 1, 2, 4, 5, 0x10, 0x80


def _read(*names):
    with open(os.path.join(SOURCE, *names), encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)


def enumerators(enum, *path):
    """The numbers of an enum of a header of ours, by their names; none of it gives a number itself."""
    body = re.search(rf"enum {enum} \{{(.*?)\}}", _read("include", "sallyport", *path), re.S).group(1)
    assert "=" not in body, enum
    return {name: number for number, name in enumerate(re.findall(r"\b[A-Z][A-Z0-9_]+", body))}


def _records():
    """Of each type its fields, in order: kind and name."""
    text = "".join(_read(os.path.relpath(path, SOURCE)) for path in sorted(glob.glob(os.path.join(SOURCE, "src", "proto", "*.[ch]"))))
    tables = {}
    for name, body in re.findall(r"static const struct field (\w+)\[\] = \{(.*?)\n\};", text, re.S):
        fields, of = [], re.search(r"\((struct \w+)", body).group(1)
        for kind, field in re.findall(r"\b(U8|U32|U64|I64|BOOL|TEXT|BYTES|ID|EVIDENCE)\(struct \w+(?:, ([\w.]+))?", body):
            fields += EVIDENCE_FIELDS if kind == "EVIDENCE" else [(kind, field)]
        tables[name, of] = fields       # settings have tables of the same names
    return {kind: tables[table, of]
            for kind, of, table in re.findall(r"\[(MSG_\w+)\] =[\s\\]+RECORD\(\"[\w-]+\", (struct \w+), (\w+)\)", text)}


TYPES = enumerators("msg_type", "proto", "messages.h")
NAMES = {number: name for name, number in TYPES.items()}
RECORDS = _records()
EVIDENCE = {name.removeprefix("EVIDENCE_"): number for name, number in enumerators("evidence_kind", "proto", "requests.h").items()}
assert set(RECORDS) == set(TYPES) - {"MSG_NONE", "MSG_COUNT"}, set(TYPES) ^ set(RECORDS)


def _field(kind, value):
    if kind == "ID":
        return (value or b"").ljust(ID_BYTES, b"\0")
    if kind in ("TEXT", "BYTES"):
        data = value.encode() if isinstance(value, str) else value or b""
        return struct.pack("<I", len(data)) + data
    return struct.pack(NUMBERS[kind], int(value or 0))


def body(kind, /, **values):
    """No value is judged: it is the attacker's."""
    known = [name for _, name in RECORDS[kind]]
    assert set(values) <= set(known), (kind, set(values) - set(known))
    return b"".join(_field(form, values.get(name)) for form, name in RECORDS[kind])


def frame(kind, data, request=1, magic=MAGIC, length=None):
    number = kind if isinstance(kind, int) else TYPES[kind]
    return struct.pack("<IIII", magic, number, len(data) if length is None else length, request) + data


def message(kind, request=1, /, **values):
    return frame(kind, body(kind, **values), request)


def request_of(data):
    return struct.unpack_from("<I", data, 12)[0]


def read(data):
    """(type, request, fields)"""
    magic, number, length, request = struct.unpack_from("<IIII", data)
    assert magic == MAGIC and length == len(data) - 16, data[:16]
    values, at = {}, 16
    for kind, name in RECORDS[NAMES[number]]:
        if kind == "ID":
            values[name], at = data[at:at + ID_BYTES], at + ID_BYTES
        elif kind in ("TEXT", "BYTES"):
            size, = struct.unpack_from("<I", data, at)
            values[name], at = data[at + 4:at + 4 + size], at + 4 + size
            if kind == "TEXT":
                values[name] = values[name].decode(errors="replace")
        else:
            values[name], = struct.unpack_from(NUMBERS[kind], data, at)
            at += struct.calcsize(NUMBERS[kind])
    return NAMES[number], request, values


def entry(kind, name, value=b"", extra=b""):
    parts = [part.encode() if isinstance(part, str) else part for part in (name, value, extra)]
    return struct.pack("<BHHH", kind, *(len(part) for part in parts)) + b"".join(parts)


def bearer(token, address="127.0.0.1:9"):
    return {"kind": EVIDENCE["BEARER"], "secret": token, "address": address}
