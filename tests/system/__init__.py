"""Tests of whole installations: real processes on loopback."""

import pytest

pytest.register_assert_rewrite("tests.system.books", "tests.system.installation")
