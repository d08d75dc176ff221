-- SPDX-License-Identifier: MIT
-- What editors are told (lua/taskqueue/meta.lua) and the page of the whole API (docs/api.md), held
-- against the module.
local taskqueue = require "taskqueue"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- The public names of an object's methods, or of a module's fields. What only the module's own
-- files call is named here.
local INTERNAL = {
  await = true, unless_closed = true, watch_list = true, read_failure = true, explain_end = true,
  learn = true, service = true,
}

local function names_of(value, list)
  for name in pairs(value) do
    if not INTERNAL[name] then list[name] = true end
  end
  return list
end

local function methods_of(object)
  return names_of(getmetatable(object).__index, {})
end

-- By class: fields and functions that the annotations name.
local function annotated()
  local classes, fields, class = {}, {}, nil
  for line in (read "lua/taskqueue/meta.lua"):gmatch("[^\n]+") do
    local name, rest = line:match("^%-%-%-@class taskqueue%.?([%w_]*)(.*)")
    local parent = rest and rest:match("taskqueue%.([%w_]+)")
    local field = line:match("^%-%-%-@field ([%w_]+)")
    local owner, method = line:match("^function ([%w_]+)[.:]([%w_]+)%(")
    if name then
      class = name == "" and "taskqueue" or name
      classes[class], fields[class] = {}, {}
      for inherited in pairs(classes[parent] or {}) do classes[class][inherited] = true end
      for inherited in pairs(fields[parent] or {}) do fields[class][inherited] = true end
    elseif field then
      fields[class][field] = true
    elseif method then
      classes[owner][method] = true
    end
  end
  return classes, fields
end

-- What a function checks its options against is nobody else's business.
local function upvalue(fn, wanted)
  for i = 1, 60 do
    local name, value = debug.getupvalue(fn, i)
    if name == wanted then return value end
  end
  error("no upvalue " .. wanted)
end

local function merged(a, b)
  local both = {}
  for name in pairs(a) do both[name] = true end
  for name in pairs(b) do both[name] = true end
  return both
end

describe("the annotations for editors", function()
  local classes, fields = annotated()
  local sms = taskqueue.mobizon.new { api_key = "x" }
  local node = taskqueue.cnode.new()

  it("have every function and field of the module, and no other", function()
    assert.same(names_of(taskqueue, {}), merged(classes.taskqueue, fields.taskqueue))
    assert.same(names_of(taskqueue.mobizon, {}), merged(classes.mobizon, fields.mobizon))
    assert.same(names_of(taskqueue.cnode, {}), merged(classes.cnode, fields.cnode))
  end)

  it("have every method of clients and tasks, and no other", function()
    assert.same(methods_of(sms), classes.mobizon_client)
    assert.same(methods_of(node), classes.cnode_client)
    assert.same(methods_of(sms:task("1")), classes.task)
  end)

  it("have every option of a wait and of the clients, and no other", function()
    assert.same(names_of(require("taskqueue.wait").options, {}), fields.wait_options)
    assert.same(names_of(require("taskqueue.client").options, {}), fields.client_options)
    assert.same(names_of(upvalue(taskqueue.mobizon.new, "spec"), {}), fields.mobizon_options)
    assert.same(names_of(upvalue(taskqueue.cnode.new, "spec"), {}), fields.cnode_options)
  end)

  it("have every kind and state, and every event", function()
    local text = read "lua/taskqueue/meta.lua"
    for _, kind in pairs(taskqueue.kind) do assert.matches('\n%-%-%-| "' .. kind .. '" #', text) end
    for _, state in pairs(taskqueue.state) do
      assert.matches('alias taskqueue.state [^\n]*"' .. state .. '"', text)
    end
    for _, event in ipairs(require("taskqueue.events").names) do
      assert.matches('param event [^\n]*"' .. event .. '"', text)
    end
  end)

  it("are Lua that does nothing", function()
    local found = assert(loadfile "lua/taskqueue/meta.lua")()
    assert.is_nil(found.run(print))
  end)
end)

describe("the page of the whole API", function()
  it("names every public function, method, field and option", function()
    local page = read "docs/api.md"
    local classes, fields = annotated()
    local function check(names, prefix)
      for name in pairs(names) do
        assert.is_truthy(page:find(prefix .. name .. "%f[^%w_]"), prefix .. name)
      end
    end
    check(merged(classes.taskqueue, fields.taskqueue), "taskqueue%.")
    check(merged(classes.mobizon, fields.mobizon), "taskqueue%.mobizon%.")
    check(merged(classes.cnode, fields.cnode), "taskqueue%.cnode%.")
    check(classes.mobizon_client, "client:")
    check(classes.task, "task:")
    for _, class in ipairs { "wait_options", "mobizon_options", "cnode_options", "status" } do
      check(fields[class], "%f[%w_]")
    end
    for _, kind in pairs(taskqueue.kind) do check({ [kind] = true }, "%f[%w_]") end
  end)
end)
