//! The VPC configuration of the database function in the manifest.

use super::Network;
use crate::model::Finding;
use crate::model::fields::Fields;

/// Reads the manifest's `network`, which has both lists or neither.
pub(in crate::model) fn read(fields: &Fields<'_>) -> Network {
    let list = |key: &str, prefix: &str| {
        let Some(field) = fields.get(key) else {
            return Vec::new();
        };
        let mut ids: Vec<String> = Vec::new();
        for item in field.list().unwrap_or_default() {
            let id = item.parse("invalid-name", |text| check(text, prefix));
            ids.extend(id.filter(|id| !ids.contains(id)));
        }
        if let Some(most) = fields.most(key)
            && ids.len() > most
        {
            field.refuse(
                "invalid-value",
                format!(
                    "{} are specified, but Lambda accepts at most {most}",
                    ids.len()
                ),
            );
        }
        ids
    };
    let network = Network {
        subnets: list("subnets", "subnet-"),
        security_groups: list("security_groups", "sg-"),
    };
    let given = |key: &str| {
        let list = fields.get(key).and_then(|field| field.list());
        list.is_some_and(|items| !items.is_empty())
    };
    let (subnets, groups) = (given("subnets"), given("security_groups"));
    let missing = match (subnets, groups) {
        (true, false) => "security_groups",
        (false, true) => "subnets",
        _ => return network,
    };
    let message = format!("a function in a VPC requires both, but `{missing}` is empty");
    let path = fields.path(missing);
    fields
        .at()
        .report(Finding::error("contradiction", path, message));
    network
}

/// Checks an ID of EC2, which has 8 or 17 hexadecimal digits (`resource-ids`).
fn check(text: &str, prefix: &str) -> Result<String, String> {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match matches!(digits.len(), 8..=17) && digits.bytes().all(hexadecimal) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{}` is not an ID such as {prefix}0a1b2c3d4e5f67890",
            text.escape_debug()
        )),
    }
}
