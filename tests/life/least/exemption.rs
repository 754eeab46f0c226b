//! Actions that no command is observed to need on the local AWS.

/// An action that is granted anyway.
pub struct Exemption {
    /// The prefix of the command's Sids.
    pub part: &'static str,
    pub action: &'static str,
    /// Its purpose, with the page of AWS's documentation.
    pub reason: &'static str,
}

const EVENTS: &str = "only the reason why a change set failed is read with it \
                      (API_DescribeEvents), and no change set of these scenarios fails";

const EXCUSES: &[Exemption] = &[
    Exemption {
        part: "Bootstrap",
        action: "cloudformation:DeleteStack",
        reason: "a change set that CloudFormation fails to compute for a new stack leaves an \
                 empty one in REVIEW_IN_PROGRESS (API_CreateChangeSet); the local AWS computes \
                 every one",
    },
    Exemption {
        part: "Bootstrap",
        action: "cloudformation:DescribeEvents",
        reason: EVENTS,
    },
    Exemption {
        part: "RespondToLeak",
        action: "kms:DescribeKey",
        reason: "the KMS key is looked up with the entry, and a denied look-up does not stop the \
                 response",
    },
    Exemption {
        part: "RespondToLeak",
        action: "kms:Encrypt",
        reason: "Secrets Manager encrypts a replica that has a key of its own with it \
                 (API_ReplicateSecretToRegions); without it, the replica fails, which `doctor` \
                 reports, and not the command",
    },
    Exemption {
        part: "Plan",
        action: "cloudformation:DescribeEvents",
        reason: EVENTS,
    },
    Exemption {
        part: "Plan",
        action: "s3:GetObject",
        reason: "a version of an object is read with s3:GetObjectVersion alone (API_GetObject), \
                 and so does the local CloudFormation; that AWS's asks for no more is not \
                 documented",
    },
];

/// Returns the exemptions of a command.
pub fn excuses(part: &str) -> impl Iterator<Item = &'static Exemption> {
    EXCUSES.iter().filter(move |excuse| excuse.part == part)
}
