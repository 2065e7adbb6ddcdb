#!/usr/bin/env python3
"""tests/skips.py names what was skipped and why, and nothing else.

Usage: skips_test.py
"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import skips


def block(name, output, end):
    return (f'3/9 Testing: {name}\n3/9 Test: {name}\nCommand: "x"\nDirectory: /x\n"{name}" start time: Nov 20 10:25 UTC\nOutput:\n'
            f'----------------------------------------------------------\n{output}<end of output>\nTest time =   0.83 sec\n'
            f'----------------------------------------------------------\n{end}.\n"{name}" end time: Nov 20 10:25 UTC\n"{name}" time elapsed: 00:00:00\n\n')


LOG = (block("unit.A", "[  PASSED  ] 1 test.\n", "Test Passed")
       + block("unit.B", "[ RUN      ] B\n/x/b_test.cpp:10: Skipped\nthe system refuses namespaces\n\n[  SKIPPED ] B (0 ms)\n",
               "Test Pass Reason:\nSkip regular expression found in output. Regex=[SKIPPED]")
       + block("integration.c", "test_one (__main__.C.test_one) ... ok\ntest_two (__main__.C.test_two)\nWhat it shows. ... skipped 'no such tool'\nOK (skipped=1)\n", "Test Skipped")
       + block("interop.d", "building\nno Python environment: no network\n", "Test Skipped")
       + block("unit.E", "it failed, skipped nothing\n", "Test Failed"))


class Skips(unittest.TestCase):
    def test_every_skip_has_its_reason(self):
        self.assertEqual(list(skips.skipped(LOG)), [("unit.B", "the system refuses namespaces"), ("integration.c", "test_two: no such tool"),
                                                    ("interop.d", "no Python environment: no network")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
