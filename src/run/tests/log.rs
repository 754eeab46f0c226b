//! The one reader of the functions' logs.

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::super::fake::FakeAws;
use super::super::{Context, LogReader, Pace};
use super::scenario::Scenario;
use crate::port::Clock;
use crate::tool::testing::Recorder;

const GROUP: &str = "/keyrota/keys";

fn read(context: &Context<'_>, since: Timestamp) -> Vec<String> {
    let read = context.logs.messages(context, GROUP, since);
    read.now_or_never().unwrap().unwrap()
}

fn calls(fake: &FakeAws) -> usize {
    let log = fake.log.borrow();
    let reads = log.iter().filter(|call| **call == "logs:FilterLogEvents");
    reads.count()
}

#[test]
fn a_log_is_read_once_between_two_looks() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    fake.begin(None);
    let (listener, logs) = (Recorder::default(), LogReader::default());
    let context = scenario.context(&fake, &listener, &logs);
    let began = fake.now();
    let line = |after: i64, text: &str| {
        let at = began + SignedDuration::from_secs(after);
        let mut state = fake.state.borrow_mut();
        let lines = state.logs.entry(GROUP.to_owned()).or_default();
        lines.push((at, text.to_owned()));
    };
    line(-5, "earlier");
    line(0, "first");
    // Many tasks that wait make one call, and each gets what happened since its own begin.
    for _ in 0..20 {
        assert_eq!(read(&context, began), ["first"]);
    }
    let later = began + SignedDuration::from_millis(1);
    assert_eq!(read(&context, later), [""; 0]);
    assert_eq!(calls(&fake), 1);

    line(1, "second");
    assert_eq!(read(&context, began), ["first"]);
    context.clock.sleep(Pace::AWS.poll).now_or_never().unwrap();
    assert_eq!(read(&context, later), ["second"]);
    assert_eq!(read(&context, began), ["first", "second"]);
    assert_eq!(calls(&fake), 2);

    // What happened before was not read yet.
    let earlier = began - SignedDuration::from_secs(10);
    assert_eq!(read(&context, earlier), ["earlier", "first", "second"]);
    assert_eq!(calls(&fake), 3);
}

#[test]
fn a_reader_that_is_dropped_does_not_keep_the_others_from_reading() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    fake.begin_several();
    let (listener, logs) = (Recorder::default(), LogReader::default());
    let context = scenario.context(&fake, &listener, &logs);
    let began = fake.now();
    let mut first = Box::pin(logs.messages(&context, GROUP, began));
    assert!((&mut first).now_or_never().is_none());
    // While one reads, the others continue with what was read before.
    assert_eq!(read(&context, began), [""; 0]);
    assert_eq!(calls(&fake), 0);
    drop(first);
    let mut second = Box::pin(logs.messages(&context, GROUP, began));
    while (&mut second).now_or_never().is_none() {}
    assert_eq!(calls(&fake), 1);
}
