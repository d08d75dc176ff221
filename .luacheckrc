std = "lua51+lua54+luajit"
max_line_length = 100
unused_args = false
files["spec"] = { std = "+busted" }
files["lua/taskqueue/meta.lua"] = { ignore = { "241" } }
files["lua/taskqueue/loop/openresty.lua"] = { std = "+ngx_lua" }
files["lua/taskqueue/sharing/keeper.lua"] = { std = "+ngx_lua" }
files["lua/taskqueue/sharing/shared_dict.lua"] = { std = "+ngx_lua" }
files["lua/taskqueue/sharing/slots.lua"] = { std = "+ngx_lua" }
files["spec/openresty"] = { std = "+busted+ngx_lua" }
files["examples/openresty"] = { std = "+ngx_lua" }
