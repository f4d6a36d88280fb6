//! Channels: what a `channel` block may hold. The ways out are in `world::publish`.

use crate::step::{ConnectorSpec, NodeSpec, ValueType};

/// Every kind of channel, in the order they are shown.
pub const CHANNELS: &[ConnectorSpec] = &[FILES, WEBHOOK, SLACK, TEAMS];

const FILES: ConnectorSpec = ConnectorSpec {
    kind: "files",
    summary: "Writes each piece as a Markdown file into a folder.",
    doc: "Made for site generators, and for looking at the result of a first loop. A file is named by date, title and the beginning \
          of the piece's key, and appears whole or not at all.\n\n\
          A piece is written once: the key in the front matter says which piece a file is, also after you renamed it. What you change \
          in a file afterwards stays as it is, and the receipt says that it was edited. Files of others are never overwritten.",
    nodes: &[
        NodeSpec::value(
            "dir",
            ValueType::OutputPath,
            "The folder, relative to the workflow and inside its folder. It is made when it is not there.",
            "dir \"out/blog\"",
        )
        .required(),
        NodeSpec::value(
            "front-matter",
            ValueType::Bool,
            "Begins each file with YAML front matter: title, date, key, and what the piece came from. Without it only the \
             name of a file tells which piece it is, so a renamed file is written again.",
            "front-matter #false",
        )
        .or("#true"),
    ],
    example: "channel \"blog\" kind=\"files\" {\n    dir \"out/blog\"\n}",
};

const WEBHOOK: ConnectorSpec = ConnectorSpec {
    kind: "webhook",
    summary: "Sends each piece as a signed JSON message to an address of yours.",
    doc: "One `POST` a piece, by the Standard Webhooks specification: `webhook-id` is the piece's key and the same in every attempt, \
          so a receiver that remembers ids takes a piece once. The body holds `type`, `timestamp` and `data` with title, text (Markdown) and fields.\n\n\
          A receiver that answers 429 or 503 is asked again. When an attempt may have arrived without an answer (a time-out, another \
          5xx), the piece is in doubt: nothing is sent again until a person says what happened.",
    nodes: &[
        NodeSpec::value(
            "url",
            ValueType::Url,
            "The address of the receiver. It answers with any 2xx status; a `Location` header becomes the place on the receipt.",
            "url \"https://hooks.example.com/pieces\"",
        )
        .required(),
        NodeSpec::value(
            "secret",
            ValueType::Secret,
            "Where the signing secret is kept: `whsec_` and base64, the same at the receiver. Without it messages are not signed.",
            "secret (env)\"HOOK_SECRET\"",
        ),
    ],
    example: "channel \"crm\" kind=\"webhook\" {\n    url \"https://hooks.example.com/pieces\"\n    secret (env)\"HOOK_SECRET\"\n}",
};

const CHAT_URL: NodeSpec = NodeSpec::value(
    "url",
    ValueType::Secret,
    "Where the address of the incoming webhook is kept. Whoever has it can write there, so it is a secret.",
    "url (env)\"CHAT_URL\"",
)
.required();

const SLACK: ConnectorSpec = ConnectorSpec {
    kind: "slack",
    summary: "Writes messages into a Slack channel, over an incoming webhook.",
    doc: "Made for `notify`, and for short pieces. The title stands in bold above the text. Slack does not tell which messages it has, so an \
          attempt that may have arrived without an answer is in doubt and is not repeated by itself. Texts cannot call people: `<!channel>` \
          and the like are shown as they are written.",
    nodes: &[CHAT_URL],
    example: "channel \"team\" kind=\"slack\" {\n    url (env)\"CHAT_URL\"\n}",
};

const TEAMS: ConnectorSpec = ConnectorSpec {
    kind: "teams",
    summary: "Writes messages into a Microsoft Teams channel, over a workflow webhook.",
    doc: "Made for `notify`, and for short pieces: one adaptive card with the title in bold above the text. As with `slack`, an attempt that \
          may have arrived without an answer is in doubt and is not repeated by itself.",
    nodes: &[CHAT_URL],
    example: "channel \"team\" kind=\"teams\" {\n    url (env)\"CHAT_URL\"\n}",
};
