//! A proxy before AWS. It counts what passes and lets a fault befall it: it
//! stops for good at a change, before AWS has seen it or after AWS has answered;
//! or it cuts a single call off, loses its answer, refuses it, ends the function
//! that makes it, or has it wait.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::function_process::FunctionProcess;
use super::request::Request;
use super::secret_values;

/// Where the proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Before the so-manieth change reaches AWS.
    Before(u32),
    /// After it did, and before its answer gets back.
    After(u32),
}

/// What befalls a single call of the function.
///
/// A call that was carried out and one that was not differ only where it leaves
/// something behind; so a read is not lost after it was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// The connection ends, and AWS has not seen the call.
    Before,
    /// AWS has carried it out, and its answer is lost.
    After,
    /// The function's process is ended before AWS sees the call.
    KillBefore,
    /// The function's process is ended once AWS has carried it out.
    KillAfter,
    /// It is answered that there are too many.
    Throttle,
}

impl Cut {
    /// Returns whether the function does not outlive it.
    pub fn kills(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }

    /// Returns whether it can befall a call.
    fn applies_to(self, call: &Call) -> bool {
        match self {
            Self::Before | Self::KillBefore | Self::Throttle => true,
            Self::After | Self::KillAfter => call.leaves_something(),
        }
    }
}

/// What the requests meet with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: all of them are passed on.
    None,
    /// At this change it stops, and answers nothing more.
    Stop(Stop),
    /// The so-manieth request from here that this can befall is cut, and no other.
    Cut(u32, Cut),
    /// The so-manieth request from here for this action waits until it is released.
    Hold(u32, &'static str),
}

/// A request that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub action: String,
    pub changes: bool,
    /// Whether it asks that AWSCURRENT be moved.
    pub promotes: bool,
}

impl Call {
    /// Returns whether AWS is another once it was carried out: IAM notes when a
    /// key was used, which is all that some calls do.
    fn leaves_something(&self) -> bool {
        self.changes || self.action == "GetCallerIdentity"
    }
}

/// What was seen since the fault was set.
#[derive(Clone, Debug, Default)]
pub struct ObservedCalls {
    pub calls: Vec<Call>,
    /// Which of them was cut, the first being 1.
    pub cut: Option<u32>,
}

/// An observer of the account at each change. The response is held back until the
/// observer is done.
pub type Watch = mpsc::UnboundedReceiver<oneshot::Sender<()>>;

/// It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    upstream: String,
    stopped: Notify,
    released: Notify,
    now: Mutex<ProxyState>,
}

struct ProxyState {
    fault: Fault,
    seen: ObservedCalls,
    secret_values: BTreeSet<String>,
    watch: Option<mpsc::UnboundedSender<oneshot::Sender<()>>>,
    watches_reads: bool,
}

/// What becomes of one request.
enum Disposition {
    Pass,
    StopBefore,
    StopAfter,
    Cut(Cut),
    Hold,
}

impl Proxy {
    /// Listens, and passes on to an endpoint.
    pub async fn start(endpoint: &str, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            upstream: endpoint.strip_prefix("http://").expect("http").to_owned(),
            stopped: Notify::new(),
            released: Notify::new(),
            now: Mutex::new(ProxyState {
                fault,
                seen: ObservedCalls::default(),
                secret_values: BTreeSet::new(),
                watch: None,
                watches_reads: false,
            }),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client that goes away in the middle is what this is for.
                    let _ = serve(client, &state).await;
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// Returns where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns once it has stopped, or holds a request.
    pub async fn stopped(&self) {
        self.state.stopped.notified().await;
    }

    /// Lets the request go on that it holds.
    pub fn release(&self) {
        self.state.released.notify_one();
    }

    /// Has what comes from now on meet with a fault; returns what was seen before.
    pub fn meet(&self, fault: Fault) -> ObservedCalls {
        let mut now = self.state.now();
        now.fault = fault;
        std::mem::take(&mut now.seen)
    }

    /// Returns what was seen since the fault was set.
    pub fn seen(&self) -> ObservedCalls {
        self.state.now().seen.clone()
    }

    /// Has each change be looked at before it is answered.
    pub fn watch(&self) -> Watch {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state.now().watch = Some(sender);
        receiver
    }

    /// Has each request be looked at before it is answered, those too that change
    /// nothing.
    pub fn watch_everything(&self) -> Watch {
        self.state.now().watches_reads = true;
        self.watch()
    }

    /// Returns what was said and must be said nowhere else.
    pub fn secret_values(&self) -> BTreeSet<String> {
        self.state.now().secret_values.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes one request on, unless something befalls it. The connection is closed
/// behind it, so that an answer ends where it ends.
async fn serve(mut client: TcpStream, state: &State) -> io::Result<()> {
    let Some(request) = Request::read(&mut client).await? else {
        return Ok(());
    };
    state
        .now()
        .secret_values
        .extend(secret_values::values(&request, &[]));
    let disposition = state.disposition(&request);
    match disposition {
        Disposition::StopBefore => return state.stop().await,
        Disposition::Cut(Cut::Before) => return Ok(()),
        Disposition::Cut(Cut::KillBefore) => return state.kill(&client).await,
        Disposition::Cut(Cut::Throttle) => {
            client.write_all(&request.throttled()).await?;
            return client.shutdown().await;
        }
        Disposition::Hold => {
            state.stopped.notify_one();
            state.released.notified().await;
        }
        Disposition::Pass
        | Disposition::StopAfter
        | Disposition::Cut(Cut::After | Cut::KillAfter) => {}
    }
    let mut upstream = TcpStream::connect(&state.upstream).await?;
    upstream.write_all(&request.closing()).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    state
        .now()
        .secret_values
        .extend(secret_values::values(&request, &answer));
    let watches_reads = state.now().watches_reads;
    if request.changes() || watches_reads {
        state.looked_at().await;
    }
    match disposition {
        Disposition::StopAfter => return state.stop().await,
        Disposition::Cut(Cut::KillAfter) => return state.kill(&client).await,
        Disposition::Cut(_) => return Ok(()),
        Disposition::Pass | Disposition::Hold | Disposition::StopBefore => {}
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

impl State {
    fn now(&self) -> MutexGuard<'_, ProxyState> {
        self.now.lock().expect("nobody panics while holding it")
    }

    /// Counts a request, and says what becomes of it.
    fn disposition(&self, request: &Request) -> Disposition {
        let mut now = self.now();
        let call = Call {
            action: request.action().to_owned(),
            changes: request.changes(),
            promotes: request.promotes(),
        };
        now.seen.calls.push(call.clone());
        match now.fault {
            Fault::None => Disposition::Pass,
            Fault::Stop(stop) => {
                let changes = now.seen.calls.iter().filter(|call| call.changes).count();
                let (limit, after) = match stop {
                    Stop::Before(number) => (number as usize, false),
                    Stop::After(number) => (number as usize, true),
                };
                let is_last = call.changes && changes == limit;
                match (changes > limit, is_last, after) {
                    (true, _, _) | (_, true, false) => Disposition::StopBefore,
                    (_, true, true) => Disposition::StopAfter,
                    _ => Disposition::Pass,
                }
            }
            Fault::Hold(number, action) => {
                let calls = now.seen.calls.iter();
                let held = calls.filter(|call| call.action == action).count();
                match call.action == action && held == number as usize {
                    true => Disposition::Hold,
                    false => Disposition::Pass,
                }
            }
            Fault::Cut(number, cut) => {
                let calls = now.seen.calls.iter();
                let befallen = calls.filter(|call| cut.applies_to(call)).count();
                if !cut.applies_to(&call) || befallen != number as usize {
                    return Disposition::Pass;
                }
                now.seen.cut = u32::try_from(now.seen.calls.len()).ok();
                Disposition::Cut(cut)
            }
        }
    }

    /// Says that it has stopped, and answers nothing more.
    async fn stop(&self) -> io::Result<()> {
        self.stopped.notify_one();
        std::future::pending().await
    }

    /// Ends the function that is at the other end.
    async fn kill(&self, client: &TcpStream) -> io::Result<()> {
        let function_process = FunctionProcess::of(client.local_addr()?, client.peer_addr()?);
        let function_process = function_process.expect("the function holds the other end");
        let secret = function_process.variable("AWS_SECRET_ACCESS_KEY");
        self.now().secret_values.extend(secret);
        function_process.kill().await;
        Ok(())
    }

    /// Returns once the change has been looked at, where anybody looks.
    async fn looked_at(&self) {
        let watch = self.now().watch.clone();
        if let Some(watch) = watch {
            let (done, looked) = oneshot::channel();
            if watch.send(done).is_ok() {
                let _ = looked.await;
            }
        }
    }
}
