//! A rotation as Secrets Manager drives it: four steps, retried after a failure, and another rotation
//! if the retries do not help.

use std::collections::BTreeMap;
use std::time::Duration;

use keyrota_contract::label::CURRENT;
use keyrota_contract::pins::service::{Entry, Password};
use keyrota_contract::pins::{Document, VERSION};
use keyrota_function_base::arn::SecretArn;
use keyrota_function_base::clock::Deadline;
use keyrota_function_base::log::NoDetails;
use keyrota_function_base::metric::Metric;
use keyrota_function_base::port;
use keyrota_service_function::error::Error;
use keyrota_service_function::event::Event;
use keyrota_service_function::log::Note;
use keyrota_service_function::pin::Pins;
use keyrota_service_function::port::{Journal, Ports};
use keyrota_service_function::step;
use secrecy::SecretString;
use serde_json::json;

use super::Search;
use super::fault::Planned;
use super::service::FaultyService;
use crate::secret::{ARN, NAME, Secret};
use crate::subject::Subject;

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// The versions of two rotations.
const TOKENS: [&str; 2] = [
    "adapter-test-first-00000000000000000",
    "adapter-test-second-0000000000000000",
];
/// How often Secrets Manager tries a rotation, at least.
const TRIES: usize = 3;

/// What a rotation came to.
pub struct Ended {
    /// How many requests the adapter got.
    pub requests: usize,
    /// The password that the user has, or its previous one if no login showed which.
    pub password: SecretString,
    /// Whether a login showed which password the user has.
    pub is_known: bool,
    /// The passwords that were generated.
    pub used: Vec<SecretString>,
    /// How the password that the service has was lost, if it was.
    pub lost: Option<String>,
    /// Why the rotation did not end with a password that works, if it did not.
    pub stuck: Option<String>,
}

/// A rotation that is about to begin.
pub(super) struct Scene<'search, S> {
    pub(super) search: &'search Search<'search, S>,
    pub(super) planned: Option<Planned>,
}

/// How a step ended.
enum StepEnd {
    Done,
    Failed(String),
    Died,
}

impl<S: Subject> Scene<'_, S> {
    /// Rotates from a password.
    pub(super) async fn rotate(&self, password: &SecretString) -> Ended {
        let secret = Secret::new(&self.search.user.username, password);
        let service = FaultyService::new(self.search, self.planned);
        let mut ended = Ended {
            requests: 0,
            password: password.clone(),
            is_known: false,
            used: Vec::new(),
            lost: None,
            stuck: None,
        };
        let mut last = "the pins could not be made".to_owned();
        let mut done = false;
        if let Some(pins) = self.pins() {
            let ports = TestPorts {
                secret: &secret,
                service: &service,
                pins: &pins,
                quiet: Quiet,
            };
            'rotations: for token in TOKENS {
                secret.begin(token);
                for _ in 0..TRIES {
                    match self.attempt(&ports, token, &mut ended.lost).await {
                        Ok(()) => {
                            secret.end();
                            done = true;
                            break 'rotations;
                        }
                        Err(why) => last = why,
                    }
                }
            }
        }
        if let Some(mock) = self.search.mock {
            mock.release();
        }
        ended.requests = service.requests();
        ended.used = secret.generated();
        self.look(&secret, &mut ended).await;
        if !done {
            let asked = service.asked().join(", ");
            ended.stuck = Some(format!(
                "the rotation fails even when it is retried ({asked}): {last}"
            ));
        }
        ended
    }

    /// Runs the four steps once.
    async fn attempt(
        &self,
        ports: &TestPorts<'_, S>,
        token: &str,
        lost: &mut Option<String>,
    ) -> Result<(), String> {
        for step in STEPS {
            let ended = self.step(ports, token, step).await;
            self.look_for_loss(ports.secret, step, lost);
            match ended {
                StepEnd::Done => {}
                StepEnd::Failed(why) => return Err(why),
                StepEnd::Died => return Err(format!("the function died in {step}")),
            }
        }
        Ok(())
    }

    async fn step(&self, ports: &TestPorts<'_, S>, token: &str, step: &str) -> StepEnd {
        let event = json!({ "Step": step, "SecretId": ARN, "ClientRequestToken": token });
        let event = match Event::parse(&event) {
            Ok(event) => event,
            Err(error) => return StepEnd::Failed(error.to_string()),
        };
        let deadline = Deadline { at: Duration::MAX };
        tokio::select! {
            ended = step::run(ports, &event, deadline) => match ended {
                Ok(()) => StepEnd::Done,
                Err(error) => StepEnd::Failed(error.to_string()),
            },
            () = ports.service.death() => StepEnd::Died,
        }
    }

    /// Looks for a password of the service that no labelled version has.
    fn look_for_loss(&self, secret: &Secret, step: &str, lost: &mut Option<String>) {
        let Some(mock) = self.search.mock else { return };
        let kept = secret.labelled_passwords();
        if !kept.iter().any(|password| mock.accepts(password)) {
            lost.get_or_insert(format!(
                "after {step}, no version with a label has the password of the service"
            ));
        }
    }

    /// Finds out which password the user has, and whether it is AWSCURRENT's.
    async fn look(&self, secret: &Secret, ended: &mut Ended) {
        let Search { subject, user, .. } = self.search;
        if let Some(current) = secret.password(CURRENT) {
            match user.authenticate(*subject, &current).await {
                Ok(()) => {
                    ended.password = current;
                    ended.is_known = true;
                    return;
                }
                Err(error) => {
                    ended.stuck = Some(format!("AWSCURRENT's password does not work: {error}"));
                }
            }
        }
        for password in secret.labelled_passwords() {
            if user.authenticate(*subject, &password).await.is_ok() {
                ended.password = password;
                ended.is_known = true;
                return;
            }
        }
    }

    fn pins(&self) -> Option<Pins> {
        let Search {
            user,
            adapter,
            rule,
            ..
        } = self.search;
        let entry = Entry {
            username: user.username.clone(),
            adapter: (*adapter).clone(),
            settings: user.settings.clone(),
            password: Password {
                length: rule.length,
                exclude: rule.exclude.clone(),
                require: rule.require.clone(),
            },
            propagation: None,
            fields: Default::default(),
        };
        let document = Document {
            version: VERSION,
            secrets: BTreeMap::from([(NAME.to_owned(), entry)]),
        };
        Pins::parse(&serde_json::to_vec(&document).ok()?).ok()
    }
}

/// The dependencies of the steps.
struct TestPorts<'test, S> {
    secret: &'test Secret,
    service: &'test FaultyService<'test, S>,
    pins: &'test Pins,
    quiet: Quiet,
}

impl<S: Subject> port::Ports for TestPorts<'_, S> {
    type SecretsManager = Secret;
    type Clock = Secret;
    type Journal = Quiet;

    fn secrets_manager(&self) -> &Secret {
        self.secret
    }

    fn clock(&self) -> &Secret {
        self.secret
    }

    fn journal(&self) -> &Quiet {
        &self.quiet
    }
}

impl<'test, S: Subject> Ports for TestPorts<'test, S> {
    type Service = FaultyService<'test, S>;

    fn service(&self) -> &Self::Service {
        self.service
    }

    fn pins(&self) -> &Pins {
        self.pins
    }
}

/// A log that keeps nothing.
struct Quiet;

impl Journal for Quiet {
    type Details = NoDetails;
    type Error = Error;

    fn note(&self, _: Note) {}

    fn trouble(&self, _: &SecretArn, _: &Error) {}

    fn measure(&self, _: &[Metric]) {}
}
