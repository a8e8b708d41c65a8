"""The text format of Prometheus (0.0.4), read strictly: what a lenient reader would let pass is an error here."""

import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VALUE = re.compile(r"[0-9]+(\.[0-9]+)?|\+Inf|NaN")
TYPES = ("counter", "gauge", "histogram")


class Family:
    def __init__(self, name, help_text):
        self.name, self.help, self.type = name, help_text, None
        self.samples = {}       # (name, ((label, value), ...)) to number

    def get(self, suffix="", **labels):
        """The number of the sample with exactly these labels; None when there is none."""
        return self.samples.get((self.name + suffix, tuple(sorted(labels.items()))))

    def sum(self, **labels):
        """Of all samples that have these labels, whatever else they have."""
        return sum(number for (_, have), number in self.samples.items() if set(labels.items()) <= set(have))

    def labels(self, name):
        return {value for (_, have), _ in self.samples.items() for label, value in have if label == name}


class _Line:
    def __init__(self, text):
        self.text, self.at = text, 0

    def fail(self, why):
        raise ValueError(f"{why} at {self.at}: {self.text!r}")

    def take(self, literal):
        if not self.text.startswith(literal, self.at):
            self.fail(f"no {literal!r}")
        self.at += len(literal)

    def match(self, pattern, what):
        found = pattern.match(self.text, self.at)
        if found is None:
            self.fail(f"no {what}")
        self.at = found.end()
        return found.group()

    def looks_at(self, literal):
        return self.text.startswith(literal, self.at)

    def label_value(self):
        self.take('"')
        value = ""
        while not self.looks_at('"'):
            if self.at >= len(self.text):
                self.fail("a value without an end")
            character = self.text[self.at]
            self.at += 1
            if character == "\\":
                escaped = self.text[self.at:self.at + 1]
                if escaped not in ("\\", '"', "n"):
                    self.fail("an escape that is none")
                character = "\n" if escaped == "n" else escaped
                self.at += 1
            value += character
        self.take('"')
        return value


def _sample(text):
    line = _Line(text)
    name = line.match(NAME, "name")
    labels = []
    if line.looks_at("{"):
        line.take("{")
        while True:
            label = line.match(LABEL, "label")
            line.take("=")
            labels.append((label, line.label_value()))
            if line.looks_at("}"):
                break
            line.take(",")
        line.take("}")
    line.take(" ")
    number = line.match(VALUE, "number")
    if line.at != len(text):
        line.fail("something behind the number")
    if len({label for label, _ in labels}) != len(labels):
        line.fail("a label twice")
    return name, tuple(sorted(labels)), math.inf if number == "+Inf" else float(number)


def _check_histogram(family):
    rows = {}
    for (name, labels), number in family.samples.items():
        own = tuple(pair for pair in labels if pair[0] != "le")
        kind = name[len(family.name):]
        if kind == "_bucket":
            bound = dict(labels)["le"]
            rows.setdefault(own, {}).setdefault("buckets", []).append((math.inf if bound == "+Inf" else float(bound), number))
        else:
            rows.setdefault(own, {})[kind] = number
    for own, row in rows.items():
        bounds = [bound for bound, _ in row["buckets"]]
        counts = [count for _, count in row["buckets"]]
        if bounds != sorted(set(bounds)) or bounds[-1] != math.inf:
            raise ValueError(f"{family.name}{own}: bounds are not ascending up to +Inf: {bounds}")
        if counts != sorted(counts) or counts[-1] != row["_count"]:
            raise ValueError(f"{family.name}{own}: ranges do not add up: {counts}, {row['_count']}")
        if row["_sum"] < 0 or (row["_count"] == 0) != (row["_sum"] == 0 and counts[-1] == 0):
            raise ValueError(f"{family.name}{own}: the sum does not fit")


def _belongs(family, name, labels):
    if family.type != "histogram":
        return name == family.name and "le" not in dict(labels)
    suffix = name[len(family.name):]
    return name.startswith(family.name) and suffix in ("_bucket", "_sum", "_count") and ("le" in dict(labels)) == (
        suffix == "_bucket")


def parse(text):
    """Families by name. Each has HELP, then TYPE, then its samples, and comes once."""
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    families, family = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, help_text = line[7:].partition(" ")
            if name in families or not NAME.fullmatch(name) or not help_text:
                raise ValueError(f"a family twice, or without words: {line!r}")
            family = families[name] = Family(name, help_text)
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if family is None or name != family.name or family.type is not None or kind not in TYPES:
                raise ValueError(f"a type out of place: {line!r}")
            if (kind == "counter") != name.endswith("_total"):
                raise ValueError(f"counters, and they alone, are called _total: {line!r}")
            family.type = kind
        else:
            name, labels, number = _sample(line)
            if family is None or family.type is None or not _belongs(family, name, labels):
                raise ValueError(f"a sample out of place: {line!r}")
            if (name, labels) in family.samples:
                raise ValueError(f"a sample twice: {line!r}")
            family.samples[(name, labels)] = number
    for family in families.values():
        if family.type is None:
            raise ValueError(f"{family.name} has no type")
        if family.type == "histogram":
            _check_histogram(family)
    return families
