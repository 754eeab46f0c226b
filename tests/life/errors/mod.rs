//! The tables of `docs/reference/errors.md` about AWS, carried out: the cause is produced, the
//! command fails with the remedy of its row, the remedy is carried out as it is written, and the
//! same command succeeds. The table about database servers is carried out in
//! `database/remedies.rs`.

mod denied;
mod deployment;
mod page;

pub use page::Table;
