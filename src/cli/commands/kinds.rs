//! `loopctl kinds`: the step reference, made from the specs.

use crate::builtin;
use crate::cli::args::Kinds;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::compile::modules::{self, page};
use crate::diag::{Diagnostic, nearest};
use crate::report::style::{CODE, DIM, TITLE, fit, paint};
use crate::step::reference::{connector_page, kind_page};
use crate::workspace::Findings;
use crate::world::DiskFiles;
use serde_json::json;

pub fn run(args: &Kinds, output: &Output) -> Result<Exit, Failure> {
    let pages = pages();
    if let Some(folder) = &args.write {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        for (name, page) in &pages {
            let path = folder.join(format!("{}.md", name.replace(" kind=", "-")));
            std::fs::write(&path, page).map_err(|error| unwritable(&path, &error))?;
        }
        return Ok(Exit::Ok);
    }
    if args.schema {
        output.facts("schema", &crate::compile::schema::schema(builtin::registry()));
        return Ok(Exit::Ok);
    }
    if args.kind.is_empty() {
        list(output);
        return Ok(Exit::Ok);
    }
    if let [module] = args.kind.as_slice()
        && module.contains('/')
    {
        return a_module(module, output);
    }
    let wanted = args.kind.join(" ").replace(" kind=", " ").replace("kind=", "");
    let plain = |name: &str| name.replace(" kind=", " ");
    let found: Vec<&(String, String)> =
        pages.iter().filter(|(name, _)| plain(name) == wanted || plain(name).split(' ').next() == Some(&wanted)).collect();
    if found.is_empty() {
        let names: Vec<String> = pages.iter().map(|(name, _)| plain(name)).collect();
        let help = match nearest(&wanted, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `loopctl kinds {name}`?"),
            None => "`loopctl kinds` lists all kinds".to_owned(),
        };
        return Err(Failure::new("cli::unknown-kind", format!("there is no step kind `{wanted}`")).help(help));
    }
    if output.json {
        output.facts("kinds", &found.iter().map(|(name, page)| json!({"kind": name, "page": page})).collect::<Vec<_>>());
    } else {
        output.text(&found.iter().map(|(_, page)| page.as_str()).collect::<Vec<_>>().join("\n---\n\n"));
    }
    Ok(Exit::Ok)
}

/// The steps that a module exports, with their parameters. The module is found as a workflow in this folder would find it.
fn a_module(reference: &str, output: &Output) -> Result<Exit, Failure> {
    let (module, sources, findings) = modules::load(&DiskFiles::new(""), "", reference, builtin::registry());
    let module = module.filter(|_| !findings.iter().any(Diagnostic::is_error));
    let Some(module) = module else {
        return Err(Failure::new("cli::unknown-kind", format!("module `{reference}` cannot be shown"))
            .help("mend what is shown above; `loopctl explain CODE` tells more")
            .with(Findings { sources, diagnostics: findings }));
    };
    match output.json {
        true => output.facts("module", &page::facts(&module)),
        false => output.text(&page::page(&module, 1)),
    }
    Ok(Exit::Ok)
}

/// Every reference page by its title.
pub fn pages() -> Vec<(String, String)> {
    let registry = builtin::registry();
    let kinds = registry.kinds.iter().map(|kind| (kind.spec().title(), kind_page(kind.spec())));
    let providers =
        registry.providers.iter().map(|spec| (format!("provider kind={}", spec.kind), connector_page("provider", spec)));
    let channels = registry.channels.iter().map(|spec| (format!("channel kind={}", spec.kind), connector_page("channel", spec)));
    kinds.chain(providers).chain(channels).collect()
}

fn list(output: &Output) {
    let registry = builtin::registry();
    let facts: Vec<_> = registry
        .kinds
        .iter()
        .map(|kind| kind.spec())
        .map(|spec| json!({"kind": spec.title(), "summary": spec.summary, "takes": spec.takes, "gives": spec.gives, "layers": spec.layers}))
        .collect();
    output.either("kinds", &facts, || {
        let width = output.width();
        let line = |name: &str, summary: &str| {
            format!("  {}  {}\n", paint(CODE, format!("{name:<28}")), fit(summary, width.saturating_sub(32)))
        };
        let mut text = format!("{}\n", paint(TITLE, "Steps"));
        for kind in &registry.kinds {
            text.push_str(&line(&kind.spec().title(), kind.spec().summary));
        }
        text.push_str(&format!("\n{}\n", paint(TITLE, "Providers and channels")));
        for spec in registry.providers {
            text.push_str(&line(&format!("provider kind={}", spec.kind), spec.summary));
        }
        for spec in registry.channels {
            text.push_str(&line(&format!("channel kind={}", spec.kind), spec.summary));
        }
        text.push_str(&format!("\n{}\n", paint(TITLE, "Built-in modules")));
        for found in page::built_in(registry) {
            text.push_str(&line(&found.name, &found.module.about));
        }
        text.push_str(&format!("\n{}\n", paint(DIM, "loopctl kinds KIND tells all about one.")));
        text
    });
}

fn unwritable(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
        .help("choose a folder you may write to")
}
