"""The items of a strict local AWS, and where they come from."""

from __future__ import annotations

import sys
import unittest

from local_aws import PACKAGE_FOLDER

sys.path.insert(0, str(PACKAGE_FOLDER))
sys.dont_write_bytecode = True

from keyrota_emulator import strict  # noqa: E402


class Items(unittest.TestCase):
    def test_each_has_its_row_with_a_page(self) -> None:
        lines = (PACKAGE_FOLDER / "README.md").read_text().splitlines()
        for item in strict.ITEMS:
            rows = [line for line in lines if line.startswith(f"| `{item}` |")]
            self.assertEqual(len(rows), 1, item)
            self.assertRegex(rows[0], r"\]\(https://|see the next table|assumption", item)

    def test_a_list_of_them_is_read(self) -> None:
        self.assertEqual(strict.parse("all"), frozenset(strict.ITEMS))
        self.assertEqual(strict.parse("ascii,throttle"), {"ascii", "throttle"})
        self.assertEqual(strict.parse(""), frozenset())
        with self.assertRaisesRegex(ValueError, "unknown: a, b. There are: all, ascii,"):
            strict.parse("b,ascii,a")

    def test_an_item_that_does_not_exist_is_never_asked_for(self) -> None:
        with self.assertRaises(KeyError):
            strict.is_on("lags")


if __name__ == "__main__":
    unittest.main()
