//! The next step after a server refused a request or was unreachable: one table, which
//! `docs/reference/errors.md` shows too.
//!
//! A remedy works for its cause when it is followed literally, and does not do more.

mod table;

use crate::server::{ServerError, ServerFault};
use table::ROWS;

/// Whose login the request was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The user whose password is rotated.
    User,
    /// The administrator that `rotate_as` names.
    Administrator,
}

/// What to do about a fault.
struct Row {
    fault: ServerFault,
    /// The codes to which the row applies, or none for all that no earlier row has.
    codes: &'static [&'static str],
    /// Whose login it applies to, or `None` for both.
    by: Option<Signer>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only the documentation shows it")
    )]
    cause: &'static str,
    remedy: &'static str,
}

/// Returns the next step after a request that was made with this login.
pub(crate) fn find(by: Signer, error: &ServerError) -> &'static str {
    let code = error.code.as_deref().unwrap_or_default();
    let fits = |row: &&Row| {
        row.fault == error.fault
            && row.by.is_none_or(|of| of == by)
            && (row.codes.is_empty() || row.codes.contains(&code))
    };
    let row = ROWS.iter().find(fits);
    row.map_or("see the server's log, then rotate again", |row| row.remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerFault as Fault;

    fn of(by: Signer, fault: Fault, code: &str) -> &'static str {
        let code = Some(code.to_owned());
        find(by, &ServerError { fault, code })
    }

    #[test]
    fn each_cause_has_its_own_remedy() {
        let (user, administrator) = (Signer::User, Signer::Administrator);
        // A full server, and a limit of the user's own.
        assert!(of(user, Fault::Busy, "53300").contains("max_connections of the server"));
        assert!(of(user, Fault::UserLimit, "53300").contains("CONNECTION LIMIT"));
        assert!(of(user, Fault::Busy, "1040").contains("max_connections"));
        assert!(of(user, Fault::UserLimit, "1226").contains("ALTER USER"));
        // A wrong password, and an expired one.
        assert!(!of(user, Fault::WrongCredentials, "1045").contains("VALID UNTIL"));
        assert!(of(user, Fault::WrongCredentials, "28P01").contains("VALID UNTIL"));
        assert!(of(administrator, Fault::WrongCredentials, "1045").contains("that secret"));
        assert!(of(administrator, Fault::PasswordExpired, "1820").contains("ends the expiry"));
        // A missing privilege.
        assert!(of(administrator, Fault::NotAllowed, "1142").contains("global_priv"));
        assert!(of(administrator, Fault::NotAllowed, "1227").contains("CREATE USER"));
        assert!(of(user, Fault::NotAllowed, "1227").contains("rotate_as"));
    }

    /// Every row can be reached, and an unknown code has the last row of its fault.
    #[test]
    fn no_row_hides_another() {
        for (index, row) in ROWS.iter().enumerate() {
            let by = row.by.unwrap_or(Signer::User);
            let code = row.codes.first().copied().unwrap_or("unknown");
            let found = of(by, row.fault, code);
            assert_eq!(found, row.remedy, "row {index}: {}", row.cause);
        }
    }

    const PAGE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/errors.md"
    );
    const BEGIN: &str = "<!-- generated: database-errors -->\n";
    const END: &str = "<!-- end: database-errors -->";

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test reads and writes the page"
    )]
    fn the_documentation_is_up_to_date() {
        let mut table =
            String::from("| cause | message | whose login | remedy |\n| --- | --- | --- | --- |\n");
        for row in ROWS {
            let message = ServerError {
                fault: row.fault,
                code: None,
            };
            let codes = match row.codes {
                [] => String::new(),
                codes => format!(" ({})", codes.join(", ")),
            };
            let by = match row.by {
                None => "both",
                Some(Signer::User) => "the user's",
                Some(Signer::Administrator) => "the administrator's",
            };
            table += &format!(
                "| {} | {message}{codes} | {by} | {} |\n",
                row.cause, row.remedy
            );
        }
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let expected = format!("{before}{BEGIN}\n{table}\n{END}{after}");
        if std::env::var_os("KEYROTA_UPDATE").is_some() {
            std::fs::write(PAGE, expected).unwrap();
        } else {
            assert_eq!(page, expected, "write it again with KEYROTA_UPDATE=1");
        }
    }
}
