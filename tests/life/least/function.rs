//! The function's role.
