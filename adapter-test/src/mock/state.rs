//! The password of the mock service's user, and what a request does to it. Pure.

use keyrota_contract::adapter::Previous;
use secrecy::{ExposeSecret, SecretString};

use super::carried::Carried;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A login.
    Login,
    /// A change of the password.
    Change,
}

/// What the service makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is carried out.
    Done,
    /// The password is wrong.
    Refused,
}

/// The state. It has no `Debug`, because that would show passwords.
pub struct State {
    /// Every password that a request may contain, in the order of their creation.
    known: Vec<SecretString>,
    /// The numbers of those that work.
    works: Vec<usize>,
    /// Whether the previous password keeps working.
    previous: Previous,
    /// The changes to be made later: the numbers of the old password, if there is one, and the new.
    held: Vec<(Option<usize>, Option<usize>)>,
}

impl State {
    /// Returns the state of a user with this password.
    pub fn new(password: &SecretString, previous: Previous) -> Self {
        Self {
            known: vec![password.clone()],
            works: vec![0],
            previous,
            held: Vec::new(),
        }
    }

    /// Registers a password that requests may contain.
    pub fn know(&mut self, password: &SecretString) {
        if self.number(password).is_none() {
            self.known.push(password.clone());
        }
    }

    /// Sets the user's password.
    pub fn set(&mut self, password: &SecretString) {
        self.know(password);
        self.held.clear();
        self.works = self.number(password).into_iter().collect();
    }

    /// Returns whether a login with this password succeeds.
    pub fn accepts(&self, password: &SecretString) -> bool {
        self.number(password)
            .is_some_and(|number| self.works.contains(&number))
    }

    fn number(&self, password: &SecretString) -> Option<usize> {
        let text = password.expose_secret();
        self.known.iter().position(|it| it.expose_secret() == text)
    }

    /// Returns what a request asks for, and the numbers of the old and the new password in it.
    fn read(&self, carried: &Carried) -> (Asked, Option<usize>, Option<usize>) {
        let numbers: Vec<usize> = (0..self.known.len())
            .filter(|number| carried.contains(self.known[*number].expose_secret()))
            .collect();
        match (numbers.as_slice(), carried.asks_for_change) {
            ([old, .., new], _) => (Asked::Change, Some(*old), Some(*new)),
            // A change that lacks one of its passwords.
            ([only], true) if self.works.contains(only) => (Asked::Change, Some(*only), None),
            ([only], true) => (Asked::Change, None, Some(*only)),
            ([], true) => (Asked::Change, None, None),
            ([only], false) => (Asked::Login, Some(*only), None),
            ([], false) => (Asked::Login, None, None),
        }
    }

    /// Carries out a request, or only says what it would come to.
    pub fn handle(&mut self, carried: &Carried, carry_out: bool) -> (Asked, Made) {
        let (asked, old, new) = self.read(carried);
        let made = match old.is_some_and(|old| self.works.contains(&old)) {
            true => Made::Done,
            false => Made::Refused,
        };
        if asked == Asked::Change && carry_out {
            self.change(old, new);
        }
        (asked, made)
    }

    /// Keeps a change for later.
    pub fn hold(&mut self, carried: &Carried) {
        if let (Asked::Change, old, new) = self.read(carried) {
            self.held.push((old, new));
        }
    }

    /// Carries out what was kept for later. The service checks the old password only then.
    pub fn release(&mut self) {
        for (old, new) in std::mem::take(&mut self.held) {
            self.change(old, new);
        }
    }

    fn change(&mut self, old: Option<usize>, new: Option<usize>) {
        let (Some(old), Some(new)) = (old, new) else {
            return;
        };
        if !self.works.contains(&old) {
            return;
        }
        self.works = match self.previous {
            Previous::Works if old != new => vec![old, new],
            _ => vec![new],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(texts: &[&str], asks_for_change: bool) -> Carried {
        Carried {
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            asks_for_change,
        }
    }

    fn state(previous: Previous) -> State {
        let mut state = State::new(&"one".into(), previous);
        state.know(&"two".into());
        state.know(&"three".into());
        state
    }

    #[test]
    fn a_login_needs_a_password_that_works() {
        let mut state = state(Previous::Void);
        for (text, made) in [
            ("one", Made::Done),
            ("two", Made::Refused),
            ("", Made::Refused),
        ] {
            assert_eq!(
                state.handle(&carried(&[text], false), true),
                (Asked::Login, made)
            );
        }
        assert!(state.accepts(&"one".into()));
    }

    #[test]
    fn a_change_needs_both_passwords() {
        let mut state = state(Previous::Void);
        for (texts, made) in [
            (&["two"][..], Made::Refused),
            (&["one"], Made::Done),
            (&["three", "two"], Made::Refused),
        ] {
            let ended = state.handle(&carried(texts, true), true);
            assert_eq!(ended, (Asked::Change, made));
            assert!(state.accepts(&"one".into()), "{texts:?}");
        }
        state.handle(&carried(&["two", "Bearer one"], false), true);
        assert!(state.accepts(&"two".into()) && !state.accepts(&"one".into()));
        // The repeated request has the wrong password, and does not change it back.
        let repeated = state.handle(&carried(&["one", "two"], true), true);
        assert_eq!(repeated, (Asked::Change, Made::Refused));
        assert!(state.accepts(&"two".into()));
    }

    #[test]
    fn two_passwords_can_work() {
        let mut state = state(Previous::Works);
        state.handle(&carried(&["one", "two"], true), true);
        assert!(state.accepts(&"one".into()) && state.accepts(&"two".into()));
        state.handle(&carried(&["two", "three"], true), true);
        assert!(!state.accepts(&"one".into()) && state.accepts(&"three".into()));
    }

    #[test]
    fn a_late_change_checks_the_password_when_it_is_made() {
        let mut state = state(Previous::Void);
        state.hold(&carried(&["one", "two"], true));
        assert!(state.accepts(&"one".into()));
        state.handle(&carried(&["one", "three"], true), true);
        state.release();
        assert!(state.accepts(&"three".into()) && !state.accepts(&"two".into()));
        state.set(&"one".into());
        state.hold(&carried(&["one", "two"], true));
        state.release();
        assert!(state.accepts(&"two".into()));
    }
}
