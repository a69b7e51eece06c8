-- A pandoc reader: reads a JSON list of Markdown texts, returns one Div for each.
-- Each text is parsed on its own, so an open fence or list in one cannot swallow the next.

local FORMAT = 'markdown-citations-implicit_figures-smart-yaml_metadata_block-example_lists'
  .. '+lists_without_preceding_blankline'

function Reader(input, options)
  local parsed = pandoc.List()
  for _, text in ipairs(pandoc.json.decode(tostring(input), false)) do
    parsed:insert(pandoc.Div(pandoc.read(text, FORMAT, options).blocks))
  end
  return pandoc.Pandoc(parsed)
end
