"""Tests of what needs no account. CI runs them in the local AWS's virtual environment."""
