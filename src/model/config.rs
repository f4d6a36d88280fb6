//! A step's configuration after the compiler has checked it: the node tree of the file with typed values and without
//! surprises. Names, types and required parts hold by the kind's spec, so readers use plain accessors.

use super::{Few, Props};
use crate::base::Money;
use crate::diag::Span;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// Where a secret is kept. The value is read by `world` when it is used and is never stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    Env(String),
    File(String),
}

/// One typed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scalar {
    Text(String),
    Integer(i64),
    Number(f64),
    Bool(bool),
    /// Milliseconds.
    Duration(u64),
    /// Bytes.
    Size(u64),
    Money(Money),
    Secret(SecretRef),
}

impl Scalar {
    pub fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Integers and numbers.
    pub fn number(&self) -> Option<f64> {
        match self {
            Scalar::Integer(value) => Some(*value as f64),
            Scalar::Number(value) => Some(*value),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Scalar::Integer(value) => Some(*value),
            _ => None,
        }
    }

    pub fn bool(&self) -> Option<bool> {
        match self {
            Scalar::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn duration(&self) -> Option<Duration> {
        match self {
            Scalar::Duration(millis) => Some(Duration::from_millis(*millis)),
            _ => None,
        }
    }

    pub fn money(&self) -> Option<&Money> {
        match self {
            Scalar::Money(money) => Some(money),
            _ => None,
        }
    }

    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Scalar::Secret(secret) => Some(secret),
            _ => None,
        }
    }
}

/// One configuration node: `rule "demand" weight=0.4 { value "…" }` is the node `rule` with one argument, one property, one child.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Nearly always a word of the language, which then is not copied.
    pub name: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub args: Few<Scalar>,
    #[serde(default, skip_serializing_if = "Props::is_empty")]
    pub props: Props,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Config>,
    /// Where it was written. Left out of digests, so that moving a step in its file changes nothing.
    #[serde(skip)]
    pub span: Span,
    /// One span per argument.
    #[serde(skip)]
    pub arg_spans: Few<Span>,
}

fn is_empty(args: &Few<Scalar>) -> bool {
    args.is_empty()
}

impl Config {
    pub fn child(&self, name: &str) -> Option<&Config> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Config> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.child(name).is_some()
    }

    /// The first argument of this node.
    pub fn arg(&self) -> Option<&Scalar> {
        self.args.first()
    }

    pub fn prop(&self, name: &str) -> Option<&Scalar> {
        self.props.get(name)
    }

    /// The first argument of the child `name`: `url "https://…"` is `config.value("url")`.
    pub fn value(&self, name: &str) -> Option<&Scalar> {
        self.child(name).and_then(Config::arg)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Scalar::text)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.value(name).and_then(Scalar::number)
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Scalar::integer)
    }

    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.value(name).and_then(Scalar::duration)
    }

    /// A flag node: absent is `false`, `name` alone or `name #true` is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.child(name).is_some_and(|child| child.arg().and_then(Scalar::bool).unwrap_or(true))
    }

    /// Every place in it follows an edit; see [`Span::follow`].
    pub fn follow(&mut self, from: u32, by: i64) {
        self.span.follow(from, by);
        self.arg_spans.iter_mut().for_each(|span| span.follow(from, by));
        self.children.iter_mut().for_each(|child| child.follow(from, by));
    }

    /// All text arguments of all children `name`: `check "voice" "forbidden"`.
    pub fn texts<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        self.all(name).flat_map(|child| child.args.iter().filter_map(Scalar::text)).collect()
    }
}
