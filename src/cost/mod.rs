//! The monthly cost of a model, from its resources, its rotations, its readers, and a price list.
//! Pure and exact: no clock, no network, no binary fractions.

mod amount;
mod calls;
mod price;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::model::{Architecture, Arn, Kind, KmsKey, Model, Schedule};

pub use amount::{grouped, to_json, to_places};
use calls::Calls;
pub use price::{Charge, Price, Prices};

/// The length of the month, in days and in hours.
const DAYS: u64 = 30;
const HOURS: u64 = DAYS * 24;
/// The alarms of a function (`templates/alarms.yaml.hbs`): failures, keys held back, overdue
/// rotations, and rotations that do not end. No alarm exists for old passwords, since no server
/// holds one back.
const ALARMS: u64 = 4;
const PASSWORD_ALARMS: u64 = 3;
/// The metrics of a function: `Rotations`, `Failures`, `KeysHeldBack`, `RotationsOverdue`,
/// `RotationsStuck`, and `CredentialAge`.
const METRICS: u64 = 6;
const PASSWORD_METRICS: u64 = 5;
/// The number of secrets that one invocation of the sweep covers in the rendered stack.
const SWEPT: u64 = 40;
/// The assumed duration of a step and of a sweep at 128 MiB, in milliseconds. A whole rotation
/// takes a third of a second there, and a cold start some tenths of a second more.
const STEP: u64 = 500;
const SWEEP: u64 = 500;
const SWEEP_OF_A_SECRET: u64 = 20;
/// The log volume of a rotation and of a sweep in bytes, including Lambda's own lines.
const LOG_OF_A_ROTATION: u64 = 8_000;
const LOG_OF_A_SWEEP: u64 = 2_000;
/// The size of the function's zip file in bytes, rounded up.
const ZIP: u64 = 2_000_000;
const GB: u64 = 1_000_000_000;
/// The KMS requests of storing a value: one for a data key, and one for the comparison if the value
/// is stored again.
const REQUESTS_OF_A_PUT: u64 = 2;

/// How often the secrets are read, which the manifest does not specify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The reads of each reader per hour: one with a client that caches.
    pub reads_per_hour: u32,
}

impl Default for Usage {
    fn default() -> Self {
        Self { reads_per_hour: 1 }
    }
}

/// A line of the estimate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The charge.
    pub what: &'static str,
    /// The quantity per month, rounded to six decimals.
    pub quantity: Decimal,
    /// The unit of the quantity.
    pub unit: &'static str,
    /// The price of one unit.
    pub unit_price: Decimal,
    /// The price as the price list states it.
    pub price: Price,
    /// The cost per month, rounded to six decimals.
    pub monthly: Decimal,
}

impl Item {
    /// Returns the quantity in a readable form.
    pub fn quantity_text(&self) -> String {
        match self.unit {
            "GB" => to_places(self.quantity, 6),
            _ => grouped(&to_places(self.quantity, 0)),
        }
    }

    /// Returns the price as price lists state it, such as `0.05 per 10,000 calls`.
    pub fn price_text(&self) -> String {
        let amount = self.price.amount;
        // Two decimals, or more if needed.
        let amount = match amount.scale() > 2 {
            true => amount.to_string(),
            false => to_places(amount, 2),
        };
        match self.price.per {
            1 if self.unit.starts_with("GB") => format!("{amount} per {}", self.unit),
            1 => format!("{amount} each"),
            per => format!("{amount} per {} {}s", grouped(&per.to_string()), self.unit),
        }
    }
}

/// The estimated monthly cost of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The charges, without those that are zero.
    pub items: Vec<Item>,
    /// The sum of the charges.
    pub total: Decimal,
    /// The currency.
    pub currency: String,
    /// The Region that the prices apply to.
    pub region: String,
    /// The date of the price list.
    pub priced_on: String,
    /// The assumptions of the estimate.
    pub assumed: Vec<String>,
    /// What the estimate does not include.
    pub left_out: Vec<String>,
}

/// Returns the cost of the stacks of these models for a month of 30 days.
pub fn estimate(models: &[&Model], prices: &Prices, usage: &Usage) -> Estimate {
    let mut sum = Count::default();
    for model in models {
        sum.add(model, usage);
    }
    let items: Vec<Item> = sum
        .charges()
        .into_iter()
        .filter(|(_, _, quantity)| *quantity > Decimal::default())
        .map(|(what, charge, quantity)| item(what, charge, quantity, prices))
        .collect();
    Estimate {
        total: items.iter().map(|item| item.monthly).sum(),
        items,
        currency: prices.currency.clone(),
        region: prices.region.to_string(),
        priced_on: prices.priced_on.clone(),
        assumed: assumed(models, prices, usage),
        left_out: left_out(models),
    }
}

fn item(what: &'static str, charge: Charge, quantity: Decimal, prices: &Prices) -> Item {
    let price = prices.of(charge);
    let quantity = amount::rounded(quantity);
    Item {
        what,
        quantity,
        unit: charge.unit(),
        unit_price: price.of_one(),
        price,
        monthly: amount::rounded(quantity * price.amount / Decimal::from(price.per)),
    }
}

/// The usage of every charge in a month.
#[derive(Default)]
struct Count {
    secrets: u64,
    replicas: u64,
    rotating: Decimal,
    sweeping: Decimal,
    reading: Decimal,
    steps: Decimal,
    sweeps: Decimal,
    time_x86: Decimal,
    time_arm: Decimal,
    kms_keys: u64,
    kms_requests: Decimal,
    alarms: u64,
    metrics: u64,
    zips: u64,
    log_written: Decimal,
    log_kept: Decimal,
}

impl Count {
    fn add(&mut self, model: &Model, usage: &Usage) {
        // Many entries share few schedules, and counting the rotations of a schedule takes time.
        let mut known: BTreeMap<&str, Decimal> = BTreeMap::new();
        let [mut keys, mut databases, mut services, mut outside] = [const { Vec::new() }; 4];
        for entry in &model.entries {
            // A replica is charged as a secret (AWS Secrets Manager pricing).
            self.replicas += entry.replicas.len() as u64;
            let often = often(&mut known, &entry.schedule);
            let (rotations, sweeps) = calls::of_entry(entry, often);
            let rotating = Rotating {
                often,
                rotations,
                sweeps,
                kms_key: &entry.kms_key,
                readers: &entry.readers,
            };
            match &entry.kind {
                Kind::AccessKey(_) => keys.push(rotating),
                Kind::Database(_) => databases.push(rotating),
                Kind::Service(service) if service.in_network => services.push(rotating),
                // The function outside the network is another one.
                Kind::Service(_) => outside.push(rotating),
            }
        }
        for (entries, alarms, metrics) in [
            (&keys, ALARMS, METRICS),
            (&databases, PASSWORD_ALARMS, PASSWORD_METRICS),
            (&services, PASSWORD_ALARMS, PASSWORD_METRICS),
            (&outside, PASSWORD_ALARMS, PASSWORD_METRICS),
        ] {
            if entries.is_empty() {
                continue;
            }
            self.alarms += alarms;
            self.metrics += metrics;
            self.zips += 1;
            self.add_function(entries, model, usage);
        }
        let mut all = keys
            .iter()
            .chain(&databases)
            .chain(&services)
            .chain(&outside);
        self.kms_keys += u64::from(all.any(|entry| *entry.kms_key == KmsKey::Create));
        self.kms_keys += u64::from(model.encrypt.creates());
    }

    /// Adds the usage of one function.
    fn add_function(&mut self, entries: &[Rotating<'_>], model: &Model, usage: &Usage) {
        let secrets = entries.len() as u64;
        let swept = secrets.div_ceil(SWEPT);
        let sweeps = Decimal::from(swept * HOURS);
        let mut rotations = Decimal::default();
        for entry in entries {
            rotations += entry.often;
            // The client that uses the credential, and the readers in the manifest.
            let readers = 1 + entry.readers.len() as u64;
            let reads = Decimal::from(readers * u64::from(usage.reads_per_hour) * HOURS);
            self.rotating += entry.rotations.all;
            self.sweeping += entry.sweeps.all;
            self.reading += reads;
            if *entry.kms_key != KmsKey::AwsManaged {
                self.kms_requests += requests(entry.rotations) + requests(entry.sweeps) + reads;
            }
        }
        self.secrets += secrets;
        let steps = rotations * Decimal::from(calls::STEPS);
        self.steps += steps;
        self.sweeps += sweeps;

        let milliseconds = steps * Decimal::from(STEP)
            + sweeps * Decimal::from(SWEEP)
            + Decimal::from(secrets * HOURS * SWEEP_OF_A_SECRET);
        let memory = amount::ratio(model.function.memory.into(), 1_024);
        let time = milliseconds / Decimal::from(1_000) * memory;
        match model.function.architecture {
            Architecture::X86_64 => self.time_x86 += time,
            Architecture::Arm64 => self.time_arm += time,
        }
        let written = rotations * amount::ratio(LOG_OF_A_ROTATION, GB)
            + sweeps * amount::ratio(LOG_OF_A_SWEEP, GB);
        let kept = amount::ratio(model.function.log_retention.into(), DAYS);
        self.log_written += written;
        self.log_kept += written * kept;
    }

    fn charges(&self) -> Vec<(&'static str, Charge, Decimal)> {
        vec![
            ("secrets", Charge::Secret, Decimal::from(self.secrets)),
            ("replicas", Charge::Secret, Decimal::from(self.replicas)),
            ("calls of rotations", Charge::SecretCall, self.rotating),
            ("calls of hourly sweeps", Charge::SecretCall, self.sweeping),
            ("calls of readers", Charge::SecretCall, self.reading),
            ("steps of rotations", Charge::FunctionRequest, self.steps),
            ("hourly sweeps", Charge::FunctionRequest, self.sweeps),
            (
                "function time, x86_64",
                Charge::FunctionTimeX86,
                self.time_x86,
            ),
            (
                "function time, arm64",
                Charge::FunctionTimeArm,
                self.time_arm,
            ),
            ("KMS keys", Charge::KmsKey, Decimal::from(self.kms_keys)),
            ("KMS requests", Charge::KmsRequest, self.kms_requests),
            ("alarms", Charge::Alarm, Decimal::from(self.alarms)),
            ("metrics", Charge::Metric, Decimal::from(self.metrics)),
            ("log, written", Charge::LogWritten, self.log_written),
            ("log, kept", Charge::LogKept, self.log_kept),
            (
                "function's zip",
                Charge::ObjectKept,
                Decimal::from(self.zips) * amount::ratio(ZIP, GB),
            ),
        ]
    }
}

/// An entry with its number of rotations.
struct Rotating<'entry> {
    /// Rotations per month.
    often: Decimal,
    rotations: Calls,
    sweeps: Calls,
    kms_key: &'entry KmsKey,
    readers: &'entry [Arn],
}

fn often<'entry>(
    known: &mut BTreeMap<&'entry str, Decimal>,
    schedule: &'entry Schedule,
) -> Decimal {
    *known.entry(schedule.as_str()).or_insert_with(|| {
        let (opened, days) = schedule.frequency();
        amount::ratio(opened * DAYS, days)
    })
}

fn requests(calls: Calls) -> Decimal {
    calls.reads + calls.puts * Decimal::from(REQUESTS_OF_A_PUT)
}

fn assumed(models: &[&Model], prices: &Prices, usage: &Usage) -> Vec<String> {
    let mut assumed = vec![
        format!("a month of {DAYS} days, {HOURS} hours; rotations that succeed the first time"),
        format!(
            "readers: the client that each key is for and the manifest's `readers`, each reading {} an hour",
            match usage.reads_per_hour {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            }
        ),
        format!(
            "time: {STEP} ms a step, {SWEEP} ms a sweep and {SWEEP_OF_A_SECRET} ms a secret in it, whatever the memory"
        ),
        format!(
            "log: {} kB a rotation, {} kB a sweep, kept as long as the manifest says",
            LOG_OF_A_ROTATION / 1_000,
            LOG_OF_A_SWEEP / 1_000
        ),
    ];
    let elsewhere = |model: &&&Model| {
        let region = model.region.as_ref();
        region.is_some_and(|region| *region != prices.region)
    };
    if let Some(model) = models.iter().find(elsewhere)
        && let Some(region) = &model.region
    {
        assumed.push(format!(
            "the prices are those of {}, the stack is in {region}: --prices takes a list of its own",
            prices.region
        ));
    }
    assumed
}

fn left_out(models: &[&Model]) -> Vec<String> {
    let network = "the way to Secrets Manager from the VPC: an interface endpoint is charged by the hour and Availability Zone, a NAT gateway by the hour, both by the GB";
    let in_vpc = models.iter().any(|model| model.has_function_in_vpc());
    let network = in_vpc.then_some(network);
    let adapters = "the invocations of the adapters' functions, and their run time";
    let invokes = models.iter().flat_map(|model| model.services());
    let invokes = { invokes }.any(|service| service.kind.adapter.function().is_some());
    let adapters = invokes.then_some(adapters);
    let services = "requests to KMS by CloudWatch Logs, SNS, and Lambda for the keys of `encrypt`: AWS documents no number for the first and the last";
    let encrypted = models
        .iter()
        .any(|model| model.encrypt.keys().next().is_some());
    let services = encrypted.then_some(services);
    let mut entries = models.iter().flat_map(|model| &model.entries);
    let notified = entries.any(|entry| !entry.notify.is_empty()).then_some(
        "what the targets of `notify` charge for one event per rotation; EventBridge charges for those to another event bus",
    );
    [
        "the free tier, tax, discounts and volume tiers",
        "calls that people make: bootstrap, rotate, status, teardown",
        "the further 1 USD a month that AWS charges for each of a KMS key's first two yearly rotations",
        "what a `probe` reads, and the KMS key of an administrator's secret",
        "data transfer, requests to S3, e-mail by SNS and the CloudTrail trail that some alarms need",
        "EventBridge's hourly rule and AWS's own events, IAM, STS and CloudFormation, which cost nothing",
    ]
    .into_iter()
    .chain(network)
    .chain(services)
    .chain(adapters)
    .chain(notified)
    .map(str::to_owned)
    .collect()
}
