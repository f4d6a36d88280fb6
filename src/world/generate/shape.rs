//! Whether an answer has the form that was asked for.
//!
//! The schemas are those of our own step kinds, which use few words of JSON Schema; those are checked here. A word that is not
//! checked here is still sent to the model.

use crate::step::Generated;
use serde_json::Value;

/// The answer without the fence that models like to put around JSON.
pub fn bare(wants_json: bool, generated: Generated) -> Generated {
    match wants_json {
        true => Generated { text: unfenced(&generated.text).to_owned(), ..generated },
        false => generated,
    }
}

/// What is wrong with an answer, in words that a model and a person understand. An answer that was cut is not judged: what it
/// lacks is known.
pub fn checked(schema: Option<&Value>, generated: &Generated) -> Result<(), String> {
    let Some(schema) = schema else { return Ok(()) };
    let value: Value = serde_json::from_str(unfenced(&generated.text)).map_err(|error| format!("it is not JSON ({error})"))?;
    match fault(schema, &value, "the answer") {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(inside) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else { return text };
    inside.split_once('\n').map_or(inside, |(_, body)| body).trim()
}

/// The first thing that does not follow the schema.
pub fn fault(schema: &Value, value: &Value, place: &str) -> Option<String> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|wanted| is_of(value, wanted)) {
        return Some(format!("{place} is no {}", types.join(" or ")));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        return Some(format!("{place} is none of {}", allowed.join(", ")));
    }
    let bound = |name: &str| schema[name].as_u64().map(|bound| bound as usize);
    match value {
        Value::Object(fields) => {
            let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if let Some(name) = missing.into_iter().find(|name| !fields.contains_key(*name)) {
                return Some(format!("{place} lacks `{name}`"));
            }
            let known = schema["properties"].as_object();
            if schema["additionalProperties"] == Value::Bool(false)
                && let Some(name) = fields.keys().find(|name| known.is_none_or(|known| !known.contains_key(*name)))
            {
                return Some(format!("{place} has `{name}`, which was not asked for"));
            }
            known.into_iter().flatten().find_map(|(name, schema)| fault(schema, fields.get(name)?, &format!("`{name}`")))
        }
        Value::Array(items) => match (bound("minItems"), bound("maxItems")) {
            (Some(least), _) if items.len() < least => Some(format!("{place} has fewer than {least} entries")),
            (_, Some(most)) if items.len() > most => Some(format!("{place} has more than {most} entries")),
            _ => items
                .iter()
                .enumerate()
                .find_map(|(at, item)| fault(schema.get("items")?, item, &format!("entry {} of {place}", at + 1))),
        },
        Value::Number(number) => {
            let number = number.as_f64()?;
            match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
                (Some(least), _) if number < least => Some(format!("{place} is below {least}")),
                (_, Some(most)) if number > most => Some(format!("{place} is above {most}")),
                _ => None,
            }
        }
        Value::String(text) => match (bound("minLength"), bound("maxLength")) {
            (Some(least), _) if text.chars().count() < least => Some(format!("{place} is shorter than {least} characters")),
            (_, Some(most)) if text.chars().count() > most => Some(format!("{place} is longer than {most} characters")),
            _ => None,
        },
        Value::Null | Value::Bool(_) => None,
    }
}

fn is_of(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn generated(text: &str) -> Generated {
        Generated { text: text.into(), model: "m".into(), tokens_in: 1, tokens_out: 1, cost: None, cut: false }
    }

    #[test]
    fn an_answer_in_the_wanted_form_passes_also_in_a_fence() {
        let schema = json!({
            "type": "object", "required": ["verdict"], "additionalProperties": false,
            "properties": { "verdict": { "enum": ["pass", "fail"] }, "score": { "type": "number", "minimum": 0, "maximum": 1 } },
        });
        let fenced = generated("```json\n{\"verdict\":\"pass\",\"score\":0.5}\n```");
        assert_eq!(checked(Some(&schema), &fenced), Ok(()));
        assert_eq!(bare(true, fenced).text, "{\"verdict\":\"pass\",\"score\":0.5}");
        for (text, fault) in [
            ("pass", "it is not JSON"),
            ("[]", "the answer is no object"),
            ("{}", "the answer lacks `verdict`"),
            (r#"{"verdict":"maybe"}"#, "`verdict` is none of \"pass\", \"fail\""),
            (r#"{"verdict":"pass","score":2}"#, "`score` is above 1"),
            (r#"{"verdict":"pass","why":"x"}"#, "the answer has `why`, which was not asked for"),
        ] {
            assert!(checked(Some(&schema), &generated(text)).unwrap_err().contains(fault), "{text}");
        }
    }

    #[test]
    fn lists_are_counted_and_looked_into() {
        let schema = json!({ "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string", "maxLength": 3 } });
        for (text, fault) in [
            ("[]", "fewer than 1"),
            (r#"["a","b","c"]"#, "more than 2"),
            (r#"["a",4]"#, "entry 2 of the answer is no string"),
            (r#"["abcd"]"#, "longer than 3 characters"),
        ] {
            assert!(checked(Some(&schema), &generated(text)).unwrap_err().contains(fault), "{text}");
        }
        assert_eq!(checked(Some(&schema), &generated(r#"["äöü"]"#)), Ok(()));
        assert_eq!(checked(None, &generated("prose")), Ok(()));
    }
}
