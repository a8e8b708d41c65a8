"""Every row of the threat list is accounted for: shown to fail, or said to be none of ours and why."""

import glob
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import corpus
import rows
import test_escape
from harness import SOURCE

SKIPS_MOST = 5      # rows that this kernel cannot be asked
ROW_COUNT = 116


def names_here():
    """Every test of this folder, those that are made of the corpus too."""
    names = [name for name in dir(test_escape.Escape) if name.startswith("test ")]
    for path in glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_escape*.py")):
        with open(path, encoding="utf-8") as file:
            names += re.findall(r"def (test_S\w+)", file.read())
    return names


def row_of(name):
    """S38 of `test S38a ...` and of `test_S38_...`."""
    found = re.match(r"test[ _](S\d+)", name)
    return found.group(1) if found else None


def exists(test):
    """service/test_x.test_name, unit/test_x.suite.name"""
    folder, _, rest = test.partition("/")
    file, *words = rest.split(".")
    if folder != "unit":
        with open(os.path.join(SOURCE, "tests", folder, file + ".py"), encoding="utf-8") as text:
            return re.search(rf"def {words[0]}\(", text.read()) is not None
    for path in glob.glob(os.path.join(SOURCE, "tests", "unit", "*", file + ".c")):
        with open(path, encoding="utf-8") as text:
            if re.search(rf"Test\({words[0]}, {words[1]}[,)]", text.read()):
                return True
    return False


class Rows(unittest.TestCase):
    def test_every_row_stands_once(self):
        self.assertEqual([row_id for row_id, _, _ in rows.LIST], [f"S{number:02}" for number in range(1, ROW_COUNT + 1)])

    def test_what_is_shown_here_has_its_attack_and_its_control(self):
        count = {}
        for name in names_here():
            count[row_of(name)] = count.get(row_of(name), 0) + 1
        for row_id, _, where in rows.LIST:
            with self.subTest(row_id):
                if where is rows.HERE:
                    self.assertGreaterEqual(count.get(row_id, 0), 2, "an attack and its control")
                elif isinstance(where, rows.NotApplicable):
                    self.assertEqual(count.get(row_id, 0), 0, "it is tried, so it applies")

    def test_what_is_shown_elsewhere_exists(self):
        for row_id, _, where in rows.LIST:
            if isinstance(where, rows.Other):
                self.assertTrue(where.tests)
                for test in where.tests:
                    with self.subTest(row_id):
                        self.assertTrue(exists(test), test)

    def test_a_test_that_is_not_there_is_noticed(self):
        self.assertFalse(exists("service/test_bad_input.test_nothing_of_the_kind"))
        self.assertFalse(exists("unit/test_config_files.config_files.are_nothing_of_the_kind"))

    def test_what_is_not_tried_says_why(self):
        for row_id, _, where in rows.LIST:
            if isinstance(where, rows.NotApplicable):
                self.assertGreater(len(where.reason.split()), 5, row_id)
            if isinstance(where, rows.Guest):
                self.assertTrue(where.needs, row_id)

    def test_nothing_is_missing(self):
        self.assertEqual([row_id for row_id, _, where in rows.LIST if isinstance(where, rows.Missing)], [])

    def test_few_rows_are_skipped_on_this_kernel(self):
        facts = test_escape.kernel_facts()
        skipped = {row_of(f"test {row.id}") for row in corpus.ROWS if not all(facts[need] for need in row.needs + row.full_needs)}
        if os.geteuid() == 0:       # others lack root too, which is no matter of the kernel
            self.assertLessEqual(len(skipped), SKIPS_MOST, sorted(skipped))

    def test_the_document_says_what_is_shown(self):
        import matrix
        with open(matrix.PATH, encoding="utf-8") as file:
            self.assertEqual(file.read(), matrix.document(), "tests/escape/matrix.py >docs/defence-in-depth.md")


if __name__ == "__main__":
    unittest.main()
