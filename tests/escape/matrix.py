#!/usr/bin/python3
"""What stops each attack of corpus.py, as a table: docs/defence-in-depth.md.

    tests/escape/matrix.py >docs/defence-in-depth.md

Every mark is a claim that a test of test_escape.py shows: a test fails where a layer does not hold that is said to hold alone,
or holds where it is said to give way. So the document is made of the corpus, and another test compares the two.
"""

import os

from corpus import CONTROL_LAYERS, ROWS, SWITCHES

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "defence-in-depth.md")

HEAD = """# Defence in depth

What a hostile job tries, and what stops it. This page is made of the escape tests (`tests/escape/corpus.py`); each mark is a
test that runs the attack:

- **alone**: with all other layers of the row switched off, this one still stops the attack;
- *gives way*: this layer alone does not stop it;
- (only): no other layer that can be switched off stands in the way, and without it the attack works;
- *with*: what stops it cannot be switched off, and does so with every layer off that can be; without any sandbox the attack works.

In the whole sandbox every attack below is refused, and without what the row names every attack works: a row in which it did
not would prove nothing. Only test builds can switch layers off.

| attack | | stopped by |
|---|---|---|
"""

NAMES = {"seccomp": "system call filter", "landlock": "Landlock", "caps": "no capabilities", "nnp": "no new privileges", "net": "network namespace",
         "ipc": "IPC namespace", "uts": "host name of its own", "fds": "closed descriptors", "rlimits": "resource limits",
         "proc": "a /proc of processes only", "tmp": "limits and noexec of /tmp", "keyring": "a keyring of its own",
         "mdwe": "no executable data"}
assert set(NAMES) == set(SWITCHES)


def stopped_by(row):
    if row.control != CONTROL_LAYERS:
        return f"{row.by} (*with* everything else off)" if row.by else "not tried layer by layer"
    if len(row.layers) == 1:
        return f"{NAMES[row.layers[0]]} (only)"
    held = [f"**{NAMES[layer]}**" for layer in row.layers if layer in row.alone]
    gives_way = [f"*{NAMES[layer]}*" for layer in row.layers if layer not in row.alone]
    return ", ".join(held + gives_way)


def document():
    return HEAD + "".join(f"| {row.title} | {row.id} | {stopped_by(row)} |\n" for row in ROWS)


if __name__ == "__main__":
    print(document(), end="")
