//! `loopctl report`: a cycle's report as Markdown, HTML and JSON.

use crate::cli::args::Report;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::report::{html, markdown};

pub fn run(args: &Report, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let (project, _) = Project::load_or_pinned(place, args.workflow.file.as_deref(), output)?;
    if !project.has_state() {
        return Err(project.nothing_yet());
    }
    let journal = project.open()?;
    let view = project.view(&project.entries(journal.as_ref(), args.cycle)?)?;
    let text = markdown::render(&view);
    let Some(folder) = &args.out else {
        output.either("cycle", &view, || text);
        return Ok(Exit::Ok);
    };
    let name = format!("{}-{}", project.workflow.id, view.cycle);
    let mut written = Vec::new();
    for (extension, content) in [("md", text), ("html", html::render(&view))] {
        let path = folder.join(format!("{name}.{extension}"));
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content)).map_err(|error| {
            Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
                .help("choose another folder with `--out`")
        })?;
        written.push(path.display().to_string());
    }
    output.either("written", &written, || format!("Wrote {}.", written.join(" and ")));
    Ok(Exit::Ok)
}
