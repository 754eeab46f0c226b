//! The query protocol of IAM and STS, forms that are answered with XML: the actions that
//! rotation functions call.
//!
//! IAM's eventual consistency is left out: a key works immediately, for both sides.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::account::{Account, NUMBER, ROLE_KEY};
use super::refusal::Refusal;
use super::user::{Key, User};

/// The fields of a form.
pub type Form = BTreeMap<String, String>;

/// Answers a call that was signed with the access key `signer`, and returns the body of the
/// result element.
///
/// # Errors
///
/// Refuses what the service would refuse.
pub fn answer(
    account: &mut Account,
    signer: &str,
    action: &str,
    form: &Form,
) -> Result<String, Refusal> {
    if signer != ROLE_KEY && !account.user.signs(signer) {
        let message = "The security token included in the request is invalid";
        return Err(Refusal::new("InvalidClientTokenId", message));
    }
    let user = &mut account.user;
    match action {
        "GetCallerIdentity" => Ok(identity(signer, user)),
        "GetAccessKeyLastUsed" => last_used(user, form),
        // The caller uses only whether it fails, not the content.
        "GetAccountAuthorizationDetails" => Ok("<UserDetailList/><GroupDetailList/>\
             <RoleDetailList/><Policies/><IsTruncated>false</IsTruncated>"
            .to_owned()),
        _ => {
            let named = form.get("UserName").map(String::as_str);
            if named != Some(user.name.as_str()) {
                return Err(Refusal::new("NoSuchEntity", "there is no such user"));
            }
            of_the_user(user, action, form)
        }
    }
}

fn of_the_user(user: &mut User, action: &str, form: &Form) -> Result<String, Refusal> {
    let id = || {
        form.get("AccessKeyId")
            .map(String::as_str)
            .ok_or_else(|| Refusal::new("ValidationError", "AccessKeyId"))
    };
    match action {
        "ListAccessKeys" => Ok(list(user)),
        "CreateAccessKey" => {
            let key = user.create()?;
            let secret = format!("<SecretAccessKey>{}</SecretAccessKey>", key.secret);
            let metadata = metadata(&user.name, &key);
            Ok(format!("<AccessKey>{metadata}{secret}</AccessKey>"))
        }
        "UpdateAccessKey" => {
            let active = form.get("Status").map(String::as_str) == Some("Active");
            user.set_active(id()?, active).map(|()| String::new())
        }
        "DeleteAccessKey" => user.delete(id()?).map(|()| String::new()),
        "ListUserTags" => Ok(tags(user)),
        "TagUser" => {
            // The function sets one tag at a time.
            let field = |name: &str| form.get(&format!("Tags.member.1.{name}"));
            if let (Some(key), Some(value)) = (field("Key"), field("Value")) {
                user.tag(key, value);
            }
            Ok(String::new())
        }
        "UntagUser" => {
            if let Some(key) = form.get("TagKeys.member.1") {
                user.untag(key);
            }
            Ok(String::new())
        }
        _ => Err(Refusal::new("InvalidAction", action)),
    }
}

fn tags(user: &User) -> String {
    let mut text = "<Tags>".to_owned();
    for (key, value) in user.tags() {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "<member><Key>{key}</Key><Value>{value}</Value></member>"
        );
    }
    text + "</Tags><IsTruncated>false</IsTruncated>"
}

fn list(user: &User) -> String {
    let mut text = format!("<UserName>{}</UserName><AccessKeyMetadata>", user.name);
    for key in user.keys() {
        // Writing to a string does not fail.
        let _ = write!(text, "<member>{}</member>", metadata(&user.name, key));
    }
    text + "</AccessKeyMetadata><IsTruncated>false</IsTruncated>"
}

fn metadata(user: &str, key: &Key) -> String {
    let status = if key.active { "Active" } else { "Inactive" };
    format!(
        "<UserName>{user}</UserName><AccessKeyId>{}</AccessKeyId><Status>{status}</Status>\
         <CreateDate>{}</CreateDate>",
        key.id,
        key.created.text()
    )
}

fn identity(signer: &str, user: &User) -> String {
    let (arn, id) = if signer == ROLE_KEY {
        let role = format!("arn:aws:sts::{NUMBER}:assumed-role/keyrota/rotation");
        (role, "AROAFUNCTIONROLE0000:rotation")
    } else {
        let user = format!("arn:aws:iam::{NUMBER}:user/{}", user.name);
        (user, "AIDAUSER000000000000")
    };
    format!("<Arn>{arn}</Arn><UserId>{id}</UserId><Account>{NUMBER}</Account>")
}

fn last_used(user: &User, form: &Form) -> Result<String, Refusal> {
    let key = form
        .get("AccessKeyId")
        .and_then(|id| user.keys().iter().find(|key| key.id == *id))
        .ok_or_else(|| Refusal::new("AccessDenied", "there is no such key"))?;
    let used = if key.uses == 0 {
        "<ServiceName>N/A</ServiceName><Region>N/A</Region>".to_owned()
    } else {
        format!(
            "<LastUsedDate>{}</LastUsedDate><ServiceName>iam</ServiceName>\
             <Region>us-east-1</Region>",
            key.created.text()
        )
    };
    Ok(format!(
        "<UserName>{}</UserName><AccessKeyLastUsed>{used}</AccessKeyLastUsed>",
        user.name
    ))
}
