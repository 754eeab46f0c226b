//! A proxy for AWS that counts requests and injects faults. It can stop permanently at a
//! change, before AWS receives it or after AWS has answered. Or it can break a single call:
//! drop it, lose its response, refuse it, kill the function that makes it, or hold it.

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
    /// Before the n-th change reaches AWS.
    Before(u32),
    /// After the n-th change, before its response is returned.
    After(u32),
}

/// How a single call of the function is broken.
///
/// Whether a call was carried out matters only if it has an effect. Therefore the responses of
/// reads are not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// The connection is closed before AWS receives the call.
    Before,
    /// AWS has carried it out, but its response is lost.
    After,
    /// The function's process is killed before AWS receives the call.
    KillBefore,
    /// The function's process is killed after AWS has carried it out.
    KillAfter,
    /// The call is throttled.
    Throttle,
}

impl Cut {
    /// Returns whether the function is killed.
    pub fn kills(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }

    /// Returns whether a call can be broken in this way.
    fn applies_to(self, call: &Call) -> bool {
        match self {
            Self::Before | Self::KillBefore | Self::Throttle => true,
            Self::After | Self::KillAfter => call.leaves_something(),
        }
    }
}

/// The fault that requests encounter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None: all requests are forwarded.
    None,
    /// The proxy stops at this change, and answers nothing more.
    Stop(Stop),
    /// Only the n-th request from now on that can be broken in this way is.
    Cut(u32, Cut),
    /// The n-th request from now on, or the n-th for this action, waits until it is released.
    Hold(u32, Option<&'static str>),
}

/// A request that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub action: String,
    pub changes: bool,
    /// Whether it moves AWSCURRENT.
    pub promotes: bool,
}

impl Call {
    /// Returns whether the call has an effect in AWS. IAM records when a key was used, which is
    /// the only effect of some calls.
    fn leaves_something(&self) -> bool {
        self.changes || self.action == "GetCallerIdentity"
    }
}

/// The requests since the fault was set.
#[derive(Clone, Debug, Default)]
pub struct ObservedCalls {
    pub calls: Vec<Call>,
    /// The number of the broken request, counted from 1.
    pub cut: Option<u32>,
}

/// An observer of the account at each change. The response is held back until the
/// observer is done.
pub type Watch = mpsc::UnboundedReceiver<oneshot::Sender<()>>;

/// A proxy. It stops when it is dropped.
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

/// What happens to a request.
enum Disposition {
    Pass,
    StopBefore,
    StopAfter,
    Cut(Cut),
    Hold,
}

impl Proxy {
    /// Starts a proxy for an endpoint.
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
                    // Clients that disconnect are expected.
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

    /// Returns its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns when it has stopped or holds a request.
    pub async fn stopped(&self) {
        self.state.stopped.notified().await;
    }

    /// Forwards the request that it holds.
    pub fn release(&self) {
        self.state.released.notify_one();
    }

    /// Sets the fault for further requests, and returns the previous ones.
    pub fn meet(&self, fault: Fault) -> ObservedCalls {
        let mut now = self.state.now();
        now.fault = fault;
        std::mem::take(&mut now.seen)
    }

    /// Runs something, and has its n-th call wait until something else has ended. Returns both
    /// results, or only the first if there was no such call.
    pub async fn overlap<W, O>(
        &self,
        number: u32,
        waiting: impl Future<Output = W>,
        other: impl Future<Output = O>,
    ) -> Result<(W, O), W> {
        self.meet(Fault::Hold(number, None));
        let mut waiting = std::pin::pin!(waiting);
        tokio::select! {
            ended = &mut waiting => {
                self.meet(Fault::None);
                return Err(ended);
            }
            () = self.stopped() => {}
        }
        let other = other.await;
        self.release();
        let ended = waiting.await;
        self.meet(Fault::None);
        Ok((ended, other))
    }

    /// Returns the requests since the fault was set.
    pub fn seen(&self) -> ObservedCalls {
        self.state.now().seen.clone()
    }

    /// Lets an observer look at each change before it is answered.
    pub fn watch(&self) -> Watch {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state.now().watch = Some(sender);
        receiver
    }

    /// Lets an observer look at each request before it is answered, including reads.
    pub fn watch_everything(&self) -> Watch {
        self.state.now().watches_reads = true;
        self.watch()
    }

    /// Returns the secret values that were sent, which must appear nowhere else.
    pub fn secret_values(&self) -> BTreeSet<String> {
        self.state.now().secret_values.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Handles one request. The connection is closed afterwards, which ends the response.
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

    /// Counts a request, and returns what happens to it.
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
                let is_it = |call: &Call| action.is_none_or(|action| call.action == action);
                let held = now.seen.calls.iter().filter(|call| is_it(call)).count();
                match is_it(&call) && held == number as usize {
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

    /// Reports that it has stopped, and answers nothing more.
    async fn stop(&self) -> io::Result<()> {
        self.stopped.notify_one();
        std::future::pending().await
    }

    /// Kills the function at the other end.
    async fn kill(&self, client: &TcpStream) -> io::Result<()> {
        let function_process = FunctionProcess::of(client.local_addr()?, client.peer_addr()?);
        let function_process = function_process.expect("the function holds the other end");
        let secret = function_process.variable("AWS_SECRET_ACCESS_KEY");
        self.now().secret_values.extend(secret);
        function_process.kill().await;
        Ok(())
    }

    /// Returns when the observer, if there is one, is done.
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
