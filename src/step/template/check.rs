//! Checking a template against the fields of what its step takes, when the workflow is compiled.
//!
//! The walk follows the scopes of Handlebars: `{{#each}}` and `{{#with}}` open one, `../` leaves it, `as |name|` names it.

use super::helpers::{self, HELPERS, Takes};
use super::{TemplateProblem, offset, read_on};
use crate::diag::nearest;
use crate::model::GoodKind;
use crate::step::fields::{self, Type};
use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use std::collections::BTreeMap;
use std::ops::Range;

/// Everything that is wrong with a template in a step that takes these kinds, in the order of the text.
pub fn check(text: &str, takes: &[GoodKind]) -> Vec<TemplateProblem> {
    let (template, problems) = read_on(text);
    let Some((template, kept)) = template else { return problems };
    let root = Scope { kind: Kind::Root, names: BTreeMap::new(), loops: false };
    let mut checker = Checker { text: &kept, variables: fields::template_variables(takes), scopes: vec![root], problems };
    checker.template(&template);
    checker.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
    checker.problems.dedup();
    checker.problems
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Root,
    Known(Type),
    /// Already reported, or beyond what can be known.
    Any,
}

struct Scope {
    kind: Kind,
    /// Block parameters.
    names: BTreeMap<String, Kind>,
    /// `@index` and its like are there.
    loops: bool,
}

struct Checker<'t> {
    text: &'t str,
    variables: BTreeMap<&'static str, Type>,
    /// Innermost last; never empty.
    scopes: Vec<Scope>,
    problems: Vec<TemplateProblem>,
}

impl Checker<'_> {
    fn template(&mut self, template: &Template) {
        for (element, mapping) in template.elements.iter().zip(&template.mapping) {
            let at = offset(self.text, mapping.0, mapping.1);
            match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => self.value(tag, at),
                TemplateElement::HelperBlock(tag) => self.block(tag, at),
                TemplateElement::DecoratorExpression(_)
                | TemplateElement::DecoratorBlock(_)
                | TemplateElement::PartialExpression(_)
                | TemplateElement::PartialBlock(_) => {
                    self.problems.push(TemplateProblem::new(at..at, "templates have no partials"));
                }
                // The enum may grow; what we do not know we do not judge.
                #[allow(unreachable_patterns)]
                _ => {}
            }
        }
    }

    /// Where `written` stands, at or after `at`.
    fn find(&self, written: &str, at: usize) -> Range<usize> {
        match self.text.get(at..).and_then(|rest| rest.find(written)) {
            Some(found) if !written.is_empty() => at + found..at + found + written.len(),
            _ => at..at,
        }
    }

    /// `{{name}}` or `{{helper argument …}}`.
    fn value(&mut self, tag: &HelperTemplate, at: usize) {
        let name = tag.name.as_name().unwrap_or_default();
        if tag.params.is_empty() && tag.hash.is_empty() {
            match &tag.name {
                Parameter::Subexpression(_) => {
                    self.argument(&tag.name, at);
                }
                _ if helpers::find(name).is_some_and(|helper| helper.least > 0) && !self.has(name) => {
                    let usage = helpers::find(name).map_or("", |helper| helper.usage);
                    let range = self.find(name, at);
                    self.problems
                        .push(TemplateProblem::new(range, format!("`{name}` needs a value")).help(format!("write `{usage}`")));
                }
                _ => {
                    let range = self.find(name, at);
                    match self.path(name, range.clone()) {
                        Kind::Known(Type::List(_)) => self.problems.push(
                            TemplateProblem::new(range, format!("`{name}` is a list"))
                                .help(format!("write `{{{{#each {name}}}}}…{{{{/each}}}}` or `{{{{join {name} \", \"}}}}`")),
                        ),
                        Kind::Known(ty @ (Type::Record(_) | Type::Map(_))) => {
                            let help = match ty {
                                Type::Record([first, ..]) => format!("name one of its fields, such as `{name}.{}`", first.name),
                                _ => format!("name one of its values, such as `{name}.name`"),
                            };
                            self.problems.push(TemplateProblem::new(range, format!("`{name}` is {}", ty.words())).help(help));
                        }
                        _ => {}
                    }
                }
            }
            return;
        }
        self.call(tag, at);
    }

    /// A helper with its arguments, in a tag or in brackets.
    fn call(&mut self, tag: &HelperTemplate, at: usize) {
        let name = tag.name.as_name().unwrap_or_default();
        let range = self.find(name, at);
        let Some(helper) = helpers::find(name) else {
            let problem = TemplateProblem::new(range, format!("unknown helper `{name}`"));
            self.problems.push(match nearest(name, HELPERS.iter().map(|helper| helper.name)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("the helpers are {}", listed(HELPERS.iter().map(|helper| helper.name)))),
            });
            for param in &tag.params {
                self.argument(param, at);
            }
            return;
        };
        if helper.takes == Takes::Block && !tag.block {
            let message = format!("`{name}` is a block");
            self.problems.push(TemplateProblem::new(range, message).help(format!("write `{}`", helper.usage)));
            return;
        }
        if tag.params.len() < helper.least || tag.params.len() > helper.most {
            let message = format!("`{name}` is not used like this");
            self.problems.push(TemplateProblem::new(range.clone(), message).help(format!("write `{}`", helper.usage)));
        }
        for (place, param) in tag.params.iter().enumerate() {
            let kind = self.argument(param, range.end);
            let Kind::Known(ty) = kind else { continue };
            let fits = place > 0
                || match helper.takes {
                    Takes::Text => ty == Type::Text || ty == Type::Time,
                    Takes::Number => ty == Type::Number,
                    Takes::Time => ty == Type::Time,
                    Takes::List => matches!(ty, Type::List(_)),
                    Takes::Claim => {
                        matches!(ty, Type::Record(fields) if fields.iter().any(|field| field.name == "id")) || ty == Type::Text
                    }
                    Takes::Anything | Takes::Block => true,
                };
            if !fits {
                let wanted = match helper.takes {
                    Takes::Number => "a number",
                    Takes::Time => "a time",
                    Takes::List => "a list",
                    Takes::Claim => "a claim or its id",
                    Takes::Text | Takes::Anything | Takes::Block => "text",
                };
                let written = param.as_name().unwrap_or(name);
                let range = self.find(written, range.end);
                let message = format!("`{name}` needs {wanted}, but `{written}` is {}", ty.words());
                self.problems.push(TemplateProblem::new(range, message));
            }
        }
        if name == "join"
            && let (Some(param), None) = (tag.params.first(), tag.params.get(2))
        {
            let written = param.as_name().unwrap_or_default().to_owned();
            if let Kind::Known(Type::List(Type::Record(fields))) = self.resolve(&written) {
                let range = self.find(&written, range.end);
                let first = fields.first().map_or("", |field| field.name);
                self.problems.push(
                    TemplateProblem::new(range, format!("the elements of `{written}` are records"))
                        .help(format!("name one field: `{{{{join {written} \", \" \"{first}\"}}}}`")),
                );
            }
        }
    }

    fn argument(&mut self, param: &Parameter, at: usize) -> Kind {
        match param {
            Parameter::Subexpression(inner) => {
                if let TemplateElement::Expression(tag) = inner.as_element() {
                    if tag.params.is_empty() && tag.hash.is_empty() { self.value(tag, at) } else { self.call(tag, at) }
                }
                Kind::Any
            }
            Parameter::Literal(_) => Kind::Any,
            _ => {
                let written = param.as_name().unwrap_or_default().to_owned();
                let range = self.find(&written, at);
                self.path(&written, range)
            }
        }
    }

    fn block(&mut self, tag: &HelperTemplate, at: usize) {
        let name = tag.name.as_name().unwrap_or_default().to_owned();
        self.call(tag, at);
        let subject = match (name.as_str(), tag.params.first()) {
            ("each" | "with", Some(param)) => match param {
                Parameter::Subexpression(_) | Parameter::Literal(_) => Some(Kind::Any),
                _ => Some(self.resolve(param.as_name().unwrap_or_default())),
            },
            _ => None,
        };
        let opened = match (name.as_str(), subject) {
            ("each", Some(kind)) => {
                let element = match kind {
                    Kind::Known(Type::List(of) | Type::Map(of)) => Kind::Known(*of),
                    Kind::Known(Type::Record(_)) | Kind::Any | Kind::Root => Kind::Any,
                    Kind::Known(other) => {
                        let written = tag.params[0].as_name().unwrap_or_default().to_owned();
                        let range = self.find(&written, at);
                        let message = format!("`each` needs a list, but `{written}` is {}", other.words());
                        self.problems.push(TemplateProblem::new(range, message).help("use `if` to ask whether it is there"));
                        Kind::Any
                    }
                };
                Some(Scope { kind: element, names: BTreeMap::new(), loops: true })
            }
            ("with", Some(kind)) => Some(Scope { kind, names: BTreeMap::new(), loops: false }),
            _ => None,
        };
        let inner = tag.template.as_ref();
        match opened {
            Some(mut scope) => {
                let kind = scope.kind;
                match &tag.block_param {
                    Some(handlebars::template::BlockParam::Single(param)) => {
                        scope.names.insert(param.as_name().unwrap_or_default().to_owned(), kind);
                    }
                    Some(handlebars::template::BlockParam::Pair((one, two))) => {
                        scope.names.insert(one.as_name().unwrap_or_default().to_owned(), kind);
                        scope.names.insert(two.as_name().unwrap_or_default().to_owned(), Kind::Any);
                    }
                    _ => {}
                }
                self.scopes.push(scope);
                inner.into_iter().for_each(|template| self.template(template));
                self.scopes.pop();
            }
            None => inner.into_iter().for_each(|template| self.template(template)),
        }
        if let Some(otherwise) = &tag.inverse {
            self.template(otherwise);
        }
    }

    /// Whether the innermost scope has a variable of this name.
    fn has(&self, name: &str) -> bool {
        match self.scopes.last().map(|scope| scope.kind) {
            Some(Kind::Root) => self.variables.contains_key(name),
            Some(Kind::Known(Type::Record(fields))) => fields.iter().any(|field| field.name == name),
            _ => false,
        }
    }

    /// Follows a path without reporting.
    fn resolve(&mut self, written: &str) -> Kind {
        let before = self.problems.len();
        let kind = self.path(written, 0..0);
        self.problems.truncate(before);
        kind
    }

    /// Follows a path such as `../brief.claims.[0].text`; reports where it leads nowhere.
    fn path(&mut self, written: &str, range: Range<usize>) -> Kind {
        let mut rest = written.trim_start_matches("./");
        let mut level = self.scopes.len() - 1;
        let (mut kind, mut owner) = if let Some(after) = rest.strip_prefix("@root") {
            rest = after.trim_start_matches(['.', '/']);
            (Kind::Root, String::new())
        } else {
            let local = rest.starts_with('@');
            rest = rest.trim_start_matches('@');
            while let Some(after) = rest.strip_prefix("..") {
                rest = after.trim_start_matches(['/', '.']);
                level = level.saturating_sub(1);
            }
            if local {
                return self.local(rest, level, range);
            }
            let first = rest.split(['.', '/']).next().unwrap_or_default();
            let named = self.scopes[..=level].iter().rev().find_map(|scope| scope.names.get(first));
            match named {
                Some(kind) => {
                    let kind = *kind;
                    let owner = first.to_owned();
                    rest = rest[first.len()..].trim_start_matches(['.', '/']);
                    (kind, owner)
                }
                None => (self.scopes[level].kind, String::new()),
            }
        };
        for part in rest.split(['.', '/']).filter(|part| !part.is_empty() && *part != "this") {
            let part = part.trim_start_matches('[').trim_end_matches(']');
            let next = match kind {
                Kind::Any => return Kind::Any,
                Kind::Root => self.variables.get(part).map(|ty| Kind::Known(*ty)),
                Kind::Known(Type::Record(fields)) => {
                    fields.iter().find(|field| field.name == part).map(|field| Kind::Known(field.ty))
                }
                Kind::Known(Type::Map(of)) => Some(Kind::Known(*of)),
                Kind::Known(Type::List(of)) if part.parse::<usize>().is_ok() => Some(Kind::Known(*of)),
                Kind::Known(_) => None,
            };
            match next {
                Some(next) => {
                    kind = next;
                    if !owner.is_empty() {
                        owner.push('.');
                    }
                    owner.push_str(part);
                }
                None => {
                    self.unknown(kind, &owner, part, written, range);
                    return Kind::Any;
                }
            }
        }
        kind
    }

    /// `@index` and its like.
    fn local(&mut self, name: &str, level: usize, range: Range<usize>) -> Kind {
        let inside = self.scopes[..=level].iter().any(|scope| scope.loops);
        let kind = match name {
            "index" => Kind::Known(Type::Number),
            "first" | "last" => Kind::Known(Type::Flag),
            "key" => Kind::Known(Type::Text),
            _ => {
                let problem = TemplateProblem::new(range, format!("unknown variable `@{name}`"));
                self.problems.push(problem.help("inside `each` there are `@index`, `@first`, `@last` and `@key`"));
                return Kind::Any;
            }
        };
        if !inside {
            let problem = TemplateProblem::new(range, format!("`@{name}` stands outside of `each`"));
            self.problems.push(problem.help("use it between `{{#each …}}` and `{{/each}}`"));
        }
        kind
    }

    fn unknown(&mut self, kind: Kind, owner: &str, part: &str, written: &str, range: Range<usize>) {
        let names: Vec<&str> = match kind {
            Kind::Root => self.variables.keys().copied().collect(),
            Kind::Known(Type::Record(fields)) => fields.iter().map(|field| field.name).collect(),
            _ => Vec::new(),
        };
        // The part that is wrong, not the whole path.
        let range = match self.text.get(range.clone()).and_then(|text| text.rfind(part)) {
            Some(at) if !range.is_empty() => range.start + at..range.start + at + part.len(),
            _ => range,
        };
        let message = match kind {
            Kind::Root => format!("there is no `{part}` here"),
            Kind::Known(Type::Record(_)) if owner.is_empty() => format!("there is no `{part}` in this block"),
            Kind::Known(ty) if owner.is_empty() => format!("this is {} and has no `{part}`", ty.words()),
            Kind::Known(Type::List(_)) => format!("`{owner}` is a list and has no `{part}`"),
            _ => format!("`{owner}` has no `{part}`"),
        };
        let help = if let Some(near) = nearest(part, names.iter().copied()) {
            format!("did you mean `{near}`?")
        } else if owner.is_empty() && kind != Kind::Root && self.variables.contains_key(part) {
            format!("write `@root.{written}`: inside a block, names start from its element")
        } else if let (Kind::Root, Some(variable)) = (kind, self.variable_with(part)) {
            format!("write `{variable}.{part}`")
        } else if names.is_empty() {
            "use it inside `{{#each …}}`, or name one element with `.[0]`".to_owned()
        } else {
            format!("there is {}", listed(names.into_iter()))
        };
        self.problems.push(TemplateProblem::new(range, message).help(help));
    }

    /// A variable that has a field of this name.
    fn variable_with(&self, field: &str) -> Option<&'static str> {
        self.variables.iter().find_map(|(name, ty)| match ty {
            Type::Record(fields) if fields.iter().any(|other| other.name == field) => Some(*name),
            _ => None,
        })
    }
}

/// `a`, `b` and `c`
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, takes: GoodKind) -> Vec<String> {
        check(text, &[takes])
            .into_iter()
            .map(|problem| {
                let help = problem.help.map(|help| format!(" | {help}")).unwrap_or_default();
                format!("{}: {}{help}", &text[problem.range], problem.message)
            })
            .collect()
    }

    #[test]
    fn good_templates_have_no_problem() {
        for text in [
            "# {{brief.title}}\n{{#each brief.claims}}- {{text}} [{{id}}] {{#if url}}({{url}}){{/if}}\n{{/each}}",
            "{{#each brief.claims as |claim|}}{{claim.quote}} {{../brief.audience}} {{@root.os.voice}} {{@index}}{{/each}}",
            "{{#each brief.related}}[{{title}}]({{url}}){{#unless @last}}, {{/unless}}{{else}}none{{/each}}",
            "{{#with brief}}{{title}} {{#each avoid}}{{this}}{{/each}}{{/with}}",
            "{{#if (gt brief.score 0.5)}}{{percent brief.growth}}{{else if brief.cta}}{{brief.cta}}{{/if}}",
            "{{os.pages.[0].title}} {{os.styles.blog}} {{date now}} {{join brief.avoid \"; \"}} {{join brief.claims \", \" \"id\"}}",
            "{{#each brief.claims}}{{cite this}} {{quote quote 80}}{{/each}}",
        ] {
            assert_eq!(found(text, GoodKind::Brief), Vec::<String>::new(), "{text}");
        }
        assert_eq!(
            found(
                "{{outline.title}} {{#each outline.sections}}{{heading}}{{#each paragraphs}}{{this}}{{/each}}{{/each}} {{#each sources}}{{label}}{{/each}}{{brief.cta}}",
                GoodKind::Outline
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn mistakes_are_found_where_they_stand() {
        for (text, expected) in [
            ("{{brief.titel}}", vec!["titel: `brief` has no `titel` | did you mean `title`?"]),
            ("{{breif.title}}", vec!["breif: there is no `breif` here | did you mean `brief`?"]),
            ("{{audience}}", vec!["audience: there is no `audience` here | write `brief.audience`"]),
            (
                "{{#each brief.claims}}{{brief.title}}{{/each}}",
                vec![
                    "brief: there is no `brief` in this block | write `@root.brief.title`: inside a block, names start from its element",
                ],
            ),
            ("{{#each brief.claims}}{{txt}}{{/each}}", vec!["txt: there is no `txt` in this block | did you mean `text`?"]),
            ("{{#each brief.claims as |c|}}{{c.txt}}{{/each}}", vec!["txt: `c` has no `txt` | did you mean `text`?"]),
            (
                "{{brief.claims}}",
                vec![
                    "brief.claims: `brief.claims` is a list | write `{{#each brief.claims}}…{{/each}}` or `{{join brief.claims \", \"}}`",
                ],
            ),
            (
                "{{brief.claims.text}}",
                vec![
                    "text: `brief.claims` is a list and has no `text` | use it inside `{{#each …}}`, or name one element with `.[0]`",
                ],
            ),
            ("{{brief}}", vec!["brief: `brief` is a record | name one of its fields, such as `brief.title`"]),
            ("{{uper brief.title}}", vec!["uper: unknown helper `uper` | did you mean `upper`?"]),
            ("{{percent brief.title}}", vec!["brief.title: `percent` needs a number, but `brief.title` is text"]),
            ("{{@index}}", vec!["@index: `@index` stands outside of `each` | use it between `{{#each …}}` and `{{/each}}`"]),
            (
                "{{#each brief.title}}x{{/each}}",
                vec!["brief.title: `each` needs a list, but `brief.title` is text | use `if` to ask whether it is there"],
            ),
            (
                "{{#if (gt brief.scor 1)}}x{{else}}{{brief.ct}}{{/if}}",
                vec!["scor: `brief` has no `scor` | did you mean `score`?", "ct: `brief` has no `ct` | did you mean `cta`?"],
            ),
            (
                "{{join brief.claims}}",
                vec![
                    "brief.claims: the elements of `brief.claims` are records | name one field: `{{join brief.claims \", \" \"id\"}}`",
                ],
            ),
            ("a {{#if brief.cta}} b", vec!["{{#if brief.cta}}: this `{{#if}}` is not closed | end it with `{{/if}}`"]),
            (
                "{{#if brief.cta}}{{/each}}",
                vec!["{{#if brief.cta}}{{/each}}: `{{#if}}` is closed by `{{/each}}` | write `{{/if}}`"],
            ),
            ("é {{brief.title", vec!["{{brief.title: this tag is not closed | end it with `}}`"]),
            (
                "{{#if brief.score == 1}}x{{/if}}",
                vec![
                    "{{#if brief.score == 1}}: `{{#if brief.score == 1}}` cannot be read | compare with a helper: `{{#if (eq brief.score 1)}}`",
                ],
            ),
            (
                "{{brief.title | upper}}",
                vec![
                    "{{brief.title | upper}}: `{{brief.title | upper}}` cannot be read | a helper comes first: `{{upper brief.title}}`",
                ],
            ),
            ("{{/if}}", vec!["{{/if}}: `{{/if}}` closes nothing | open it with `{{#if …}}` before"]),
            (
                "é{{> head}}{{}}{{brief.titel}}{{#*inline \"x\"}}{{brief.ct}}{{/inline}}{{#> lay}}{{uper brief.title}}{{/lay}}{{#if brief.scor}}",
                vec![
                    "{{> head}}: templates have no partials | write the text here instead",
                    "{{}}: this tag is empty | name a variable, such as `{{brief.title}}`",
                    "titel: `brief` has no `titel` | did you mean `title`?",
                    "{{#*inline \"x\"}}: templates have no decorators | write the text here instead",
                    "ct: `brief` has no `ct` | did you mean `cta`?",
                    "{{#> lay}}: templates have no partials | write the text here instead",
                    "uper: unknown helper `uper` | did you mean `upper`?",
                    "{{#if brief.scor}}: this `{{#if}}` is not closed | end it with `{{/if}}`",
                    "scor: `brief` has no `scor` | did you mean `score`?",
                ],
            ),
            // A fault of the syntax hides nothing behind it, and makes no new one.
            (
                "{{#if brief.score == 1}}{{brief.titel}}{{else if brief.cta != \"x\"}}{{brief.ct}}{{/if}}{{brief.title < 2}}{{breif.title}}",
                vec![
                    "{{#if brief.score == 1}}: `{{#if brief.score == 1}}` cannot be read | compare with a helper: `{{#if (eq brief.score 1)}}`",
                    "titel: `brief` has no `titel` | did you mean `title`?",
                    "{{else if brief.cta != \"x\"}}: `{{else if brief.cta != \"x\"}}` cannot be read | compare with a helper: `{{else if (ne brief.cta \"x\")}}`",
                    "ct: `brief` has no `ct` | did you mean `cta`?",
                    "{{brief.title < 2}}: `{{brief.title < 2}}` cannot be read | compare with a helper: `{{#if (lt brief.title 2)}}`",
                    "breif: there is no `breif` here | did you mean `brief`?",
                ],
            ),
            (
                "{{#each brief.claims | first}}{{text}}{{/each}}{{#if brief.title\n}}x{{/if}}{{brief.title\n{{brief.titel}}",
                vec![
                    "{{#each brief.claims | first}}: `{{#each brief.claims | first}}` cannot be read | a helper comes first: `{{upper brief.title}}`",
                    "{{brief.title: this tag is not closed | end it with `}}`",
                    "titel: `brief` has no `titel` | did you mean `title`?",
                ],
            ),
            (
                "{{#if brief.cta\n{{brief.titel}}{{/if}}{{#each brief.claims}}{{#if url}}{{txt}}{{/each}}{{#if brief.cta}}a{{else}}b{{else}}{{brief.ct}}{{/fi}}",
                vec![
                    "{{#if brief.cta: this tag is not closed | end it with `}}`",
                    "titel: `brief` has no `titel` | did you mean `title`?",
                    "{{#if url}}{{txt}}{{/each}}: `{{#if}}` is closed by `{{/each}}` | write `{{/if}}` before it",
                    "txt: there is no `txt` in this block | did you mean `text`?",
                    "{{#if brief.cta}}a{{else}}b{{else}}{{brief.ct}}{{/fi}}: `{{#if}}` is closed by `{{/fi}}` | write `{{/if}}`",
                    "{{else}}: this `{{#if}}` has its `{{else}}` already | the one without a condition comes last, and once",
                    "ct: `brief` has no `ct` | did you mean `cta`?",
                ],
            ),
            ("{{outline.text}}", vec!["outline: there is no `outline` here | there is `brief`, `now` and `os`"]),
        ] {
            assert_eq!(found(text, GoodKind::Brief), expected, "{text}");
        }
    }

    #[test]
    fn bundled_templates_are_clean() {
        for (name, takes) in [("outline", GoodKind::Brief), ("draft", GoodKind::Outline)] {
            for workflow in ["first-loop", "b2b-growth"] {
                let path = format!("{}/workflows/{workflow}/templates/{name}.hbs", env!("CARGO_MANIFEST_DIR"));
                match std::fs::read_to_string(&path) {
                    Ok(text) => assert_eq!(found(&text, takes), Vec::<String>::new(), "{path}"),
                    Err(_) => println!("skipped: {path} is not here"),
                }
            }
        }
    }
}
