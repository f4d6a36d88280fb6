//! The functions of the expression language: one table for the checker, did-you-mean and the reference.

/// One function. Macros (`has`, `exists` …) are listed too; the reader of the grammar expands them.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// Fewest and most arguments, counting the part before the point.
    pub least: usize,
    pub most: usize,
    /// May be written as `x.name(…)`.
    pub method: bool,
    /// May be written as `name(x, …)`.
    pub global: bool,
    pub doc: &'static str,
}

const fn global(name: &'static str, usage: &'static str, least: usize, most: usize, doc: &'static str) -> Function {
    Function { name, usage, least, most, method: false, global: true, doc }
}

const fn method(name: &'static str, usage: &'static str, arguments: usize, doc: &'static str) -> Function {
    Function { name, usage, least: arguments, most: arguments, method: true, global: false, doc }
}

const MANY: usize = usize::MAX;

/// All functions, sorted by name.
pub const FUNCTIONS: &[Function] = &[
    global("abs", "abs(x)", 1, 1, "the number without its sign"),
    global("age_days", "age_days(signal)", 1, 1, "days from the good's time, or from a time, to the opening of the cycle"),
    method("all", "signal.evidence.all(e, …)", 3, "every element fulfils the condition"),
    global("clamp", "clamp(x, low, high)", 3, 3, "the number, kept between two bounds"),
    method("contains", "signal.topic.contains(\"price\")", 2, "the text contains another"),
    global("double", "double(x)", 1, 1, "a text or flag as a number"),
    method("endsWith", "signal.topic.endsWith(\"api\")", 2, "the text ends with another"),
    method("exists", "signal.evidence.exists(e, …)", 3, "some element fulfils the condition"),
    method("exists_one", "signal.evidence.exists_one(e, …)", 3, "exactly one element fulfils the condition"),
    method("filter", "signal.evidence.filter(e, …)", 3, "the elements that fulfil the condition"),
    global("has", "has(signal.growth)", 1, 1, "the field is present"),
    global("int", "int(x)", 1, 1, "the number without its fraction"),
    global("ln", "ln(x)", 1, 1, "natural logarithm of a positive number"),
    Function {
        name: "lower",
        usage: "lower(signal.title)",
        least: 1,
        most: 1,
        method: true,
        global: true,
        doc: "the text in lower case",
    },
    method("map", "signal.evidence.map(e, e.source)", 3, "each element changed"),
    method("matches", "signal.topic.matches(\"^how \")", 2, "the text matches a regular expression"),
    global("max", "max(a, b)", 1, MANY, "the largest of the numbers, or of a list"),
    global("min", "min(a, b)", 1, MANY, "the smallest of the numbers, or of a list"),
    global("percentile", "percentile(signal.volume)", 1, 1, "rank among all inputs of the step, from 0 to 1"),
    global("round", "round(x)", 1, 1, "the nearest whole number"),
    Function {
        name: "size",
        usage: "size(signal.evidence)",
        least: 1,
        most: 1,
        method: true,
        global: true,
        doc: "how many elements a list has, or characters a text",
    },
    method("startsWith", "signal.topic.startsWith(\"how\")", 2, "the text starts with another"),
    global("string", "string(x)", 1, 1, "the value as text"),
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_and_their_usage_is_readable() {
        assert!(FUNCTIONS.is_sorted_by_key(|function| function.name));
        for function in FUNCTIONS {
            let usage = function.usage.replace('…', "true");
            assert!(super::super::compile(&usage).is_ok(), "{usage}");
        }
    }
}
