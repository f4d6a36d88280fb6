// Starts `loopctl lsp` for KDL files and for the templates that workflows name.
const { workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function activate() {
  const command = workspace.getConfiguration("loopctl").get("path") || "loopctl";
  const server = { command, args: ["lsp"], transport: TransportKind.stdio };
  client = new LanguageClient("loopctl", "loopctl", server, {
    documentSelector: [{ language: "kdl" }, { language: "handlebars" }, { pattern: "**/*.hbs" }],
  });
  return client.start();
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
