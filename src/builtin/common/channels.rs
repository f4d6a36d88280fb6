//! Channels: what a `channel` block may hold. The ways out are in `world::publish`.

use super::limits::{AT_ONCE, RATE, RETRIES, TIMEOUT};
use crate::step::spec::SENDS;
use crate::step::{ArgSpec, ConnectorSpec, NodeSpec, Occurs, PropSpec, ValueType};

/// Every kind of channel, in the order they are shown.
pub const CHANNELS: &[ConnectorSpec] = &[FILES, WORDPRESS, GHOST, SMTP, WEBHOOK, SLACK, TEAMS];

/// Kinds whose pieces can be looked at again after they went out.
pub const READABLE: [&str; 3] = ["files", "wordpress", "ghost"];

/// Whether a kind of channel can say who gets what goes out on it, so that caps on people count there.
pub fn knows_its_readers(kind: &str) -> bool {
    CHANNELS.iter().any(|channel| channel.kind == kind && channel.nodes.iter().any(|node| node.name == SENDS.name))
}

const FILES: ConnectorSpec = ConnectorSpec {
    kind: "files",
    summary: "Writes each piece as a Markdown file into a folder.",
    doc: "Made for site generators, and for looking at the result of a first loop. A file is named by date, title and the beginning \
          of the piece's key, and appears whole or not at all.\n\n\
          A piece is written once: the key in the front matter says which piece a file is, also after you renamed it. What you change \
          in a file afterwards stays as it is, and comes back: before the next cycle opens it becomes an edit of the piece, which is kept when \
          the piece is written again. A file that you delete is not written again by itself. Files of others are never overwritten.",
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

const SITE_URL: NodeSpec = NodeSpec::value(
    "url",
    ValueType::Url,
    "The address of the site, as its readers open it.",
    "url \"https://blog.example.com\"",
)
.required();

const WORDPRESS: ConnectorSpec = ConnectorSpec {
    kind: "wordpress",
    summary: "Makes each piece a post of a WordPress site.",
    doc: "Over the REST API that WordPress has since 4.7, with an application password (in WordPress under Users, Profile). The text \
          becomes clean HTML.\n\n\
          A piece becomes one post: its key stands in the slug and in a comment that readers do not see, and posts are looked through for it \
          before one is made. What a person changes in WordPress stays as it is, and comes back: before the next cycle opens it becomes an edit \
          of the piece, in Markdown, which is kept when the piece is written again. A post in the bin, or a draft again, is not sent again by itself.",
    nodes: &[
        SITE_URL,
        NodeSpec::value("user", ValueType::Text, "Who writes the posts.", "user \"editor\"").required(),
        NodeSpec::value(
            "password",
            ValueType::Secret,
            "Where the application password of that user is kept.",
            "password (env)\"WORDPRESS_PASSWORD\"",
        )
        .required(),
        NodeSpec {
            name: "status",
            args: &[ArgSpec { name: "value", ty: ValueType::Choice(&["publish", "draft"]), required: true }],
            default: Some("\"publish\""),
            doc: "With `draft` somebody publishes it in WordPress.",
            example: "status \"draft\"",
            ..NodeSpec::EMPTY
        },
        RETRIES,
        AT_ONCE,
        RATE,
    ],
    example: "channel \"site\" kind=\"wordpress\" {\n    url \"https://blog.example.com\"\n    user \"editor\"\n    password (env)\"WORDPRESS_PASSWORD\"\n}",
};

const GHOST: ConnectorSpec = ConnectorSpec {
    kind: "ghost",
    summary: "Makes each piece a post of a Ghost site.",
    doc: "Over Ghost's Admin API (version 5) with the key of a custom integration. The text becomes clean HTML.\n\n\
          A piece becomes one post: an internal tag, which readers do not see, holds its key, and posts are looked through for it before one \
          is made. What a person changes in Ghost stays as it is, and comes back: before the next cycle opens it becomes an edit of the piece, in \
          Markdown, which is kept when the piece is written again. A post that was deleted or unpublished is not sent again by itself.",
    nodes: &[
        SITE_URL,
        NodeSpec::value(
            "key",
            ValueType::Secret,
            "Where the Admin API key is kept; in Ghost it stands under Settings, Integrations.",
            "key (env)\"GHOST_KEY\"",
        )
        .required(),
        NodeSpec {
            name: "status",
            args: &[ArgSpec { name: "value", ty: ValueType::Choice(&["published", "draft"]), required: true }],
            default: Some("\"published\""),
            doc: "With `draft` somebody publishes it in Ghost.",
            example: "status \"draft\"",
            ..NodeSpec::EMPTY
        },
        RETRIES,
        AT_ONCE,
        RATE,
    ],
    example: "channel \"site\" kind=\"ghost\" {\n    url \"https://blog.example.com\"\n    key (env)\"GHOST_KEY\"\n}",
};

const SMTP: ConnectorSpec = ConnectorSpec {
    kind: "smtp",
    summary: "Sends each piece as a letter over a mail server.",
    doc: "For a newsletter's list address, and for `notify`. A letter holds the text twice, plain and as HTML without anything that runs, and \
          its `Message-ID` comes from the piece's key.\n\n\
          A mail server cannot say which letters it has. Until the text is on its way an attempt that fails is repeated; when the line breaks \
          after that, the letter is in doubt and nothing is sent again until a person says what happened.\n\n\
          People are counted where `sends` says so, here or in the workflow's `limit`: whoever has had as many letters as it allows is left out \
          of the next one, and the cycle tells how many were. They are known by keyed digests of their addresses; the addresses stay in your \
          files. Each address counts as one person, also that of a mailing list.\n\n\
          Give `unsubscribe` when the letters go to people outside: mail programs show it beside the sender, and it stands below the text.",
    nodes: &[
        NodeSpec {
            name: "server",
            args: &[ArgSpec { name: "host", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "port",
                ty: ValueType::Integer,
                required: false,
                default: None,
                doc: "Left out: 587 with `starttls`, 465 with `implicit`, 25 with `none`.",
            }],
            occurs: Occurs::Once,
            doc: "The mail server that takes the letters.",
            example: "server \"smtp.example.com\" port=587",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "tls",
            args: &[ArgSpec { name: "value", ty: ValueType::Choice(&["starttls", "implicit", "none"]), required: true }],
            default: Some("\"starttls\""),
            doc: "How the line is kept private. With `none` a password is sent to this machine only.",
            example: "tls \"implicit\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("user", ValueType::Secret, "Where the login name is kept.", "user (env)\"SMTP_USER\""),
        NodeSpec::value("password", ValueType::Secret, "Where the password is kept.", "password (env)\"SMTP_PASSWORD\""),
        NodeSpec::value("from", ValueType::Text, "Who writes.", "from \"Acme <news@example.com>\"").required(),
        NodeSpec {
            name: "to",
            args: &[ArgSpec { name: "address", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            doc: "Who gets it. All of them see each other's addresses.",
            example: "to \"readers@lists.example.com\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec {
            name: "bcc",
            args: &[ArgSpec { name: "address", ty: ValueType::Text, required: true }],
            rest: Some(ValueType::Text),
            doc: "Who gets it as well without being seen.",
            example: "bcc \"archive@example.com\"",
            ..NodeSpec::EMPTY
        },
        NodeSpec::value("reply-to", ValueType::Text, "Where answers go; left out, to `from`.", "reply-to \"ann@example.com\""),
        NodeSpec {
            name: "unsubscribe",
            args: &[ArgSpec { name: "address", ty: ValueType::Text, required: true }],
            props: &[PropSpec {
                name: "one-click",
                ty: ValueType::Bool,
                required: false,
                default: Some("#false"),
                doc: "One `POST` to the https address ends the subscription, as RFC 8058 says.",
            }],
            doc: "How readers end it: an address on the web, or `mailto:`. It is written as `List-Unsubscribe` and below the text.",
            example: "unsubscribe \"https://example.com/unsubscribe\" one-click=#true",
            ..NodeSpec::EMPTY
        },
        NodeSpec::value(
            "audience",
            ValueType::File,
            "A list of people who get each letter without being seen, at most 1,000: a table with a column `email`, or one address a line. It \
             is read anew for each piece, so whoever is taken off the list gets nothing more.",
            "audience \"data/readers.csv\"",
        ),
        NodeSpec::value(
            "except",
            ValueType::File,
            "People who get nothing, whatever the other lists say: those who wrote back that they want no more. Written like `audience`.",
            "except \"data/no-more.txt\"",
        ),
        SENDS,
        RETRIES,
        AT_ONCE,
        RATE,
    ],
    example: "channel \"letters\" kind=\"smtp\" {\n    server \"smtp.example.com\" port=587\n    user (env)\"SMTP_USER\"\n    \
              password (env)\"SMTP_PASSWORD\"\n    from \"Acme <news@example.com>\"\n    to \"readers@lists.example.com\"\n    \
              unsubscribe \"https://example.com/unsubscribe\" one-click=#true\n}",
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
        TIMEOUT,
        RETRIES,
        AT_ONCE,
        RATE,
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
    nodes: &[CHAT_URL, TIMEOUT, RETRIES, AT_ONCE, RATE],
    example: "channel \"team\" kind=\"slack\" {\n    url (env)\"CHAT_URL\"\n}",
};

const TEAMS: ConnectorSpec = ConnectorSpec {
    kind: "teams",
    summary: "Writes messages into a Microsoft Teams channel, over a workflow webhook.",
    doc: "Made for `notify`, and for short pieces: one adaptive card with the title in bold above the text. As with `slack`, an attempt that \
          may have arrived without an answer is in doubt and is not repeated by itself.",
    nodes: &[CHAT_URL, TIMEOUT, RETRIES, AT_ONCE, RATE],
    example: "channel \"team\" kind=\"teams\" {\n    url (env)\"CHAT_URL\"\n}",
};
