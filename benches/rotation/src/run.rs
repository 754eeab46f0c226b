//! All of it, in order.

use crate::arguments::Arguments;
use crate::authority::Authority;
use crate::error::Error;
use crate::function::Function;
use crate::limit::Limit;
use crate::peer::Peer;
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
    let folder = tempfile::tempdir().map_err(Error::doing("make a temporary folder"))?;
    let authority = Authority::establish(folder.path(), arguments.one_authority)?;
    let environment = match arguments.without_python {
        true => None,
        false => Some(python::prepare().await?),
    };
    let function = Function::obtain(arguments.function.as_deref()).await?;
    let ours = Peer::ours(&function.executable, folder.path())?;
    let python = match &environment {
        Some(environment) => Some(Peer::python(
            &environment.interpreter,
            python::HANDLER,
            folder.path(),
        )?),
        None => None,
    };
    show(&heading::heading(
        &function,
        environment.as_ref(),
        &authority,
    ));

    let traced = measure::trace(&ours, &authority).await?;
    let python_traced = match &python {
        Some(python) => Some(measure::trace(python, &authority).await?),
        None => None,
    };
    show(&report::calls(&traced, python_traced.as_ref()));
    if arguments.trace {
        show(&report::trace(ours.name, &traced));
        if let (Some(python), Some(traced)) = (&python, &python_traced) {
            show(&report::trace(python.name, traced));
        }
    }

    for condition in plan::conditions(arguments) {
        let limit = match condition.limited.then(Limit::find).transpose() {
            Ok(limit) => limit,
            Err(why) => {
                let title = &condition.title;
                show(&format!(
                    "{title}: not measured, no control group limits: {why}\n"
                ));
                continue;
            }
        };
        let title = limit.as_ref().map_or_else(
            || condition.title.clone(),
            |limit| format!("{}, by {limit}", condition.title),
        );
        let python = python.as_ref();
        let pairs = measure::pairs(&ours, python, &authority, &condition, limit.as_ref()).await?;
        show(&report::pairs(&title, &pairs));
    }
    show(&format!("load at the end: {}", machine::load()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are the result")]
fn show(text: &str) {
    println!("{text}");
}
