//! Actions that no command is seen to miss on the local AWS.

/// An action that is granted all the same.
pub struct Exemption {
    /// What the command's Sids begin with.
    pub part: &'static str,
    pub action: &'static str,
    /// What it is for, with AWS's page.
    pub reason: &'static str,
}

const EXCUSES: &[Exemption] = &[
    Exemption {
        part: "Bootstrap",
        action: "cloudformation:DeleteStack",
        reason: "a change set that CloudFormation fails to compute for a new stack leaves an \
                 empty one in REVIEW_IN_PROGRESS (API_CreateChangeSet); the local AWS computes \
                 every one",
    },
    Exemption {
        part: "Plan",
        action: "s3:GetObject",
        reason: "a version of an object is read with s3:GetObjectVersion alone (API_GetObject), \
                 and so does the local CloudFormation; that AWS's asks for no more is not \
                 documented",
    },
];

/// Returns the excuses of a command.
pub fn excuses(part: &str) -> impl Iterator<Item = &'static Exemption> {
    EXCUSES.iter().filter(move |excuse| excuse.part == part)
}
