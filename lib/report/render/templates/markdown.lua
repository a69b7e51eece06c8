-- A pandoc reader: reads a JSON list of Markdown texts, returns one Div for each.
-- Each text is parsed on its own, so an open fence or list in one cannot swallow the next.

local FORMAT = 'markdown-implicit_figures-smart-yaml_metadata_block-example_lists'
  .. '+lists_without_preceding_blankline'

-- Citations stand in brackets, [@key]; a bare @word is text, because names of data may have one.
local BARE = {
  Cite = function(cite)
    if cite.citations[1].mode == 'AuthorInText' then return cite.content end
  end,
}

function Reader(input, options)
  local parsed = pandoc.List()
  for _, text in ipairs(pandoc.json.decode(tostring(input), false)) do
    parsed:insert(pandoc.Div(pandoc.read(text, FORMAT, options):walk(BARE).blocks))
  end
  return pandoc.Pandoc(parsed)
end
