"""Starts the run."""

import sys

from first_run.main import main

sys.exit(main(sys.argv[1:]))
