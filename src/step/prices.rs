//! What models cost: the price that a workflow states, or the list price of a provider's own interface.
//!
//! List prices change, so the table has a date and counts only where the list applies: at the provider's own address. A model
//! behind another address has no price until the workflow states one; then only its tokens are counted.

use crate::base::Money;
use crate::model::{Config, Provider, Scalar};

/// US dollars for a million tokens, which are also millionths of a dollar for one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub input: f64,
    /// Input that the server still remembered.
    pub cached: f64,
    pub output: f64,
}

impl Price {
    /// What an answer cost, rounded up to a millionth of a dollar. `tokens_cached` are part of `tokens_in`.
    pub fn of(&self, tokens_in: u64, tokens_cached: u64, tokens_out: u64) -> Money {
        let cached = tokens_cached.min(tokens_in);
        let dollars = (tokens_in - cached) as f64 * self.input + cached as f64 * self.cached + tokens_out as f64 * self.output;
        // The cast stops at the largest amount. What is a rounding error above a whole amount is that amount.
        Money { currency: "usd".to_owned(), micros: (dollars - 1e-6).ceil().max(0.0) as i64 }
    }
}

/// The hosts and the beginnings of model names at which a price holds: input, remembered input, output. The prices are those of
/// November 2025, as the reference of `price` says.
const LIST: &[(&str, &str, f64, f64, f64)] = &[
    ("api.openai.com", "gpt-4o-mini", 0.15, 0.075, 0.6),
    ("api.openai.com", "gpt-4o", 2.5, 1.25, 10.0),
    ("api.openai.com", "gpt-4.1-nano", 0.1, 0.025, 0.4),
    ("api.openai.com", "gpt-4.1-mini", 0.4, 0.1, 1.6),
    ("api.openai.com", "gpt-4.1", 2.0, 0.5, 8.0),
    ("api.openai.com", "gpt-5-nano", 0.05, 0.005, 0.4),
    ("api.openai.com", "gpt-5-mini", 0.25, 0.025, 2.0),
    ("api.openai.com", "gpt-5", 1.25, 0.125, 10.0),
    ("api.anthropic.com", "claude-3-5-haiku", 0.8, 0.08, 4.0),
    ("api.anthropic.com", "claude-haiku-4-5", 1.0, 0.1, 5.0),
    ("api.anthropic.com", "claude-3-7-sonnet", 3.0, 0.3, 15.0),
    ("api.anthropic.com", "claude-sonnet-4", 3.0, 0.3, 15.0),
    ("api.anthropic.com", "claude-opus-4-5", 5.0, 0.5, 25.0),
    ("api.anthropic.com", "claude-opus-4", 15.0, 1.5, 75.0),
    ("generativelanguage.googleapis.com", "gemini-2.5-flash-lite", 0.1, 0.025, 0.4),
    ("generativelanguage.googleapis.com", "gemini-2.5-flash", 0.3, 0.075, 2.5),
    ("generativelanguage.googleapis.com", "gemini-2.5-pro", 1.25, 0.31, 10.0),
];

/// The price of a provider's model; `None` when nobody has stated one.
pub fn of(provider: &Provider) -> Option<Price> {
    of_model(&provider.kind, &provider.config)
}

/// The same for a kind of provider with its settings.
pub fn of_model(kind: &str, config: &Config) -> Option<Price> {
    if let Some(stated) = config.child("price") {
        return stated_price(stated);
    }
    let base = config.text("base-url").or(match kind {
        "openai-responses" => Some("https://api.openai.com/"),
        "anthropic-messages" => Some("https://api.anthropic.com/"),
        "gemini" => Some("https://generativelanguage.googleapis.com/"),
        _ => None,
    })?;
    let host = base.strip_prefix("https://")?.split(['/', ':']).next()?;
    let model = config.text("model")?;
    let listed = LIST.iter().filter(|(at, name, ..)| *at == host && is_version_of(model, name));
    // The longest beginning is the model itself: `gpt-4o-mini` is no `gpt-4o`.
    let (.., input, cached, output) = listed.max_by_key(|(_, name, ..)| name.len())?;
    Some(Price { input: *input, cached: *cached, output: *output })
}

/// Whether its answers cost money and nobody has said how much. What runs on this machine costs none, and a command may be anything.
pub fn is_wanted(kind: &str, config: &Config) -> bool {
    let here = config.text("base-url").is_some_and(|base| {
        let host = base.split_once("://").map_or(base, |(_, rest)| rest).split('/').next().unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "localhost" | "[::1]") || name.starts_with("127.")
    });
    !matches!(kind, "template" | "exec") && !here && of_model(kind, config).is_none()
}

/// `claude-sonnet-4-20250514` and `claude-sonnet-4` are one model; `gpt-5.1` is not `gpt-5`.
fn is_version_of(model: &str, name: &str) -> bool {
    model.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn stated_price(price: &Config) -> Option<Price> {
    let dollars = |name: &str| price.prop(name).and_then(Scalar::number).filter(|dollars| *dollars >= 0.0);
    let input = dollars("input")?;
    Some(Price { input, cached: dollars("cached").unwrap_or(input), output: dollars("output")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(kind: &str, base: Option<&str>, model: &str, price: Option<Config>) -> Provider {
        let node = |name: &str, text: &str| Config {
            name: name.to_owned().into(),
            args: [Scalar::Text(text.into())].into(),
            ..Config::default()
        };
        let mut children = vec![node("model", model)];
        children.extend(base.map(|base| node("base-url", base)));
        children.extend(price);
        Provider { name: "drafter".into(), kind: kind.into(), config: Config { children, ..Config::default() } }
    }

    #[test]
    fn a_stated_price_wins_over_the_list_and_remembered_input_costs_what_it_says() {
        let props = [("input", 0.5), ("output", 2.0), ("cached", 0.1)].map(|(name, value)| (name, Scalar::Number(value)));
        let stated = Config { name: "price".into(), props: props.into(), ..Config::default() };
        let price = of(&provider("openai-chat", Some("https://api.openai.com/v1"), "gpt-4o", Some(stated))).unwrap();
        assert_eq!(price.of(1_000, 400, 500).micros, 300 + 40 + 1_000);
        assert_eq!(price.of(10, 20, 0).micros, 1, "never more remembered than sent; rounded up");
    }

    #[test]
    fn a_price_table_without_the_model_is_told_unless_it_runs_here() {
        let wanted = |kind, base, model| {
            let provider = provider(kind, base, model, None);
            is_wanted(&provider.kind, &provider.config)
        };
        assert!(wanted("openai-chat", Some("https://llm.acme.example/v1"), "llama3.2"));
        assert!(wanted("anthropic-messages", None, "claude-next"));
        assert!(!wanted("anthropic-messages", None, "claude-sonnet-4-5"));
        for here in ["http://127.0.0.1:11434/v1", "http://localhost:8080/v1", "http://[::1]:8080/v1"] {
            assert!(!wanted("openai-chat", Some(here), "llama3.2"), "{here}");
        }
        assert!(!wanted("template", None, "any") && !wanted("exec", None, "any"));
    }

    #[test]
    fn the_list_holds_at_the_providers_own_address_only() {
        let input = |kind, base, model| of(&provider(kind, base, model, None)).map(|price| price.input);
        assert_eq!(input("openai-chat", Some("https://api.openai.com/v1"), "gpt-4o-mini-2024-07-18"), Some(0.15));
        assert_eq!(input("anthropic-messages", None, "claude-sonnet-4-20250514"), Some(3.0));
        assert_eq!(input("anthropic-messages", None, "claude-opus-4-5"), Some(5.0));
        assert_eq!(input("gemini", None, "gemini-2.5-flash"), Some(0.3));
        for (base, model) in [
            ("http://127.0.0.1:11434/v1", "gpt-4o"),
            ("https://api.openai.com.example/v1", "gpt-4o"),
            ("https://api.openai.com/v1", "gpt-5.1"),
            ("https://api.openai.com/v1", "llama3.2"),
        ] {
            assert_eq!(input("openai-chat", Some(base), model), None, "{base} {model}");
        }
    }
}
