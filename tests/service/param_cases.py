"""Parameters that are right and wrong, for whatever way leads to a job: the verdict is the same everywhere.

    for case in CASES:
        case.params      what a caller gives
        case.faults      {(pointer, code), ...}; empty when it is accepted

COMMAND is the command they are for; its program does nothing.
"""

import json
from typing import NamedTuple


class Case(NamedTuple):
    name: str
    params: dict
    faults: set


COMMAND = {
    "exec": ["/usr/bin/true", "{env}", "{ref}", "{count}", "{ratio}", "{force}", "{free}", "{hosts...}", "{numbers...}"],
    "params": {
        "env": {"type": "enum", "values": ["staging", "prod"], "required": True},
        "ref": {"type": "string", "pattern": "v[0-9]+", "max_length": 8, "default": "v1"},
        "count": {"type": "int", "min": 1, "max": 10, "default": 1},
        "ratio": {"type": "number", "min": -1, "max": 1.5, "default": 0},
        "force": {"type": "bool", "default": False},
        "free": {"type": "string", "allow_dash": True, "min_length": 2, "default": "ok"},
        "hosts": {"type": "list", "of": {"type": "string", "pattern": "web-[0-9]"}, "max_items": 3, "default": []},
        "numbers": {"type": "list", "of": {"type": "int", "max": 9}, "min_items": 1, "default": [1]},
        "pin": {"type": "secret", "pattern": "[0-9]{4}"},
    },
}

GOOD = {"env": "staging"}


def good(**more):
    return {**GOOD, **more}


def fault(name, code):
    return {(f"/params/{name}", code)}


CASES = [
    Case("only what is required", GOOD, set()),
    Case("everything", good(ref="v12", count=10, ratio=1.5, force=True, free="-x", hosts=["web-1", "web-2"], numbers=[9, -3],
                            pin="1234"), set()),
    Case("nothing", {}, fault("env", "required")),
    Case("a name that the command does not have", good(hots=["web-1"]), fault("hots", "unknown")),
    Case("a value that is not listed", {"env": "production"}, fault("env", "enum")),
    Case("a listed value in other letters", {"env": "Staging"}, fault("env", "enum")),
    Case("a text that does not match", good(ref="main"), fault("ref", "pattern")),
    Case("a text that matches only in part", good(ref="v1 "), fault("ref", "pattern")),
    Case("a text that is too long", good(ref="v12345678"), fault("ref", "max_length")),
    Case("an empty text where none may be", good(free=""), fault("free", "min_length")),
    Case("a text that could be an option", good(ref="-v1"), fault("ref", "leading_dash") | fault("ref", "pattern")),
    Case("the same where it may be one", good(free="--help"), set()),
    Case("a number that is too small", good(count=0), fault("count", "min")),
    Case("a number that is too large", good(count=11), fault("count", "max")),
    Case("a fraction where a whole number belongs", good(count=1.5), fault("count", "type")),
    Case("a text where a number belongs", good(count="many"), fault("count", "type")),
    Case("a fraction below its bound", good(ratio=-1.01), fault("ratio", "min")),
    Case("a whole number where a fraction may be", good(ratio=1), set()),
    Case("a text where truth belongs", good(force="yes please"), fault("force", "type")),
    Case("a number where truth belongs", good(force=1), fault("force", "type")),
    Case("a list where a text belongs", good(ref=["v1"]), fault("ref", "type")),
    Case("an empty list", good(hosts=[]), set()),
    Case("a number where a list belongs", good(hosts=7), fault("hosts", "type")),
    Case("too many items", good(hosts=["web-1"] * 4), fault("hosts", "max_items")),
    Case("too few items", good(numbers=[]), fault("numbers", "min_items")),
    Case("an item that does not match", good(hosts=["web-1", "db-1"]), fault("hosts/1", "pattern")),
    Case("an item of another type", good(numbers=[1, "two"]), fault("numbers/1", "type")),
    Case("an item that is too large", good(numbers=[10]), fault("numbers/0", "max")),
    Case("a secret that does not match", good(pin="12345"), fault("pin", "pattern")),
    Case("shell words, which are only text", good(free="; rm -rf / #"), set()),
    Case("several faults at once", {"ref": "main", "count": 99, "extra": "x"},
         fault("env", "required") | fault("ref", "pattern") | fault("count", "max") | fault("extra", "unknown")),
]


def faults_of(errors):
    """The errors of a problem document or a verdict, as a case has them."""
    return {(error["pointer"], error["code"]) for error in errors}


def cli_words(params):
    """The same for `sallyport run` and `sallyport param-test`."""
    words = []
    for name, value in params.items():
        words += ["-p", f"{name}={value}" if isinstance(value, str) else f"{name}:={json.dumps(value)}"]
    return words
