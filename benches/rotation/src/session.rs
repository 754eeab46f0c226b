//! A function's process with everything around it: the host that hands it
//! events, and the account that it rotates in.

use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::error::Error;
use crate::host::{Host, HostMessage, IdleRequest};
use crate::lambda;
use crate::limit::Limit;
use crate::process::Process;
use crate::scene::RunContext;
use crate::stub::Stub;
use crate::stub::account::SECRET_ARN;
use crate::stub::calls::Call;
use crate::subject_function::SubjectFunction;

/// The steps, in the order in which Secrets Manager asks for them.
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// How long to wait for a process that says nothing.
const PATIENCE: Duration = Duration::from_secs(90);

/// A rotation that took place.
pub struct Rotation {
    /// When the first step's event was handed over.
    pub began: Instant,
    /// When the last step was done.
    pub ended: Instant,
    pub steps: Vec<Step>,
}

/// A step that was done.
pub struct Step {
    pub began: Instant,
    pub ended: Instant,
    pub calls: Vec<Call>,
}

/// A process, its host and its account.
pub struct Session<'run> {
    subject_function: &'static str,
    scene: &'run RunContext<'run>,
    host: Host,
    stub: Stub,
    process: Process,
    idle: Option<IdleRequest>,
    requests: u64,
}

impl<'run> Session<'run> {
    /// Has a process wait for its start.
    ///
    /// # Errors
    ///
    /// Returns what could not be started.
    pub async fn prepare(
        subject_function: &SubjectFunction,
        scene: &'run RunContext<'run>,
        delay: Duration,
        limit: Option<&Limit>,
    ) -> Result<Self, Error> {
        let host = Host::start().await?;
        let stub = Stub::start(scene.authority, scene.account()?, delay).await?;
        let root = &subject_function.task_root;
        let address = host.address();
        let handler = scene.handler(subject_function);
        let environment = lambda::environment(&address, root, &handler, scene.authority, &stub);
        Ok(Self {
            subject_function: subject_function.name,
            scene,
            host,
            stub,
            process: Process::prepare(subject_function, &environment, limit).await?,
            idle: None,
            requests: 0,
        })
    }

    /// Starts the process, and returns when that was and when it asked for work.
    ///
    /// # Errors
    ///
    /// Returns what it did instead.
    pub async fn start(&mut self) -> Result<(Instant, Instant), Error> {
        let started = self.process.start().await?;
        let idle = self.next().await?;
        let asked = idle.at;
        self.idle = Some(idle);
        Ok((started, asked))
    }

    /// Has the process rotate the secret. `with_room` says that the user has one
    /// key only, so that none has to be removed.
    ///
    /// # Errors
    ///
    /// Returns what it did instead.
    pub async fn rotate(&mut self, with_room: bool) -> Result<Rotation, Error> {
        let token = {
            let mut account = self.stub.account();
            if with_room {
                account.retire_previous_key();
            }
            account.begin_rotation()
        };
        let mut steps = Vec::new();
        for step in STEPS {
            let event = json!({
                "Step": step,
                "SecretId": SECRET_ARN,
                "ClientRequestToken": token,
            });
            steps.push(self.step(event.to_string()).await?);
        }
        let rotated = self.stub.account().end_rotation(&token);
        let Some(credential) = rotated else {
            return Err(self.misbehaved("the secret was not rotated".to_owned()));
        };
        if let Err(why) = self.scene.takes(&credential).await {
            return Err(self.misbehaved(format!("the server refuses AWSCURRENT: {why}")));
        }
        match steps.as_slice() {
            [first, .., last] => Ok(Rotation {
                began: first.began,
                ended: last.ended,
                steps,
            }),
            _ => unreachable!("there are four steps"),
        }
    }

    /// Returns the process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Ends the process, and says whether its limit ever held it back, where it
    /// has one.
    pub async fn end(self) -> Option<bool> {
        self.process.end().await
    }

    async fn step(&mut self, event: String) -> Result<Step, Error> {
        let idle = match self.idle.take() {
            Some(idle) => idle,
            None => self.next().await?,
        };
        self.requests += 1;
        let given = format!("6b1f0c52-0000-4000-9000-{:012x}", self.requests);
        let began = idle.give(given.clone(), event);
        let ended = match self.next_message().await? {
            HostMessage::Done { at, request_id } if request_id == given => at,
            HostMessage::Done { .. } => {
                return Err(self.misbehaved("it answered another request".to_owned()));
            }
            HostMessage::IdleRequest(_) => {
                return Err(self.misbehaved("it asked for more work unanswered".to_owned()));
            }
            HostMessage::Failed(told) => return Err(self.misbehaved(told)),
        };
        Ok(Step {
            began,
            ended,
            calls: self.stub.take_calls(),
        })
    }

    /// Waits until the process asks for work.
    async fn next(&mut self) -> Result<IdleRequest, Error> {
        match self.next_message().await? {
            HostMessage::IdleRequest(idle) => Ok(idle),
            HostMessage::Done { .. } => Err(self.misbehaved("it answered twice".to_owned())),
            HostMessage::Failed(told) => Err(self.misbehaved(told)),
        }
    }

    async fn next_message(&mut self) -> Result<HostMessage, Error> {
        let heard = tokio::select! {
            heard = patiently(self.host.listen()) => heard.ok_or_else(|| {
                format!("it said nothing for {} s", PATIENCE.as_secs())
            }),
            how = self.process.ended() => Err(how),
        };
        heard.map_err(|what| self.misbehaved(what))
    }

    fn misbehaved(&self, what: String) -> Error {
        Error::Misbehaved {
            subject_function: self.subject_function,
            what,
            log: self.process.log(),
        }
    }
}

async fn patiently<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, future).await.ok()
}
