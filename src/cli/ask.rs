//! Prompts on a terminal, each repeated until the answer is valid.

use std::io::{BufRead, Write};

use super::Exit;
use super::failure::Failed;

/// The number of invalid answers after which the program stops asking.
const MAX_ATTEMPTS: usize = 5;

/// Where to write prompts, and where to read the answers.
pub(super) struct Prompter<I, O> {
    pub(super) input: I,
    pub(super) output: O,
}

impl<I: BufRead, O: Write> Prompter<I, O> {
    /// Writes a line.
    pub(super) fn say(&mut self, text: &str) {
        let _ = writeln!(self.output, "{text}");
    }

    /// Prompts until `parse` accepts the answer. An empty answer is `default`, if there
    /// is one; otherwise, `parse` gets it too.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failed> {
        for _ in 0..MAX_ATTEMPTS {
            let _ = match default {
                Some(default) => write!(self.output, "{question} [{default}] "),
                None => write!(self.output, "{question} "),
            };
            let _ = self.output.flush();
            let mut line = String::new();
            match self.input.read_line(&mut line) {
                Ok(0) | Err(_) => return Err(declined("the input ended")),
                Ok(_) => {}
            }
            let answer = match line.trim() {
                "" => default.unwrap_or_default(),
                answer => answer,
            };
            match parse(answer) {
                Ok(value) => return Ok(value),
                Err(why) => self.say(&format!("  {why}")),
            }
        }
        Err(declined("no valid answer was given"))
    }
}

fn declined(why: &str) -> Failed {
    Failed::new("declined", format!("{why}; nothing was written"))
        .hint("see `keyrota init --help` for the options that replace the prompts")
        .exit(Exit::Declined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(answers: &str, default: Option<&str>) -> (Result<u8, Failed>, String) {
        let mut asker = Prompter {
            input: answers.as_bytes(),
            output: Vec::new(),
        };
        let answer = asker.ask("How many?", default, |text| {
            text.parse().map_err(|_| format!("`{text}` is no number"))
        });
        (answer, String::from_utf8(asker.output).unwrap())
    }

    #[test]
    fn asks_again_until_the_answer_will_do() {
        let (answer, shown) = ask("many\n 7 \n", None);
        assert_eq!(answer.unwrap(), 7);
        assert_eq!(shown, "How many?   `many` is no number\nHow many? ");
        let (answer, shown) = ask("\n", Some("3"));
        assert_eq!((answer.unwrap(), shown.as_str()), (3, "How many? [3] "));
    }

    #[test]
    fn ends_where_nobody_answers() {
        for answers in ["", "x\nx\nx\nx\nx\nx\n7\n"] {
            let failed = ask(answers, None).0.unwrap_err();
            assert_eq!(failed.exit, Exit::Declined);
        }
    }
}
