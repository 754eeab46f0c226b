//! Servers that are none: what somebody may do who has got between.
