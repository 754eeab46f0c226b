//! `keyrota sandbox`.
