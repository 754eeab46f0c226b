//! The settings that similar services share.

use super::super::prose::{self, Prose};
use super::super::recurrence;
use super::database::{first, password};
use super::{Fact, READERS, encrypted, named};
use crate::model::{Adapter, CharacterClass, Entry, Service};

/// Returns the user and where the password is used.
pub fn user(service: &Service) -> String {
    format!("{} at {}", service.username, service.place())
}

/// Returns the settings that the service shares with similar ones.
pub fn facts(entry: &Entry, service: &Service, account: &str) -> Vec<Fact> {
    let when = Prose::words(recurrence::when(&entry.schedule))
        .say(" (")
        .code(entry.schedule.as_str())
        .say("), ")
        .say(recurrence::window(&entry.schedule, entry.window));
    let fields = keyrota_contract::value::OF_SERVICES;
    let fields = fields.map(|name| super::field(&entry.fields, name));
    let facts = [
        ("Rotates", when),
        ("The adapter", adapter(&service.adapter)),
        ("With", Prose::words("the user’s own current password")),
        (
            "The first password",
            first(&service.initial_password, false),
        ),
        (
            "A new password",
            required(password(&service.password), &service.require),
        ),
        ("The function", place(service.in_network)),
        ("Encrypted with", encrypted(&entry.kms_key)),
        (READERS, named(&entry.readers, account)),
        ("Fields", prose::list(fields, "and")),
    ];
    let settings = service.settings.iter();
    let settings: Vec<Prose> = settings
        .map(|(name, value)| Prose::name(format!("{name}={value}")))
        .collect();
    let settings = (!settings.is_empty()).then(|| ("Settings", prose::list(settings, "and")));
    let propagation = service.propagation.map(|propagation| {
        let text = format!("{propagation} after a change, for the other members of a farm");
        ("A rotation waits", Prose::words(text))
    });
    let facts = facts.into_iter().chain(settings).chain(propagation);
    let facts = facts.chain(super::first_rotation(entry));
    let facts = facts.chain(super::own_tags(entry));
    facts.map(|(what, prose)| Fact { what, prose }).collect()
}

fn adapter(adapter: &Adapter) -> Prose {
    match adapter {
        Adapter::Function(arn) => Prose::words("the Lambda function ")
            .code(arn.as_str())
            .say(", which is not in this stack and gets the passwords"),
        Adapter::Http(http) => {
            let hosts = http.hosts().into_iter().map(Prose::name);
            Prose::words("the requests in ")
                .code(&http.file)
                .say(", sent only to ")
                .then(prose::list(hosts, "and"))
        }
    }
}

fn required(prose: Prose, classes: &[CharacterClass]) -> Prose {
    let word = |class: &CharacterClass| match class {
        CharacterClass::Upper => "an upper-case letter",
        CharacterClass::Lower => "a lower-case letter",
        CharacterClass::Digit => "a digit",
        CharacterClass::Symbol => "a symbol",
    };
    match classes {
        [] => prose,
        classes => prose
            .say("; at least ")
            .say(prose::words(classes.iter().map(word), "and")),
    }
}

fn place(in_network: bool) -> Prose {
    Prose::words(match in_network {
        true => "runs in the manifest’s network, if there is one",
        false => "runs outside the manifest’s network, and reaches public endpoints only",
    })
}
