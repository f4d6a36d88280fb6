//! `loopctl explain CODE`: the page of a diagnostic.

use crate::cli::args::Explain;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::diag::{catalog, nearest, pages};
use crate::report::style::{CODE, paint};
use serde_json::json;

pub fn run(args: &Explain, output: &Output) -> Result<Exit, Failure> {
    let Some(code) = &args.code else {
        let all: Vec<_> = catalog::CATALOG.iter().map(|entry| json!({"code": entry.code, "title": entry.title})).collect();
        output.either("codes", &all, || {
            catalog::CATALOG
                .iter()
                .map(|entry| format!("{}  {}\n", paint(CODE, format!("{:<34}", entry.code)), entry.title))
                .collect()
        });
        return Ok(Exit::Ok);
    };
    let Some(entry) = catalog::find(code) else {
        let help = match nearest(code, catalog::CATALOG.iter().map(|entry| entry.code)) {
            Some(near) => format!("did you mean `loopctl explain {near}`?"),
            None => "`loopctl explain` lists all codes".to_owned(),
        };
        return Err(Failure::new("cli::unknown-code", format!("there is no diagnostic `{code}`")).help(help));
    };
    let page = pages::page(entry.code).unwrap_or_else(|| entry.title.to_owned());
    output.either("page", &json!({"code": entry.code, "title": entry.title, "page": page}), || page.clone());
    Ok(Exit::Ok)
}
