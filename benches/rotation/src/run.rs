//! All of it, in order.

use std::path::Path;

use clap::ValueEnum;

use crate::arguments::Arguments;
use crate::authority::Authority;
use crate::database::{Database, Engine};
use crate::error::Error;
use crate::function::Function;
use crate::kind::FunctionKind;
use crate::limit::Limit;
use crate::python::{Environment, Module};
use crate::scene::{RunContext, Subject};
use crate::subject_function::SubjectFunction;
use crate::{heading, machine, measure, plan, python, report};

/// Measures what was asked for and shows it as it comes.
///
/// # Errors
///
/// Returns what is missing, or what a function did that it should not.
pub async fn run(arguments: &Arguments) -> Result<(), Error> {
    if !cfg!(target_os = "linux") {
        let needs = "this needs Linux: it runs the function as it is built for Lambda";
        return Err(Error::Usage(needs.to_owned()));
    }
    let kind = arguments.kind;
    if kind == FunctionKind::AccessKeys && arguments.engine.is_some() {
        let none = "access keys are on no server; `--engine` goes with `--kind database`";
        return Err(Error::Usage(none.to_owned()));
    }
    let folder = tempfile::tempdir().map_err(Error::doing("make a temporary folder"))?;
    let folder = folder.path();
    let authority = Authority::establish(folder, arguments.one_authority)?;
    let environment = match arguments.without_python {
        true => None,
        false => Some(python::prepare(kind).await?),
    };
    let function = Function::obtain(kind, arguments.function.as_deref()).await?;
    show(&heading::heading(
        &function,
        environment.as_ref(),
        &authority,
    ));

    let environment = environment.as_ref();
    match kind {
        FunctionKind::AccessKeys => {
            let sides = Sides::new(&function, environment, &python::ACCESS_KEYS, folder)?;
            let scene = RunContext {
                authority: &authority,
                subject: Subject::AccessKey,
            };
            compare(arguments, &scene, &sides).await?;
        }
        FunctionKind::Database => {
            let all = Engine::value_variants();
            let asked = |engine: &Engine| arguments.engine.is_none_or(|asked| asked == *engine);
            for engine in all.iter().copied().filter(asked) {
                let folder = folder.join(engine.name());
                std::fs::create_dir(&folder).map_err(Error::io("make", &folder))?;
                let sides = Sides::new(&function, environment, &python::database(engine), &folder)?;
                let scene = RunContext {
                    authority: &authority,
                    subject: Subject::Password(Box::new(Database::start(engine, &authority)?)),
                };
                let zip = match (environment, &sides.python) {
                    (Some(environment), Some(python)) => {
                        Some(environment.zip(engine, &python.task_root).await?)
                    }
                    _ => None,
                };
                let zips = report::zips(function.zip, zip);
                show(&format!("{}\n\n{zips}", engine.title()));
                compare(arguments, &scene, &sides).await?;
            }
        }
    }
    show(&format!("load at the end: {}", machine::load()));
    Ok(())
}

/// The functions that are measured beside each other.
struct Sides {
    ours: SubjectFunction,
    /// Absent where ours is measured alone.
    python: Option<SubjectFunction>,
}

impl Sides {
    fn new(
        function: &Function,
        environment: Option<&Environment>,
        modules: &[Module],
        folder: &Path,
    ) -> Result<Self, Error> {
        let python = environment
            .map(|environment| SubjectFunction::python(&environment.interpreter, modules, folder))
            .transpose()?;
        Ok(Self {
            ours: SubjectFunction::ours(&function.executable, folder)?,
            python,
        })
    }
}

/// Counts the calls of both sides, and measures them under each condition.
async fn compare(
    arguments: &Arguments,
    scene: &RunContext<'_>,
    Sides { ours, python }: &Sides,
) -> Result<(), Error> {
    for subject_function in [Some(ours), python.as_ref()].into_iter().flatten() {
        scene.write_task_files(subject_function)?;
    }
    let traced = measure::trace(ours, scene).await?;
    let python_traced = match python {
        Some(python) => Some(measure::trace(python, scene).await?),
        None => None,
    };
    let title = scene.titled("Calls, counted at 50 ms each");
    show(&report::calls(&title, &traced, python_traced.as_ref()));
    if arguments.trace {
        show(&report::trace(ours.name, &traced));
        if let (Some(python), Some(traced)) = (python, &python_traced) {
            show(&report::trace(python.name, traced));
        }
    }

    for condition in plan::conditions(arguments) {
        let title = scene.titled(&condition.title);
        let limit = match condition.limited.then(Limit::find).transpose() {
            Ok(limit) => limit,
            Err(why) => {
                show(&format!(
                    "{title}: not measured, no control group limits: {why}\n"
                ));
                continue;
            }
        };
        let title = limit
            .as_ref()
            .map_or_else(|| title.clone(), |limit| format!("{title}, by {limit}"));
        let pairs =
            measure::pairs(ours, python.as_ref(), scene, &condition, limit.as_ref()).await?;
        show(&report::pairs(scene.kind(), &title, &pairs));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are the result")]
fn show(text: &str) {
    println!("{text}");
}
