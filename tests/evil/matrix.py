#!/usr/bin/python3
"""What a front or a keeper that was taken over tries, and what becomes of it, as a table: docs/lockdown.md.

    tests/evil/matrix.py >docs/lockdown.md

The page is made of rows.py; each row has a test, and another test compares the page with the rows.
"""

import os

import rows

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "lockdown.md")

HEAD = """# What a process that was taken over can do

The front reads what strangers send, and the keeper reads what the front sends. This page says what somebody gets who has code of his own
run in one of them. It is made of the tests of `tests/evil`: each row is a test that takes the live process of a running service over, lets
it try, and looks at what became of it. The tests make the process itself do the system calls, after its lockdown, with its descriptors, ids,
Landlock and filter; no program has a door for them, and the system calls are tried on the programs as they are released.

After each row the service works, a job of another caller still runs, and nothing was started that no caller asked for. Each system call that
is refused is also tried where nothing is locked down, and works or fails for another reason there: a refusal is no broken test.

## Twelve sentences

A front that was taken over cannot

"""

RESIDUAL = """
## What it can do

- **The front** uses what is sent through it meanwhile: tokens, and the unix connections of callers, within their scope, expiry, rates and
  `from`. It sees what these callers see, answers them as it likes, and can serve nobody at all. It is believed when it says which client
  certificate it verified, that a call without a token came on the listener of a predecessor, and from where a request came (or a proxy said
  so): the first lets it be any `cert` of `peers`, the second any `predecessor` of `peers`, none of whom can be an administrator, the third
  can only take a right away. When a webhook delivers, it has that webhook's command run with values of its own for what deliveries say, and
  with the owner's for the rest. It writes into the log of the service, as each process does: a log line is no evidence, an entry of the audit
  trail is. Where the log is a file, it can change earlier lines.
- **The keeper** has listed commands run, with values that their rules allow, reads and changes its records, and ends jobs. The
  launcher's log and its record of starts are not its: `sallyport audit verify` finds a start that the trail does not tell of, and a trail that was rebuilt.

Where a line is *none*, what was tried reaches nobody who could write one: the kernel refuses the call and tells the caller alone.
"""


def links(row):
    return ", ".join([*row.threats, *(str(number) for number in row.sentences)])


def table(title, part):
    lines = "".join(f"| {row.tries} | {links(row)} | {row.stopped} | {row.line} |\n" for row in part)
    return f"\n### {title}\n\n| it tries | | what stands in the way | which line is left |\n|---|---|---|---|\n{lines}"



def document():
    sentences = "".join(f"{number}. {text};\n" for number, text in enumerate(rows.SENTENCES, 1))
    front = "".join(table(*part) for part in rows.FRONT)
    keeper = "".join(table(*part) for part in rows.KEEPER)
    others = "".join(f"| {row.tries} | {links(row)} | {row.stopped} | `{row.test}` |\n" for _, part in rows.OTHERS for row in part)
    return (HEAD + sentences + "\nThe numbers behind a row are those of the project's threat list (I01 to I18) and of these sentences.\n" + RESIDUAL
            + "\n## An evil front\n" + front + "\n## An evil keeper, against the launcher\n" + keeper
            + "\n## Shown by other tests\n\n| what is tried | | what stands in the way | test |\n|---|---|---|---|\n" + others)


if __name__ == "__main__":
    print(document(), end="")
