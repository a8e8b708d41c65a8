"""The rows are complete: each threat and each sentence has some, each row has its test, and the page says what the rows say."""

import glob
import os
import re
import unittest

import matrix
import rows

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Rows(unittest.TestCase):
    def test_each_threat_and_each_sentence_has_a_row(self):
        threats = {threat for row in rows.ALL for threat in row.threats}
        self.assertEqual(threats, {f"I{number:02}" for number in range(1, 19)})
        self.assertEqual({number for row in rows.ALL for number in row.sentences}, set(range(1, len(rows.SENTENCES) + 1)))

    def test_each_row_has_a_name_of_its_own_and_says_what_is_left_of_it(self):
        names = [row.id for row in rows.ALL]
        self.assertEqual(len(names), len(set(names)))
        for row in rows.ALL:
            self.assertTrue(row.threats or row.sentences, row.id)
            self.assertTrue(row.tries and row.stopped and row.line, row.id)

    def test_each_row_that_no_table_runs_has_a_test(self):
        here = "".join(read(path) for path in glob.glob(os.path.join(HERE, "test_*.py")))
        for row in rows.DEEDS + rows.KEEPER_DEEDS:
            if not row.test:
                self.assertIn(f"def test_{row.id}(", here)

    def test_tests_of_other_folders_are_there(self):
        for row in rows.ALL:
            if not row.test:
                continue
            folder, _, name = row.test.partition("/")
            file, _, test = name.partition(".")
            paths = [os.path.join(TESTS, folder, file + ".py"), os.path.join(TESTS, "unit", folder, file + ".c"),
                     os.path.join(os.path.dirname(TESTS), folder, file + ".c")]
            there = [path for path in paths if os.path.exists(path)]
            self.assertEqual(len(there), 1, row.test)
            if test:
                self.assertTrue(re.search(rf"\b{test}\b", read(there[0])), row.test)

    def test_the_page_is_made_of_the_rows(self):
        self.assertEqual(read(matrix.PATH), matrix.document())


if __name__ == "__main__":
    unittest.main()
