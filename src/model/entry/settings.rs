//! The settings that entries of every kind have and that `defaults` may set.

use super::super::fields::Fields;
use super::super::reader::Field;
use super::super::word_or_arn::{NamedReader, parse_kms_key, parse_reader};
use super::super::{
    Arn, Duration, EventTarget, FirstRotation, KmsKey, OldKey, Replica, Schedule, access_key,
    field_names, notify, old_key, replica,
};

/// The default rotation window, if the schedule has room for it.
const DEFAULT_WINDOW: Duration = Duration::seconds(3 * 3_600);

/// The settings that entries of every kind have and that `defaults` may set.
pub(super) struct Settings {
    pub(super) schedule: Schedule,
    pub(super) window: Option<Duration>,
    pub(super) kms_key: KmsKey,
    pub(super) old_key: OldKey,
    pub(super) first_rotation: Option<FirstRotation>,
    pub(super) readers: Readers,
    pub(super) replicas: Vec<Replica>,
    pub(super) notify: Vec<EventTarget>,
}

/// The principals in `readers`.
#[derive(Default)]
pub(super) struct Readers {
    /// The ARNs.
    pub(super) arns: Vec<Arn>,
    /// Whether the credential itself is one of them.
    pub(super) itself: bool,
}

/// Reports faults in `defaults`, so that they are reported even without entries.
pub(in crate::model) fn check_defaults(defaults: &Fields<'_>) {
    read_settings(defaults);
    access_key::read_rotate_as(defaults);
    access_key::read_probe(defaults);
    access_key::read_max_key_age(defaults);
    field_names::check_defaults(defaults);
}

/// Reads the settings of an entry, or of `defaults`.
pub(super) fn read_settings(fields: &Fields<'_>) -> Option<Settings> {
    let schedule = fields.value("schedule", |field| {
        field.parse("invalid-schedule", |text| {
            Schedule::parse(text).map_err(|fault| fault.to_string())
        })
    });
    let window = match fields.get("window") {
        Some(field) => {
            let window = field.parse("invalid-duration", Duration::parse);
            if let (Some(window), Some(schedule)) = (window, &schedule)
                && let Err(why) = schedule.check_window(window)
            {
                field.refuse("invalid-window", why);
            }
            window
        }
        None => schedule
            .as_ref()
            .is_some_and(|schedule| schedule.check_window(DEFAULT_WINDOW).is_ok())
            .then_some(DEFAULT_WINDOW),
    };
    let kms_key = fields.value("kms_key", |field| {
        field.parse("invalid-value", parse_kms_key)
    });
    let old_key = fields.get("old_key");
    let old_key = old_key.map_or(Some(OldKey::UntilNextRotation), |field| {
        old_key::read(&field)
    });
    let first_rotation = fields.optional("first_rotation", |field| {
        field.parse("invalid-value", FirstRotation::parse)
    });
    let readers = fields.optional("readers", read_readers);
    let replicas = replica::read(fields);
    let notify = notify::read(fields);
    Some(Settings {
        schedule: schedule?,
        window,
        kms_key: kms_key?,
        old_key: old_key?,
        first_rotation: first_rotation?,
        readers: readers?.unwrap_or_default(),
        replicas: replicas?,
        notify: notify?,
    })
}

fn read_readers(field: &Field<'_>) -> Option<Readers> {
    let mut readers = Readers::default();
    let mut is_valid = true;
    for item in field.list()? {
        match item.parse("invalid-value", parse_reader) {
            Some(NamedReader::Itself) => readers.itself = true,
            Some(NamedReader::Arn(arn)) => readers.arns.push(arn),
            None => is_valid = false,
        }
    }
    is_valid.then_some(readers)
}
