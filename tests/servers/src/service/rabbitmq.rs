//! RabbitMQ with its management API. Its own start script expects the folders of Debian's package, so
//! Erlang is started as that script does.

use std::path::PathBuf;
use std::process::Command;

use crate::cache;
use crate::error::Error;
use crate::programs::{self, RABBITMQ};

use super::{Part, Service};

/// Below the folder that is `/usr` in the package.
const HOME: &str = "lib/rabbitmq/lib/rabbitmq_server-3.10.8";

/// Writes the settings. The first start creates the user, who is an administrator: only
/// administrators can change a password.
pub fn prepare(service: &Service) -> Result<(), Error> {
    let (user, password) = (Service::USER, Service::PASSWORD);
    let folder = service.folder().display();
    let settings = format!(
        "listeners.tcp = none\n\
         management.ssl.ip = 127.0.0.1\n\
         management.ssl.port = {}\n\
         management.ssl.certfile = {folder}/server.pem\n\
         management.ssl.keyfile = {folder}/server.key\n\
         default_user = {user}\n\
         default_pass = {password}\n\
         default_user_tags.administrator = true\n\
         default_user_tags.billing = true\n\
         credential_validator.validation_backend = rabbit_credential_validator_password_regexp\n\
         credential_validator.regexp = ^.{{12,}}$\n\
         log.console = true\n",
        service.ports.public
    );
    cache::write(&service.folder().join("rabbitmq.conf"), &settings)?;
    cache::write(
        &service.folder().join("plugins"),
        "[rabbitmq_management].\n",
    )
}

/// Returns the processes: the name server of Erlang, which would outlive the broker that starts it, and
/// the broker.
pub fn parts(service: &Service) -> Result<Vec<Part>, Error> {
    let programs = programs::fetch(&RABBITMQ)?;
    let [names, distribution] = service.ports.own;
    let mut epmd = Command::new(programs.path("epmd"));
    epmd.args(["-port", &names.to_string()])
        .env("ERL_EPMD_ADDRESS", "127.0.0.1");
    let home = programs.usr.join(HOME);
    let mut broker = Command::new(programs.path("erlexec"));
    broker
        .arg("-pa")
        .arg(home.join("plugins/rabbit_prelaunch-3.10.8/ebin"))
        .args(["-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl"])
        .args(["+W", "w", "+S", "1:1", "+sbwt", "none", "+sbwtdcpu", "none"])
        .args(["+sbwtdio", "none", "-start_epmd", "false"])
        .args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}"])
        .args(["-kernel", "prevent_overlapping_partitions", "false"])
        .args(["-sasl", "errlog_type", "error"])
        .args(["-sasl", "sasl_error_logger", "false"])
        .args(["-syslog", "logger", "[]"])
        .args(["-syslog", "syslog_error_logger", "false"])
        .current_dir(service.folder());
    let folder = |name: &str| service.folder().join(name);
    let paths: [(&str, PathBuf); 14] = [
        ("ROOTDIR", programs.usr.join("lib/erlang")),
        ("BINDIR", programs.bin.clone()),
        ("HOME", service.folder().to_owned()),
        ("SYS_PREFIX", service.folder().to_owned()),
        ("ERL_LIBS", home.join("plugins")),
        ("RABBITMQ_PLUGINS_DIR", home.join("plugins")),
        ("RABBITMQ_HOME", home),
        ("RABBITMQ_MNESIA_BASE", folder("data")),
        ("RABBITMQ_LOG_BASE", folder("logs")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", folder("plugins")),
        ("RABBITMQ_CONFIG_FILE", folder("rabbitmq.conf")),
        ("RABBITMQ_PLUGINS_EXPAND_DIR", folder("expanded")),
        ("RABBITMQ_PID_FILE", folder("pid")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", folder("generated")),
    ];
    broker.envs(paths).envs([
        ("EMU", "beam"),
        ("PROGNAME", "erl"),
        ("ERL_EPMD_ADDRESS", "127.0.0.1"),
        ("RABBITMQ_NODENAME", "test@localhost"),
        ("RABBITMQ_LOGS", "-"),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null"),
    ]);
    broker
        .env("ERL_EPMD_PORT", names.to_string())
        .env("RABBITMQ_DIST_PORT", distribution.to_string());
    Ok(vec![
        Part {
            command: epmd,
            listens: names,
            is_native: true,
        },
        Part {
            command: broker,
            listens: service.ports.public,
            is_native: true,
        },
    ])
}
