"""The looks: one function for each assumption. Importing this package registers all of them."""

from first_run.looks import keys, secrets, stacks, delivery, deployed  # noqa: F401
