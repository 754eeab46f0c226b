//! A server: start, stop, statements, and logs.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::archive::run;
use crate::cache;
use crate::certificate::{self, Certificate};
use crate::engine::{self, Start};
use crate::error::Error;
use crate::port;
use crate::process::{Process, hand_over};
use crate::programs::{self, Engine, Programs};
use crate::template;

/// How long a server may take to start, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is polled.
const POLL: Duration = Duration::from_millis(50);

/// The options of a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its certificate.
    pub certificate: Certificate,
    /// Settings as `name=value`, in the engine's format.
    pub settings: Vec<String>,
}

/// A database server. When this is dropped, it ends and its folder is removed.
pub struct Server {
    engine: Engine,
    options: Options,
    programs: Programs,
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Server {
    /// Starts a server, and waits until it answers.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be downloaded or does not start.
    pub fn start(engine: Engine, options: Options) -> Result<Self, Error> {
        let programs = programs::find(engine)?;
        let folder = tempfile::Builder::new()
            .prefix("keyrota-server-")
            .tempdir()
            .map_err(Error::io("make a temporary folder"))?;
        template::copy(engine, &programs, &folder.path().join("data"))?;
        certificate::write(folder.path(), options.certificate)?;
        let mut server = Self {
            engine,
            options,
            programs,
            folder,
            port: port::free(),
            process: None,
        };
        server.start_again()?;
        server.sql(engine::preparation(engine))?;
        Ok(server)
    }

    /// Starts it again after it was stopped, with the same port and data, and waits until it
    /// answers.
    ///
    /// # Errors
    ///
    /// Fails if it does not start.
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.start_anyhow()?;
        self.wait(|server| server.sql("SELECT 1").map(drop))
    }

    /// Does the same, but waits only until it listens on its port.
    ///
    /// # Errors
    ///
    /// Fails if it does not listen.
    pub fn start_listening(&mut self) -> Result<(), Error> {
        self.start_anyhow()?;
        self.wait(|server| {
            TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))
                .map(drop)
                .map_err(Error::io("connect"))
        })
    }

    fn start_anyhow(&mut self) -> Result<(), Error> {
        let mut command = engine::serve(
            self.engine,
            &Start {
                programs: &self.programs,
                folder: self.folder.path(),
                port: self.port,
                certificate: self.options.certificate,
                settings: &self.options.settings,
            },
        )?;
        let log = self.folder.path().join("log");
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(Error::file("write", &log))?;
        let errors = output.try_clone().map_err(Error::file("write", &log))?;
        hand_over(self.folder.path())?;
        command.stdout(output).stderr(errors);
        self.process = Some(Process::start(&mut command, self.folder.path())?);
        Ok(())
    }

    /// Waits until a check succeeds, or the server has exited.
    fn wait(&mut self, works: impl Fn(&Self) -> Result<(), Error>) -> Result<(), Error> {
        let since = Instant::now();
        while let Err(error) = works(self) {
            let ended = self.process.as_mut().is_none_or(Process::has_ended);
            if ended || since.elapsed() > PATIENCE {
                self.end(Signal::KILL);
                return Err(Error::Silent {
                    engine: self.engine.name(),
                    client: Box::new(error),
                    log: self.tail(),
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Stops it normally.
    pub fn stop(&mut self) {
        // PostgreSQL's "fast" shutdown, which does not wait for clients.
        let signal = match self.engine {
            Engine::Postgres => Signal::INT,
            Engine::MariaDb | Engine::MySql => Signal::TERM,
        };
        self.end(signal);
    }

    /// Kills it, like a failure of the machine.
    pub fn kill(&mut self) {
        // With "immediate", PostgreSQL's processes end together. If the postmaster were killed,
        // the others would live a moment longer.
        let signal = match self.engine {
            Engine::Postgres => Signal::QUIT,
            Engine::MariaDb | Engine::MySql => Signal::KILL,
        };
        self.end(signal);
    }

    /// Pauses it: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes it.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    fn end(&mut self, signal: Signal) {
        if let Some(process) = self.process.take() {
            process.end(signal);
        }
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns its folder, which contains `data` and the files of [`Certificate`].
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the authority for clients.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Returns the path of a program that belongs to the server: `psql`, `mariadb`, or `mysql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.path(name)
    }

    /// Runs statements as the server's superuser, with the engine's own client, and returns the
    /// rows: one on each line, with `|` or tabs between columns.
    ///
    /// # Errors
    ///
    /// Fails with the client's output.
    pub fn sql(&self, statements: &str) -> Result<String, Error> {
        self.superuser().sql(statements)
    }

    /// Returns the superuser, whose statements another thread can run.
    pub fn superuser(&self) -> Superuser {
        Superuser {
            engine: self.engine,
            programs: self.programs.clone(),
            folder: self.folder.path().to_owned(),
            port: self.port,
        }
    }

    /// Runs statements like [`Self::sql`], and stays logged in, with any locks, until the
    /// session is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the client ends before it has run them.
    pub fn hold(&self, statements: &str) -> Result<OpenSession, Error> {
        let mut command =
            engine::administrator(self.engine, &self.programs, self.folder.path(), self.port);
        let mut client = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io("start a client"))?;
        let written = client
            .stdin
            .as_mut()
            .map(|input| input.write_all(format!("{statements};\nSELECT 'held';\n").as_bytes()));
        written
            .transpose()
            .map_err(Error::io("write to a client"))?;
        let held = OpenSession { client };
        held.wait()
    }

    /// Returns the server's log: its errors and the statements that it logs.
    pub fn log(&self) -> String {
        let at = |name| cache::read(&self.folder.path().join(name));
        at("log") + &at("general.log")
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.resume();
        self.kill();
    }
}

/// A session that is kept open.
pub struct OpenSession {
    client: Child,
}

impl OpenSession {
    /// Waits until its statements are done.
    fn wait(mut self) -> Result<Self, Error> {
        let lines = self.client.stdout.take().map(BufReader::new);
        for line in lines.into_iter().flat_map(BufReader::lines) {
            if line.is_ok_and(|line| line.contains("held")) {
                return Ok(self);
            }
        }
        Err(Error::Program {
            program: "the server's client".to_owned(),
            output: "it ended before its statements were done".to_owned(),
        })
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        drop(self.client.stdin.take());
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Runs a program with a text as its standard input.
/// The superuser of a server.
#[derive(Clone, Debug)]
pub struct Superuser {
    engine: Engine,
    programs: Programs,
    folder: PathBuf,
    port: u16,
}

impl Superuser {
    /// Returns the server's engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Runs statements, like [`Server::sql`].
    ///
    /// # Errors
    ///
    /// Fails with the client's output.
    pub fn sql(&self, statements: &str) -> Result<String, Error> {
        let mut command =
            engine::administrator(self.engine, &self.programs, &self.folder, self.port);
        feed(&mut command, statements)
    }
}

fn feed(command: &mut Command, text: &str) -> Result<String, Error> {
    let mut input = tempfile::tempfile().map_err(Error::io("make a temporary file"))?;
    let written = input
        .write_all(text.as_bytes())
        .and_then(|()| std::io::Seek::rewind(&mut input));
    written.map_err(Error::io("write a temporary file"))?;
    run(command.stdin(Stdio::from(input)))
}
