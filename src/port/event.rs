//! What happens while a command runs, told as typed events. The engine emits
//! them, `view` draws them; nothing below `view` prints.

/// One thing that happened or begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stage of the work begins, such as "checking the account".
    Stage(Stage),
    /// A line from a tool that was started, shown while the stage lasts.
    Output(String),
    /// A CloudFormation stack event.
    Resource {
        /// The resource's logical ID.
        logical_id: String,
        /// Its type, such as `AWS::Lambda::Function`.
        kind: String,
        /// Such as `CREATE_COMPLETE`.
        status: String,
        /// Why, where CloudFormation says so.
        reason: Option<String>,
    },
    /// Something was done that the reader may want to know, in a sentence.
    Done(String),
    /// Something the reader ought to look at, in a sentence.
    Warning(String),
}

/// A stage of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking at the account before anything changes.
    Checking,
    /// Building a function for an architecture.
    Building {
        /// What to call the function.
        function: &'static str,
        /// The architecture.
        architecture: &'static str,
    },
    /// Making the sandbox's virtual environment, once.
    PreparingSandbox,
    /// Starting the local AWS.
    StartingSandbox,
    /// Uploading the function's code.
    Uploading,
    /// Computing a change set.
    Comparing,
    /// Executing a change set, or deleting a stack.
    Deploying,
    /// Storing first keys.
    Seeding,
    /// Rotating a secret, named.
    Rotating(String),
    /// Proving that a new key works, of the secret named.
    Verifying(String),
    /// Taking things down.
    Removing,
}

/// Hears of events.
pub trait Listener {
    /// Is told of one.
    fn on(&self, event: Event);
}
