//! Subnets and security groups: two requests of EC2's Query API. EC2's own client takes minutes to
//! build.
//!
//! Sources: "Query requests for Amazon EC2", `DescribeSubnets`, `DescribeSecurityGroups`, and
//! "Error codes" in the EC2 API reference.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

use super::Aws;
use super::request::{SignedRequest, send};
use crate::port::{NetworkPart, Networks, Result};

/// The version of the API that the SDKs send.
const VERSION: &str = "2016-11-15";

/// What is described. With a filter, EC2 leaves out what does not exist. With IDs, it would
/// refuse the request.
#[derive(Clone, Copy, Debug)]
struct Description {
    call: &'static str,
    action: &'static str,
    filter: &'static str,
    /// The element with the list.
    list: &'static str,
    /// The element with an item's ID.
    id: &'static str,
}

const SUBNETS: Description = Description {
    call: "ec2:DescribeSubnets",
    action: "DescribeSubnets",
    filter: "subnet-id",
    list: "subnetSet",
    id: "subnetId",
};

const SECURITY_GROUPS: Description = Description {
    call: "ec2:DescribeSecurityGroups",
    action: "DescribeSecurityGroups",
    filter: "group-id",
    list: "securityGroupInfo",
    id: "groupId",
};

#[async_trait(?Send)]
impl Networks for Aws {
    async fn subnets(&self, ids: &[String]) -> Result<Vec<NetworkPart>> {
        describe(&self.config, SUBNETS, ids).await
    }

    async fn security_groups(&self, ids: &[String]) -> Result<Vec<NetworkPart>> {
        describe(&self.config, SECURITY_GROUPS, ids).await
    }
}

async fn describe(
    config: &SdkConfig,
    description: Description,
    ids: &[String],
) -> Result<Vec<NetworkPart>> {
    let request = SignedRequest {
        call: description.call,
        service: "ec2",
        operation: description.action,
        headers: vec![("content-type", "application/x-www-form-urlencoded")],
        body: body(description, ids),
    };
    let mut found = send(config, request, move |response| {
        parts(response, description)
    })
    .await?;
    // Only what was asked for: a local AWS may not know the filter.
    found.retain(|part| ids.contains(&part.id));
    Ok(found)
}

/// Returns the form of a request. No ID has a character that would have to be escaped, since the
/// manifest's are checked.
fn body(description: Description, ids: &[String]) -> String {
    let Description { action, filter, .. } = description;
    let mut body = format!("Action={action}&Version={VERSION}&Filter.1.Name={filter}");
    for (index, id) in ids.iter().enumerate() {
        body.push_str(&format!("&Filter.1.Value.{}={id}", index + 1));
    }
    body
}

fn parts(
    response: &HttpResponse,
    description: Description,
) -> std::result::Result<Vec<NetworkPart>, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(refusal(body)));
    }
    read(body, description).map_err(|error| OrchestratorError::other(BoxError::from(error)))
}

/// Parses `<subnetSet><item><subnetId>…</subnetId><vpcId>…</vpcId>…</item>…</subnetSet>`.
fn read(
    body: &[u8],
    description: Description,
) -> std::result::Result<Vec<NetworkPart>, aws_smithy_xml::decode::XmlDecodeError> {
    let mut document = Document::try_from(body)?;
    let mut root = document.root_element()?;
    let mut found = Vec::new();
    while let Some(mut list) = root.next_tag() {
        if !list.start_el().matches(description.list) {
            continue;
        }
        while let Some(mut item) = list.next_tag() {
            let (mut id, mut vpc) = (String::new(), String::new());
            while let Some(mut field) = item.next_tag() {
                // Only these hold text, and not further elements.
                if field.start_el().matches(description.id) {
                    id = try_data(&mut field)?.into_owned();
                } else if field.start_el().matches("vpcId") {
                    vpc = try_data(&mut field)?.into_owned();
                }
            }
            found.push(NetworkPart { id, vpc });
        }
    }
    Ok(found)
}

/// Parses `<Response><Errors><Error><Code>…</Code><Message>…</Message></Error></Errors>…`.
fn refusal(body: &[u8]) -> ErrorMetadata {
    let mut refusal = ErrorMetadata::builder();
    if let Ok(mut document) = Document::try_from(body)
        && let Ok(mut root) = document.root_element()
    {
        let mut texts = Vec::new();
        collect(&mut root, &mut texts);
        for (name, text) in texts {
            refusal = match name.as_str() {
                "Code" => refusal.code(text),
                _ => refusal.message(text),
            };
        }
    }
    refusal.build()
}

/// Collects the texts of the elements `Code` and `Message`, at any depth.
fn collect(element: &mut ScopedDecoder<'_, '_>, texts: &mut Vec<(String, String)>) {
    while let Some(mut inner) = element.next_tag() {
        let name = inner.start_el().local().to_owned();
        match name.as_str() {
            "Code" | "Message" => {
                let Ok(text) = try_data(&mut inner) else {
                    return;
                };
                texts.push((name, text.into_owned()));
            }
            _ => collect(&mut inner, texts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_with_a_filter() {
        let ids = ["sg-1".to_owned(), "sg-2".to_owned()];
        assert_eq!(
            body(SECURITY_GROUPS, &ids),
            "Action=DescribeSecurityGroups&Version=2016-11-15&Filter.1.Name=group-id&Filter.1.Value.1=sg-1&Filter.1.Value.2=sg-2"
        );
    }

    #[test]
    fn reads_the_items_and_nothing_inside_them() {
        let body = b"<DescribeSecurityGroupsResponse><requestId>1</requestId><securityGroupInfo>\
            <item><ownerId>1</ownerId><groupId>sg-1</groupId><ipPermissions><item><groups><item>\
            <groupId>sg-9</groupId><vpcId>vpc-9</vpcId></item></groups></item></ipPermissions>\
            <vpcId>vpc-1</vpcId></item><item><groupId>sg-2</groupId><vpcId>vpc-2</vpcId></item>\
            </securityGroupInfo></DescribeSecurityGroupsResponse>";
        let part = |id: &str, vpc: &str| NetworkPart {
            id: id.to_owned(),
            vpc: vpc.to_owned(),
        };
        assert_eq!(
            read(body, SECURITY_GROUPS).unwrap(),
            [part("sg-1", "vpc-1"), part("sg-2", "vpc-2")]
        );
        assert!(read(b"<cut", SUBNETS).is_err());
    }

    #[test]
    fn reads_a_refusal_by_its_code() {
        let refused = refusal(
            b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>No.</Message></Error></Errors><RequestID>1</RequestID></Response>",
        );
        assert_eq!(refused.code(), Some("UnauthorizedOperation"));
        assert_eq!(refused.message(), Some("No."));
        assert_eq!(refusal(b"not XML").code(), None);
    }
}
