-- Neovim 0.11 or newer: copy this to ~/.config/nvim/lsp/loopctl.lua and write `vim.lsp.enable("loopctl")` in init.lua.
return {
  cmd = { "loopctl", "lsp" },
  filetypes = { "kdl", "handlebars" },
  root_markers = { "loop.lock", ".loopctl", "workflows", ".git" },
}
