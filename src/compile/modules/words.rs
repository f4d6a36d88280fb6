//! The words of a module file, as the same node specs that workflows and step kinds use.

use crate::step::{ArgSpec, NodeSpec, Occurs, PropSpec, ValueType};

const NAME: &[ArgSpec] = &[ArgSpec { name: "name", ty: ValueType::Text, required: true }];

/// What one value of a parameter can be, as it is written after `type=`.
pub const TYPES: &[(&str, ValueType)] = &[
    ("text", ValueType::Text),
    ("integer", ValueType::Integer),
    ("number", ValueType::Number),
    ("share", ValueType::Share),
    ("flag", ValueType::Bool),
    ("duration", ValueType::Duration),
    ("size", ValueType::Size),
    ("money", ValueType::Money),
    ("url", ValueType::Url),
    ("file", ValueType::File),
    ("folder", ValueType::Folder),
    ("glob", ValueType::Glob),
    ("time", ValueType::Time),
    ("window", ValueType::Window),
    ("expression", ValueType::Expression),
    ("template", ValueType::Template),
    ("step", ValueType::Step),
    ("provider", ValueType::Provider),
    ("channel", ValueType::Channel),
    ("parameter", ValueType::Parameter),
    ("secret", ValueType::Secret),
    ("choice", ValueType::Choice(&[])),
];

const TYPE_NAMES: &[&str] = &[
    "text",
    "integer",
    "number",
    "share",
    "flag",
    "duration",
    "size",
    "money",
    "url",
    "file",
    "folder",
    "glob",
    "time",
    "window",
    "expression",
    "template",
    "step",
    "provider",
    "channel",
    "parameter",
    "secret",
    "choice",
];

const ABOUT: NodeSpec =
    NodeSpec::value("about", ValueType::Text, "What it is for, in a sentence or two.", "about \"Watches what rivals charge.\"");

/// The line of `module`.
pub const MODULE: NodeSpec = NodeSpec {
    name: "module",
    args: NAME,
    props: &[PropSpec {
        name: "version",
        ty: ValueType::Text,
        required: true,
        default: None,
        doc: "Three numbers by semantic versioning: the first goes up when users have to change something.",
    }],
    occurs: Occurs::Once,
    doc: "Steps for others to use, each made of built-in steps.",
    example: "module \"acme/voice\" version=\"1.2.0\" { … }",
    ..NodeSpec::EMPTY
};

/// What stands in the block of `module` besides `use` and `step`.
pub const MODULE_SETTINGS: &[NodeSpec] = &[ABOUT.required()];

/// The line of `use` in the block of `module`: it also says where the other module comes from, because who uses this one may not know.
pub const USE: NodeSpec = NodeSpec {
    name: "use",
    args: &[ArgSpec { name: "module", ty: ValueType::Text, required: true }],
    props: &[
        PropSpec {
            name: "as",
            ty: ValueType::Text,
            required: false,
            default: None,
            doc: "The name that stands before the dot: `words.check`.",
        },
        PropSpec {
            name: "from",
            ty: ValueType::Text,
            required: false,
            default: None,
            doc: "Where it comes from, as after `loopctl add`; `../words` is a folder of the same repository, archive or disk.",
        },
        PropSpec {
            name: "dir",
            ty: ValueType::Text,
            required: false,
            default: None,
            doc: "The folder of the module in that repository or archive.",
        },
    ],
    occurs: Occurs::Many,
    doc: "Another module that this one is made of.",
    example: "use \"acme/words@^1.2\" from=\"https://example.com/acme/words.git\"",
    ..NodeSpec::EMPTY
};

/// The line of `step`.
pub const STEP: NodeSpec = NodeSpec {
    name: "step",
    args: NAME,
    occurs: Occurs::Many,
    doc: "A step for others to use, under the name of the module, a dot and this name.",
    example: "step \"check\" { … }",
    ..NodeSpec::EMPTY
};

/// What stands in the block of `step` besides the built-in steps it is made of.
pub const STEP_SETTINGS: &[NodeSpec] = &[
    ABOUT.required(),
    NodeSpec::value(
        "example",
        ValueType::Text,
        "A use as it would be written.",
        "example #\"voice.check \"tone\" { from \"drafts\" }\"#",
    ),
    NodeSpec::value(
        "result",
        ValueType::Text,
        "Which of the built-in steps takes the user's name, so that others read it. A step made of only one needs no `result`.",
        "result \"judged\"",
    ),
];

/// The line of `param`. What `default=` holds has the type of the parameter.
pub const PARAM: NodeSpec = NodeSpec {
    name: "param",
    args: NAME,
    props: &[
        PropSpec {
            name: "type",
            ty: ValueType::Choice(TYPE_NAMES),
            required: false,
            default: Some("text"),
            doc: "What a value can be.",
        },
        PropSpec {
            name: "default",
            ty: ValueType::Text,
            required: false,
            default: None,
            doc: "What it is when a use does not say it. Without a default the parameter has to be given, unless it is `optional`.",
        },
        PropSpec {
            name: "optional",
            ty: ValueType::Bool,
            required: false,
            default: Some("#false"),
            doc: "It may be left out, and then the settings that hold it are left out too.",
        },
        PropSpec {
            name: "many",
            ty: ValueType::Bool,
            required: false,
            default: Some("#false"),
            doc: "It may have several values.",
        },
        PropSpec { name: "least", ty: ValueType::Number, required: false, default: None, doc: "The smallest number it may be." },
        PropSpec { name: "most", ty: ValueType::Number, required: false, default: None, doc: "The largest number it may be." },
    ],
    occurs: Occurs::Many,
    doc: "Something that a use says: `(param)\"keep\"` stands for its value.",
    example: "param \"keep\" type=\"integer\" default=10 { about \"How many go on.\" }",
    ..NodeSpec::EMPTY
};

/// What stands in the block of `param`.
pub const PARAM_SETTINGS: &[NodeSpec] = &[
    ABOUT.required(),
    NodeSpec {
        name: "one-of",
        args: &[ArgSpec { name: "word", ty: ValueType::Text, required: true }],
        rest: Some(ValueType::Text),
        doc: "The words of a `choice`.",
        example: "one-of \"calm\" \"lively\"",
        ..NodeSpec::EMPTY
    },
];

/// Annotations of values that a module leaves to its use.
pub const HOLES: &[&str] = &["param", "each", "text", "formula"];

/// The type that a word after `type=` means.
pub fn value_type(word: &str) -> Option<ValueType> {
    TYPES.iter().find(|(name, _)| *name == word).map(|(_, ty)| *ty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_can_be_written() {
        assert_eq!(TYPES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), TYPE_NAMES);
        assert_eq!(value_type("money"), Some(ValueType::Money));
    }
}
