//! The price list: charges, prices, Region, and date.

use rust_decimal::Decimal;

use super::amount;
use crate::model::document;
use crate::model::reader::{Field, Findings, Mapping};
use crate::model::{Finding, Region};

const ROOT_KEYS: &[&str] = &["version", "currency", "region", "priced_on", "prices"];
const PRICE_KEYS: &[&str] = &["amount", "per", "unit", "source"];
const CHARGE_KEYS: &[&str] = &[
    "secret",
    "secret_call",
    "function_request",
    "function_time_x86_64",
    "function_time_arm64",
    "kms_key",
    "kms_request",
    "alarm",
    "metric",
    "log_written",
    "log_kept",
    "object_kept",
];

/// A charge of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// A secret, per month.
    Secret,
    /// A call of Secrets Manager.
    SecretCall,
    /// An invocation of the function.
    FunctionRequest,
    /// A second of a GB on x86_64.
    FunctionTimeX86,
    /// A second of a GB on arm64.
    FunctionTimeArm,
    /// A customer managed key, per month.
    KmsKey,
    /// A request to KMS.
    KmsRequest,
    /// An alarm, per month.
    Alarm,
    /// A custom metric, per month.
    Metric,
    /// A GB of logs ingested.
    LogWritten,
    /// A GB of logs stored, per month.
    LogKept,
    /// A GB stored in S3, per month.
    ObjectKept,
}

impl Charge {
    /// All charges, in the order of their keys.
    pub(super) const ALL: [Self; 12] = [
        Self::Secret,
        Self::SecretCall,
        Self::FunctionRequest,
        Self::FunctionTimeX86,
        Self::FunctionTimeArm,
        Self::KmsKey,
        Self::KmsRequest,
        Self::Alarm,
        Self::Metric,
        Self::LogWritten,
        Self::LogKept,
        Self::ObjectKept,
    ];

    /// Returns its key in a price list.
    pub fn key(self) -> &'static str {
        CHARGE_KEYS[self as usize]
    }

    /// Returns the unit that it is counted in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::SecretCall => "call",
            Self::FunctionRequest | Self::KmsRequest => "request",
            Self::FunctionTimeX86 | Self::FunctionTimeArm => "GB-second",
            Self::KmsKey => "key",
            Self::Alarm => "alarm",
            Self::Metric => "metric",
            Self::LogWritten | Self::LogKept | Self::ObjectKept => "GB",
        }
    }
}

/// An amount for a number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The amount.
    pub amount: Decimal,
    /// The number of units: a power of ten.
    pub per: u64,
}

impl Price {
    /// Returns the price of one unit.
    pub fn of_one(self) -> Decimal {
        self.amount / Decimal::from(self.per)
    }
}

/// A price list.
#[derive(Clone, Debug)]
pub struct Prices {
    /// The currency, such as `USD`.
    pub currency: String,
    /// The Region that the prices apply to.
    pub region: Region,
    /// The date when they were looked up, such as `2026-03-14`.
    pub priced_on: String,
    each: [Price; 12],
}

impl Prices {
    /// The built-in price list.
    pub const BUILT_IN: &'static str = include_str!("prices.yaml");

    /// Returns the built-in price list.
    ///
    /// # Panics
    ///
    /// Never: the list is part of the program, and a test parses it.
    #[expect(clippy::expect_used, reason = "a test reads the list")]
    pub fn built_in() -> Self {
        Self::parse(Self::BUILT_IN).expect("the built-in list is sound")
    }

    /// Returns the price of a charge.
    pub fn of(&self, charge: Charge) -> Price {
        self.each[charge as usize]
    }

    /// Parses a price list in YAML or JSON.
    ///
    /// # Errors
    ///
    /// Returns all faults of the list. A missing price is an error, because it would otherwise
    /// count as zero.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let root = document::parse(text).map_err(|finding| vec![finding])?;
        let findings = Findings::default();
        let prices = Field::root(&root, &findings)
            .mapping(ROOT_KEYS)
            .and_then(|root| read(&root));
        let found = findings.into_sorted();
        prices.filter(|_| found.is_empty()).ok_or(found)
    }
}

fn read(root: &Mapping<'_>) -> Option<Prices> {
    let text = |key: &str, parse: fn(&str) -> Result<String, String>| {
        let field = root.require(key)?;
        field.parse("invalid-value", parse)
    };
    let version = text("version", |text| match text {
        "1" => Ok(text.to_owned()),
        _ => Err(format!(
            "version `{}` is not known; this is version 1",
            text.escape_debug()
        )),
    });
    let currency = text("currency", parse_currency);
    let priced_on = text("priced_on", parse_day);
    let region = root
        .require("region")
        .and_then(|field| field.parse("invalid-name", Region::parse));
    let prices = root.require("prices")?.mapping(CHARGE_KEYS)?;
    let each = Charge::ALL.map(|charge| read_price(&prices, charge));
    version?;
    Some(Prices {
        currency: currency?,
        region: region?,
        priced_on: priced_on?,
        each: all(each)?,
    })
}

fn all<const N: usize>(each: [Option<Price>; N]) -> Option<[Price; N]> {
    let prices: Option<Vec<Price>> = each.into_iter().collect();
    prices?.try_into().ok()
}

fn read_price(prices: &Mapping<'_>, charge: Charge) -> Option<Price> {
    let price = prices.require(charge.key())?.mapping(PRICE_KEYS)?;
    let amount = price
        .require("amount")
        .and_then(|field| field.parse("invalid-number", amount::parse));
    let per = price
        .require("per")
        .and_then(|field| field.parse("invalid-number", parse_per));
    let unit = price.require("unit").and_then(|field| {
        field.parse("invalid-value", |text| match text == charge.unit() {
            true => Ok(()),
            false => Err(format!(
                "it is counted in `{}`, not `{}`",
                charge.unit(),
                text.escape_debug()
            )),
        })
    });
    let source = price.require("source").and_then(|field| field.text());
    unit.and(source)?;
    Some(Price {
        amount: amount?,
        per: per?,
    })
}

fn parse_per(text: &str) -> Result<u64, String> {
    let powers = (0..=9).map(|power| 10u64.pow(power));
    let mut found = powers.filter(|power| power.to_string() == text);
    found.next().ok_or_else(|| {
        format!(
            "`{}` is none of 1, 10, 100 … 1000000000",
            text.escape_debug()
        )
    })
}

fn parse_currency(text: &str) -> Result<String, String> {
    match text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{}` is not a currency such as USD",
            text.escape_debug()
        )),
    }
}

fn parse_day(text: &str) -> Result<String, String> {
    let day: Option<jiff::civil::Date> = text.parse().ok();
    match day {
        Some(day) if day.to_string() == text => Ok(text.to_owned()),
        _ => Err(format!(
            "`{}` is not a day such as 2026-03-14",
            text.escape_debug()
        )),
    }
}
