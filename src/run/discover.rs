//! Lists users whose keys could be rotated. It changes nothing.

use futures_util::future::try_join_all;

use crate::plan::Candidate;
use crate::port::{Cloud, Optional, Result};

/// The number of users whose keys are listed if all users are listed, with one call each.
const LOOKED_AT: usize = 50;
/// The number of concurrent calls.
const TOGETHER: usize = 10;

/// Returns the account's users, the first of them with their keys.
///
/// # Errors
///
/// Returns the call that was refused: `iam:ListUsers` or `iam:ListAccessKeys`.
pub async fn discover(cloud: &dyn Cloud) -> Result<Vec<Candidate>> {
    let mut users = cloud.users().await?;
    users.sort_by(|one, other| one.name().cmp(other.name()));
    let mut candidates: Vec<Candidate> = users
        .iter()
        .map(|user| Candidate {
            name: user.name().to_owned(),
            path: Some(user.path.clone()),
            keys: None,
        })
        .collect();
    let looked_at = candidates.len().min(LOOKED_AT);
    for some in candidates[..looked_at].chunks_mut(TOGETHER) {
        let keys = try_join_all(some.iter().map(|one| cloud.keys(&one.name))).await?;
        for (one, keys) in some.iter_mut().zip(keys) {
            one.keys = Some(keys);
        }
    }
    Ok(candidates)
}

/// Returns one user with its keys, or that it does not exist.
///
/// # Errors
///
/// Returns the call that was refused: `iam:GetUser` or `iam:ListAccessKeys`.
pub async fn look_up(cloud: &dyn Cloud, user: &str) -> Result<Candidate> {
    let found = cloud.user(user).await?;
    let keys = match &found {
        Some(_) => cloud.keys(user).await.optional()?,
        None => None,
    };
    Ok(Candidate {
        name: user.to_owned(),
        path: found.map(|found| found.path),
        keys,
    })
}
