; Colours from the grammar that `extension.toml` names. Where Zed shows semantic tokens, the server's colours go over them.
(node (identifier) @keyword)
(prop (identifier) @property)
(type) @type
(string) @string
(escape) @string.escape
(number) @number
(boolean) @boolean
"=" @operator
[(single_line_comment) (multi_line_comment)] @comment
(node (node_comment) @comment)
(node_field (node_field_comment) @comment)
(node_children (node_children_comment) @comment)
["{" "}" "(" ")"] @punctuation.bracket
