//! The progress of a command, as typed events. The engine emits them, and `view` shows
//! them. Nothing below `view` prints.

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stage begins, such as "checking the account".
    Stage(Stage),
    /// A line of a tool's output, shown during the stage.
    Output(String),
    /// A CloudFormation stack event.
    Resource {
        /// The resource's logical ID.
        logical_id: String,
        /// Its type, such as `AWS::Lambda::Function`.
        kind: String,
        /// Such as `CREATE_COMPLETE`.
        status: String,
        /// The reason, if CloudFormation reports one.
        reason: Option<String>,
    },
    /// The credential in the secret with this name has authenticated.
    Verified(String),
    /// Something was done, in a sentence.
    Done(String),
    /// A warning, in a sentence.
    Warning(String),
}

/// A stage of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Checking the account before anything changes.
    Checking,
    /// Building a function for an architecture.
    Building {
        /// The name of the function.
        function: &'static str,
        /// The architecture.
        architecture: &'static str,
    },
    /// Creating the sandbox's virtual environment, the first time.
    PreparingSandbox,
    /// Starting the local AWS.
    StartingSandbox,
    /// Uploading the function's code.
    Uploading,
    /// Computing a change set.
    Comparing,
    /// Comparing what exists with what was deployed.
    DetectingDrift,
    /// Restoring what differs from what was deployed.
    RevertingDrift,
    /// Importing what exists already into the stack.
    Importing,
    /// Executing a change set, or deleting a stack.
    Deploying,
    /// Waiting until Lambda has deleted the network interfaces of a function that is being
    /// deleted.
    DeletingInterfaces,
    /// Storing the first credentials.
    Seeding,
    /// Rotating the secret with this name.
    Rotating(String),
    /// Verifying the credential in the secret with this name.
    Verifying(String),
    /// Rehearsing the next rotation of the secret with this name.
    Rehearsing(String),
    /// Waiting until IAM lists the key in the secret with this name.
    AwaitingKey(String),
    /// Deleting resources.
    Removing,
    /// Looking at these parts of the account.
    Surveying(String),
}

/// Receives events.
pub trait Listener {
    /// Handles an event.
    fn on(&self, event: Event);
}
