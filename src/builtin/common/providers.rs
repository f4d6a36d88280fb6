//! Providers of generated text: what a `provider` block may hold. The wires are in `world::generate`.

use crate::step::{ConnectorSpec, NodeSpec, PropSpec, ValueType};

/// Every kind of provider, in the order they are shown.
pub const PROVIDERS: &[ConnectorSpec] = &[TEMPLATE, OPENAI_CHAT];

const TEMPLATE: ConnectorSpec = ConnectorSpec {
    kind: "template",
    summary: "Writes without a model: the answer is what the step's template composed from the facts.",
    doc: "Needs no network, no key and no money, and gives the same answer every time. It is what a first loop runs on, and what \
          a rehearsal uses in place of a model.\n\n\
          The quality of the text is the quality of the template: see `template` in `outline` and `draft`.",
    nodes: &[],
    example: "provider \"drafter\" kind=\"template\"",
};

const OPENAI_CHAT: ConnectorSpec = ConnectorSpec {
    kind: "openai-chat",
    summary: "Asks a model over the OpenAI chat-completions interface, as most servers of open models speak it too.",
    doc: "Works with OpenAI and, by `base-url`, with Ollama (`http://127.0.0.1:11434/v1`), vLLM, llama.cpp and many others. \
          A busy server is asked again up to three times, with growing pauses and as late as it asks for. An answer that was cut off at \
          the token limit is kept and marked: a draft carries a finding, an outline a note. An answer that cannot be used is paid for \
          all the same, and counted.\n\n\
          With `price` the cost of every answer is counted against the workflow's spend; without it only tokens are counted. \
          A server that reports no tokens is counted for by the size of the text.",
    nodes: &[
        NodeSpec::value(
            "base-url",
            ValueType::Url,
            "The address of the interface up to and without `/chat/completions`; it often ends in `/v1`.",
            "base-url \"http://127.0.0.1:11434/v1\"",
        )
        .required(),
        NodeSpec::value("model", ValueType::Text, "The name of the model as the server knows it.", "model \"llama3.2\"")
            .required(),
        NodeSpec::value(
            "key",
            ValueType::Secret,
            "Where the key is kept: an environment variable, or a file relative to the workflow. It is read when it is used and \
             is never stored or shown. A server on your own machine often needs none.",
            "key (env)\"LLM_KEY\"",
        ),
        NodeSpec::value(
            "max-tokens",
            ValueType::Integer,
            "The longest answer in tokens, whatever a step asks for. About 750 English words fit into 1,000 tokens.",
            "max-tokens 1200",
        )
        .or("1200"),
        NodeSpec::value(
            "timeout",
            ValueType::Duration,
            "How long one answer may take, from the question to its last word.",
            "timeout \"120s\"",
        )
        .or("\"120s\""),
        NodeSpec {
            name: "price",
            props: &[
                PropSpec {
                    name: "input",
                    ty: ValueType::Number,
                    required: true,
                    default: None,
                    doc: "US dollars for a million tokens sent to the model.",
                },
                PropSpec {
                    name: "output",
                    ty: ValueType::Number,
                    required: true,
                    default: None,
                    doc: "US dollars for a million tokens that the model writes.",
                },
            ],
            doc: "What the model costs, in US dollars per million tokens. Model servers do not tell their prices, so they stand here.",
            example: "price input=0.15 output=0.6",
            ..NodeSpec::EMPTY
        },
    ],
    example: "provider \"drafter\" kind=\"openai-chat\" {\n    base-url \"http://127.0.0.1:11434/v1\"\n    model \"llama3.2\"\n    \
              key (env)\"LLM_KEY\"\n    max-tokens 1200\n    price input=0.15 output=0.6\n}",
};

#[cfg(test)]
mod tests {
    use super::super::channels::CHANNELS;
    use super::*;

    #[test]
    fn every_connector_and_node_is_described_with_an_example() {
        for connector in PROVIDERS.iter().chain(CHANNELS) {
            assert!(connector.example.contains(&format!("kind=\"{}\"", connector.kind)), "{}", connector.kind);
            assert!(connector.summary.ends_with('.') && !connector.doc.is_empty(), "{}", connector.kind);
            for node in connector.nodes {
                assert!(node.example.starts_with(node.name) && !node.doc.is_empty(), "{}", node.name);
                assert!(node.props.iter().all(|prop| !prop.doc.is_empty()), "{}", node.name);
            }
        }
    }

    #[test]
    fn examples_hold_every_required_node() {
        use crate::step::Occurs;
        for connector in PROVIDERS.iter().chain(CHANNELS) {
            for node in connector.nodes.iter().filter(|node| node.occurs == Occurs::Once) {
                assert!(connector.example.contains(node.example), "{}: {}", connector.kind, node.name);
            }
        }
    }
}
