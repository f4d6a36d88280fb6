//! Providers of generated text: what a `provider` block may hold. The wires are in `world::generate`.

use super::limits::{AT_ONCE, IN_ALL, RATE, RETRIES};
use crate::step::{ArgSpec, ConnectorSpec, NodeSpec, PropSpec, ValueType};

/// Every kind of provider, in the order they are shown.
pub const PROVIDERS: &[ConnectorSpec] = &[TEMPLATE, OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, GEMINI, EXEC];

const TEMPLATE: ConnectorSpec = ConnectorSpec {
    kind: "template",
    summary: "Writes without a model: the answer is what the step's template composed from the facts.",
    doc: "Needs no network, no key and no money, and gives the same answer every time. It is what a first loop runs on, and what \
          a rehearsal uses in place of a model.\n\n\
          The quality of the text is the quality of the template: see `template` in `outline` and `draft`.",
    nodes: &[],
    example: "provider \"drafter\" kind=\"template\"",
};

const MODEL: NodeSpec =
    NodeSpec::value("model", ValueType::Text, "The name of the model as the server knows it.", "model \"llama3.2\"").required();

const KEY: NodeSpec = NodeSpec::value(
    "key",
    ValueType::Secret,
    "Where the key is kept: an environment variable, or a file relative to the workflow. It is read when it is used and \
     is never stored or shown. A server on your own machine often needs none.",
    "key (env)\"LLM_KEY\"",
);

const MAX_TOKENS: NodeSpec = NodeSpec::value(
    "max-tokens",
    ValueType::Integer,
    "The longest answer in tokens, whatever a step asks for. About 750 English words fit into 1,000 tokens.",
    "max-tokens 1200",
)
.or("1200");

const TIMEOUT: NodeSpec = NodeSpec {
    props: IN_ALL,
    ..NodeSpec::value(
        "timeout",
        ValueType::Duration,
        "How long one answer may take, from the question to its last word.",
        "timeout \"120s\"",
    )
    .or("\"120s\"")
};

const STREAM: NodeSpec = NodeSpec::value(
    "stream",
    ValueType::Bool,
    "Takes the answer in pieces, as it is written. A long answer then is not mistaken for a dead server: one that says nothing for \
     a minute is given up.",
    "stream #true",
)
.or("#false");

const PERSONAL: NodeSpec = NodeSpec {
    name: "personal-data",
    args: &[ArgSpec { name: "kind", ty: ValueType::Choice(&["e-mail", "phone", "name"]), required: true }],
    rest: Some(ValueType::Choice(&["e-mail", "phone", "name"])),
    doc: "Kinds of personal data that this provider may be told. Everything else is taken out of what it is asked: e-mail addresses, phone \
          numbers and the names that stand with them, unless they stand in the Client OS. `loopctl trace` says what was taken out.",
    example: "personal-data \"e-mail\"",
    ..NodeSpec::EMPTY
};

const FALLBACK: NodeSpec = NodeSpec::value(
    "fallback",
    ValueType::Provider,
    "The provider that is asked when this one fails, with all its attempts. It may have a fallback of its own.",
    "fallback \"other\"",
);

const CASSETTE: NodeSpec = NodeSpec {
    name: "cassette",
    args: &[ArgSpec { name: "folder", ty: ValueType::OutputPath, required: true }],
    props: &[PropSpec {
        name: "mode",
        ty: ValueType::Choice(&["live", "record", "replay"]),
        required: false,
        default: Some("\"replay\""),
        doc: "`record` asks the server and keeps its answers, `replay` answers with what was kept and asks nobody, `live` does neither. \
              The environment variable `LOOPCTL_CASSETTES` says it for all providers at once.",
    }],
    doc: "A folder of recorded answers, for tests and demonstrations without a server. It holds neither keys nor prompts.",
    example: "cassette \"tapes\" mode=\"replay\"",
    ..NodeSpec::EMPTY
};

const PRICE: NodeSpec = NodeSpec {
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
        PropSpec {
            name: "cached",
            ty: ValueType::Number,
            required: false,
            default: None,
            doc: "US dollars for a million sent tokens that the server still remembered; left out, they cost what all others cost.",
        },
    ],
    doc: "What the model costs, in US dollars per million tokens. Left out, the list price of November 2025 counts for the common \
          models of OpenAI, Anthropic and Google at their own addresses; every other model has no price, and only its tokens are counted.",
    example: "price input=0.15 output=0.6",
    ..NodeSpec::EMPTY
};

const BASE_URL: NodeSpec = NodeSpec::value(
    "base-url",
    ValueType::Url,
    "The address of the interface up to and without `/chat/completions`; it often ends in `/v1`.",
    "base-url \"http://127.0.0.1:11434/v1\"",
)
.required();

/// For wires that know their provider's own address.
const OWN_BASE_URL: NodeSpec = NodeSpec::value(
    "base-url",
    ValueType::Url,
    "Another address of the interface, such as that of a proxy of yours. Left out, it is the provider's own.",
    "base-url \"https://llm.example.com/v1\"",
);

const OPENAI_CHAT: ConnectorSpec = ConnectorSpec {
    kind: "openai-chat",
    summary: "Asks a model over the OpenAI chat-completions interface, as most servers of open models speak it too.",
    doc: "Works with OpenAI and, by `base-url`, with Ollama (`http://127.0.0.1:11434/v1`), vLLM, llama.cpp and many others. \
          A busy server is asked again up to three times, with growing pauses and as late as it asks for; one that stays dead is then \
          left alone for half a minute. An answer that was cut off at \
          the token limit is kept and marked: a draft carries a finding, an outline a note. An answer that cannot be used is paid for \
          all the same, and counted.\n\n\
          With a price the cost of every answer is counted against the workflow's spend; without it only tokens are counted. \
          A server that reports no tokens is counted for by the size of the text.",
    nodes: &[BASE_URL, MODEL, KEY, MAX_TOKENS, TIMEOUT, RETRIES, AT_ONCE, RATE, STREAM, PRICE, PERSONAL, FALLBACK, CASSETTE],
    example: "provider \"drafter\" kind=\"openai-chat\" {\n    base-url \"http://127.0.0.1:11434/v1\"\n    model \"llama3.2\"\n    \
              key (env)\"LLM_KEY\"\n    max-tokens 1200\n    price input=0.15 output=0.6\n}",
};

const OPENAI_RESPONSES: ConnectorSpec = ConnectorSpec {
    kind: "openai-responses",
    summary: "Asks a model over OpenAI's newer responses interface.",
    doc: "As `openai-chat` in all that concerns retries, limits, prices and answers. The server is told not to keep the answers.",
    nodes: &[MODEL, KEY, OWN_BASE_URL, MAX_TOKENS, TIMEOUT, RETRIES, AT_ONCE, RATE, STREAM, PRICE, PERSONAL, FALLBACK, CASSETTE],
    example: "provider \"drafter\" kind=\"openai-responses\" {\n    model \"gpt-5-mini\"\n    key (env)\"OPENAI_API_KEY\"\n}",
};

const ANTHROPIC_MESSAGES: ConnectorSpec = ConnectorSpec {
    kind: "anthropic-messages",
    summary: "Asks a model over Anthropic's messages interface.",
    doc: "As `openai-chat` in all that concerns retries, limits, prices and answers. The standing instructions (voice, rules, Client OS) \
          are marked for the prompt cache, so that a second piece does not pay for them in full.",
    nodes: &[MODEL, KEY, OWN_BASE_URL, MAX_TOKENS, TIMEOUT, RETRIES, AT_ONCE, RATE, STREAM, PRICE, PERSONAL, FALLBACK, CASSETTE],
    example: "provider \"drafter\" kind=\"anthropic-messages\" {\n    model \"claude-sonnet-4-5\"\n    key (env)\"ANTHROPIC_API_KEY\"\n}",
};

const GEMINI: ConnectorSpec = ConnectorSpec {
    kind: "gemini",
    summary: "Asks a model over Google's Gemini interface.",
    doc: "As `openai-chat` in all that concerns retries, limits, prices and answers. The key travels as a header and stands in no address.",
    nodes: &[MODEL, KEY, OWN_BASE_URL, MAX_TOKENS, TIMEOUT, RETRIES, AT_ONCE, RATE, STREAM, PRICE, PERSONAL, FALLBACK, CASSETTE],
    example: "provider \"drafter\" kind=\"gemini\" {\n    model \"gemini-2.5-flash\"\n    key (env)\"GEMINI_API_KEY\"\n}",
};

const EXEC: ConnectorSpec = ConnectorSpec {
    kind: "exec",
    summary: "Lets a command on this machine write the text.",
    doc: "The question goes to the command's standard input as one JSON value with `task`, `system`, `prompt`, `composed`, `max_tokens` and \
          `schema`. What it prints is the answer: text, or JSON with `text` and, if it knows them, `model`, `tokens_in` and `tokens_out`. \
          It runs in the folder of the workflow, without a shell, and sees `PATH`, `HOME` and the like and the variables named with `env`.\n\n\
          A workflow is often somebody else's file, so a command runs only after a person has looked at it and agreed, once on each \
          machine: `loopctl trust WORKFLOW`. A changed command is asked about again.",
    nodes: &[
        NodeSpec {
            name: "command",
            args: &[ArgSpec { name: "program", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            occurs: crate::step::Occurs::Once,
            doc: "The program and its words.",
            example: "command \"llm\" \"-m\" \"llama3.2\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "env",
            args: &[ArgSpec { name: "name", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            doc: "Environment variables that the command may see besides the common ones.",
            example: "env \"LLM_USER_PATH\"",
            ..NodeSpec::EMPTY
        },
        MAX_TOKENS,
        TIMEOUT,
        AT_ONCE,
        RATE,
        PRICE,
        PERSONAL,
        FALLBACK,
    ],
    example: "provider \"drafter\" kind=\"exec\" {\n    command \"llm\" \"-m\" \"llama3.2\"\n}",
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
                // With a value of its own: a model that this provider has, where the node's example names another's.
                let mut lines = connector.example.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
                assert!(lines.any(|words| words.len() > 1 && words[0] == node.name), "{}: {}", connector.kind, node.name);
            }
        }
    }
}
