//! What can happen to a request. Pure.

use crate::mock::{Answer, Twist};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is not sent.
    NotSent,
    /// The adapter answers, and the answer is lost.
    AnswerLost,
    /// The request is sent twice.
    Repeated,
    /// The rotation function dies before it sends the request.
    FunctionDiesBefore,
    /// The rotation function dies after the adapter has answered.
    FunctionDiesAfter,
    /// The adapter's process dies before it does anything.
    AdapterDiesBefore,
    /// The adapter's process dies after it has done everything, and before its answer arrives.
    AdapterDiesAfter,
    /// The service carries out the request only after this number of further requests.
    Late(usize),
    /// The mock service does not answer as it should.
    Twisted(Twist),
}

/// The faults that need no mock service.
const ALWAYS: [Fault; 5] = [
    Fault::NotSent,
    Fault::AnswerLost,
    Fault::Repeated,
    Fault::FunctionDiesBefore,
    Fault::FunctionDiesAfter,
];

const fn twisted(carried_out: bool, answer: Answer) -> Fault {
    Fault::Twisted(Twist {
        carried_out,
        answer,
    })
}

/// The faults of the mock service.
const OF_MOCK: [Fault; 12] = [
    Fault::Late(0),
    Fault::Late(1),
    Fault::Late(2),
    twisted(false, Answer::Nothing),
    twisted(true, Answer::Nothing),
    twisted(false, Answer::Status(503)),
    twisted(false, Answer::Status(500)),
    twisted(true, Answer::Status(500)),
    twisted(true, Answer::Status(502)),
    twisted(true, Answer::Status(504)),
    twisted(false, Answer::Page),
    twisted(true, Answer::Page),
];

impl Fault {
    /// Returns the faults to search with.
    pub fn all(has_mock: bool, has_process: bool) -> Vec<Self> {
        let mut all = ALWAYS.to_vec();
        if has_process {
            all.extend([Self::AdapterDiesBefore, Self::AdapterDiesAfter]);
        }
        if has_mock {
            all.extend(OF_MOCK);
        }
        all
    }

    fn phrase(self) -> String {
        match self {
            Self::NotSent => "is not sent".to_owned(),
            Self::AnswerLost => "is answered, and the answer is lost".to_owned(),
            Self::Repeated => "is sent twice".to_owned(),
            Self::FunctionDiesBefore => {
                "is not sent, because the rotation function dies".to_owned()
            }
            Self::FunctionDiesAfter => {
                "is answered, and the rotation function dies before it reads the answer".to_owned()
            }
            Self::AdapterDiesBefore => {
                "is not handled, because the adapter's process dies".to_owned()
            }
            Self::AdapterDiesAfter => {
                "is handled, and the adapter's process dies before it answers".to_owned()
            }
            Self::Late(0) => "is carried out after its connection was closed".to_owned(),
            Self::Late(count) => {
                format!("is carried out {count} requests after its connection was closed")
            }
            Self::Twisted(twist) => {
                let carried_out = match twist.carried_out {
                    true => "is carried out",
                    false => "is not carried out",
                };
                format!("{carried_out}, and the service {}", twist.answer.phrase())
            }
        }
    }
}

/// A fault at one request of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The number of the request, from 0.
    pub request: usize,
    /// The fault.
    pub fault: Fault,
}

impl Planned {
    /// Returns it in words.
    pub fn phrase(self) -> String {
        let number = self.request + 1;
        format!("if request {number} {}", self.fault.phrase())
    }
}
