//! The check, which changes nothing.
//!
//! With a version, it tests whether that version's password works, and whether it serves every
//! account of the user's name. The bootstrap requests it, because the server may be reachable only
//! from the function. Without one, it rehearses the next rotation: it makes the calls that read, logs
//! in as the user, as a client, and as the administrator, and asks the server when the user's password
//! expires and what limits its logins. The password that Secrets Manager makes for it is discarded. To
//! store a value, to move a label, and to change the password would change something, so these calls
//! are listed as untried.

pub use keyrota_function_base::check::CheckAnswer;

use keyrota_function_base::check::{Calls, CheckedCall, Signer, call, untried_on};
use keyrota_function_base::pin::is_served;
use keyrota_function_base::secret::Content as Held;
use keyrota_function_base::secrets_manager::CallError;

use crate::decide::{AccountsDecision, may_try_another};
use crate::error::Error;
use crate::event::Check;
use crate::pin::{Pin, Pins, RotateAs, names};
use crate::port::{Passwords, Ports, SecretsManager, VersionSelector};
use crate::secret::Content;
use crate::server::{Inspection, Login, PasswordExpiry, Server, ServerError, ServerFault};
use crate::stage::{CURRENT, VersionId};
use crate::step::{Administrator, accounts, administrator, advice, describe, find};

/// The name of the version in errors.
const VERSION: &str = "version";

/// Carries out a check.
///
/// # Errors
///
/// Fails if the secret is not pinned, or its value is not one for the pinned server. A call that is
/// refused is not an error, but a part of the answer, and so is an unreachable server.
pub async fn run<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    match &check.version {
        Some(version) => log_in(ports, check, version).await,
        None => rehearse(ports, check).await,
    }
}

/// Logs in as the pinned user with a version's password.
async fn log_in<P: Ports>(
    ports: &P,
    check: &Check,
    version: &VersionId,
) -> Result<CheckAnswer, Error> {
    let description = describe(ports, &check.secret).await?;
    let pin = Pin::read(ports.pins(), &check.secret, &description)?;
    let found = find(ports, &check.secret, VersionSelector::Version(version)).await?;
    pin.check_present(VERSION, &found.content)?;
    let Content::Complete(credential) = found.content else {
        return Err(Error::NothingToCheck {
            secret: pin.secret.name().to_owned(),
            username: pin.username,
        });
    };
    let pin = pin.of(&credential);
    let by = changes(&pin.rotate_as);
    let mut expected = vec![CheckedCall::untried(call::LOG_IN, Signer::User)];
    if pin.endpoint.engine.has_hosts() {
        expected.push(CheckedCall::untried(call::READ_ACCOUNTS, by));
    }
    let mut calls = Calls::new(expected);
    let login = credential.login(&pin.username);
    let inspected = ports.server().inspect(&pin.endpoint, &login, &pin.username);
    let inspection = match inspected.await {
        Ok(inspection) if inspection.expiry == Some(PasswordExpiry::Expired) => {
            // Clients could do nothing with it.
            Err(ServerError {
                fault: ServerFault::PasswordExpired,
                code: None,
            })
        }
        inspected => inspected,
    };
    let inspection = match inspection {
        Ok(inspection) => inspection,
        Err(error) => {
            let (code, reason) = (error.fault.name(), format!("{error}; {}", advice(&error)));
            calls.fail(call::LOG_IN, Signer::User, None, code, &reason);
            return Ok(calls.into_answer());
        }
    };
    calls.allow(call::LOG_IN, Signer::User);
    match by {
        Signer::Administrator if pin.endpoint.engine.has_hosts() => {
            // Only the accounts are of interest, and a rotation reports an unfit secret.
            if let Ok(Some(it)) = administrator(ports, &pin).await
                && let Ok(inspection) = inspect_as(ports, &pin, &it).await
            {
                record_accounts(&mut calls, &pin, by, &inspection);
            }
        }
        _ => record_accounts(&mut calls, &pin, by, &inspection),
    }
    Ok(calls.into_answer())
}

/// Makes the calls of the next rotation that change nothing.
async fn rehearse<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    let (secret, role) = (&check.secret, Signer::Role);
    is_served(ports.pins(), secret)?;
    let mut calls = Calls::new(expected(ports.pins(), check));
    let secrets = ports.secrets_manager();
    let described = secrets.describe(secret).await;
    let described = calls.record(call::DESCRIBE_SECRET, role, None, described);
    let pin = match &described {
        Some(description) => Some(Pin::read(ports.pins(), secret, description)?),
        None => None,
    };
    let read = secrets.read(secret, VersionSelector::Labelled(CURRENT));
    let read = calls.record(call::GET_SECRET_VALUE, role, None, read.await);
    let Some(pin) = pin else {
        return Ok(calls.into_answer());
    };
    let made = secrets.random(&pin.rule).await.map(drop);
    calls.record(call::GET_RANDOM_PASSWORD, role, None, made);
    let current = read.map_or(Content::Nothing, |version| {
        Held::parse(&version.stored, names(ports.pins(), secret))
    });
    pin.check_present(CURRENT, &current)?;
    let pin = match &current {
        Content::Complete(current) => pin.of(current),
        _ => pin,
    };
    let (mut expiry, mut limits) = (None, None);
    let mut may_go_on = true;
    if let Content::Complete(current) = &current {
        let login = current.login(&pin.username);
        let inspected = ports.server().inspect(&pin.endpoint, &login, &pin.username);
        let inspected = inspected.await;
        record(&mut calls, Signer::User, inspected.as_ref().err());
        if let (Ok(inspection), RotateAs::Own) = (&inspected, &pin.rotate_as) {
            record_accounts(&mut calls, &pin, Signer::User, inspection);
        }
        may_go_on = inspected
            .as_ref()
            .err()
            .is_none_or(|error| may_try_another(error.fault));
        if let Ok(inspection) = inspected {
            expiry = inspection.expiry;
            limits = Some(inspection.limits);
            as_clients(ports, &mut calls, &pin, &login).await;
        }
    }
    if let RotateAs::Administrator(named) = &pin.rotate_as {
        let named = Some(named.as_str());
        if let Some(()) = read_administrator(ports, &mut calls, &pin, named).await
            && may_go_on
        {
            let inspection = as_administrator(ports, &mut calls, &pin, named).await;
            limits = inspection.map(|inspection| inspection.limits).or(limits);
        }
    }
    Ok(CheckAnswer {
        expiry,
        limits,
        ..calls.into_answer()
    })
}

/// Logs in where clients do. Only a wrong password is a fault: the function may have no route there.
async fn as_clients<P: Ports>(ports: &P, calls: &mut Calls, pin: &Pin, login: &Login) {
    let Some(endpoint) = &pin.clients else {
        return;
    };
    let (call, by) = (call::CLIENT_LOG_IN, Signer::User);
    match ports.server().authenticate(endpoint, login).await {
        Ok(()) => calls.allow(call, by),
        Err(error) if may_try_another(error.fault) => {
            calls.fail(call, by, None, error.fault.name(), &error.to_string());
        }
        Err(error) => calls.leave(call, by, &error.to_string()),
    }
}

/// Reads the administrator's secret.
async fn read_administrator<P: Ports>(
    ports: &P,
    calls: &mut Calls,
    pin: &Pin,
    named: Option<&str>,
) -> Option<()> {
    let secret = pin.administrator()?;
    let read = VersionSelector::Labelled(CURRENT);
    let read: Result<_, CallError> = ports.secrets_manager().read(&secret, read).await;
    let (call, by) = (call::GET_SECRET_VALUE, Signer::Role);
    calls.record(call, by, named, read).map(drop)
}

/// Logs in as the administrator. Returns what the server says about the user.
async fn as_administrator<P: Ports>(
    ports: &P,
    calls: &mut Calls,
    pin: &Pin,
    named: Option<&str>,
) -> Option<Inspection> {
    match administrator(ports, pin).await {
        Ok(it) => {
            let inspected = inspect_as(ports, pin, &it?).await;
            record(calls, Signer::Administrator, inspected.as_ref().err());
            let inspection = inspected.ok()?;
            record_accounts(calls, pin, Signer::Administrator, &inspection);
            Some(inspection)
        }
        // The secret was read, and its value is of no use.
        Err(error) => {
            let why = error.to_string();
            calls.fail(call::GET_SECRET_VALUE, Signer::Role, named, "unfit", &why);
            None
        }
    }
}

/// Logs in as the administrator, and asks which accounts of the user's name there are.
async fn inspect_as<P: Ports>(
    ports: &P,
    pin: &Pin,
    it: &Administrator,
) -> Result<Inspection, ServerError> {
    let inspected = ports
        .server()
        .inspect(&it.endpoint, &it.login, &pin.username);
    inspected.await
}

/// Returns whose login changes the password.
fn changes(rotate_as: &RotateAs) -> Signer {
    match rotate_as {
        RotateAs::Own => Signer::User,
        RotateAs::Administrator(_) => Signer::Administrator,
    }
}

/// Records whether one secret serves all accounts of the user's name.
fn record_accounts(calls: &mut Calls, pin: &Pin, by: Signer, inspection: &Inspection) {
    if !pin.endpoint.engine.has_hosts() {
        return;
    }
    let call = call::READ_ACCOUNTS;
    match accounts::judge(pin, inspection) {
        Ok(AccountsDecision::Unchecked) => calls.leave(call, by, accounts::UNCHECKED),
        Ok(_) => calls.allow(call, by),
        Err(refusal) => calls.fail(call, by, None, refusal.code(), refusal.reason()),
    }
}

/// Records a login.
fn record(calls: &mut Calls, by: Signer, failed: Option<&ServerError>) {
    match failed {
        None => calls.allow(call::LOG_IN, by),
        Some(error) => calls.fail(
            call::LOG_IN,
            by,
            None,
            error.fault.name(),
            &error.to_string(),
        ),
    }
}

/// Returns the calls of the next rotation.
fn expected(pins: &Pins, check: &Check) -> Vec<CheckedCall> {
    let role = Signer::Role;
    let of = CheckedCall::untried;
    let mut expected = vec![
        of(call::DESCRIBE_SECRET, role),
        of(call::GET_SECRET_VALUE, role),
    ];
    let Some(entry) = pins.of(check.secret.name()) else {
        return expected;
    };
    expected.extend([
        of(call::GET_RANDOM_PASSWORD, role),
        of(call::PUT_SECRET_VALUE, role),
        of(call::LOG_IN, Signer::User),
    ]);
    let clients = entry.clients.as_ref();
    expected.extend(clients.map(|_| of(call::CLIENT_LOG_IN, Signer::User)));
    let by = changes(&entry.rotate_as);
    if let RotateAs::Administrator(named) = &entry.rotate_as {
        expected.extend([
            untried_on(call::GET_SECRET_VALUE, role, named),
            of(call::LOG_IN, Signer::Administrator),
        ]);
    }
    if entry.engine.has_hosts() {
        expected.push(of(call::READ_ACCOUNTS, by));
    }
    expected.extend([
        of(call::UPDATE_SECRET_VERSION_STAGE, role),
        of(call::CHANGE_PASSWORD, by),
    ]);
    expected
}
